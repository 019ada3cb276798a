"""How exactly a network is computed, and what a model's card says that less than single costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from segfit.errors import SegfitError

MOST_LOST = 0.001
"""Of each figure, what a faster precision may cost and still be taken by itself: 0.1 point."""


class Precision(StrEnum):
    """How exactly a network is computed; ``AUTO``: see ``find_fastest``."""

    AUTO = "auto"
    SINGLE = "single"
    BFLOAT16 = "bfloat16"
    INT8 = "int8"

    @classmethod
    def _missing_(cls, value: object) -> Precision:
        raise SegfitError(f"unknown precision {value!r}: choose {', '.join(cls)}")


FASTER = (Precision.INT8, Precision.BFLOAT16)
"""Than single, the fastest first."""


@dataclass(frozen=True)
class FasterPrecisions:
    """What a network needs for faster precisions than single, and what a model loses by them.

    ``ranges``: least and largest value of the tensors that int8 rounds, by their names in the
    network's graph; none for a network that has no int8 form. ``losses``: how much worse than in
    single precision the model is, by precision and figure, as shares of 1; a negative one is a
    gain. A precision that the processor did not have was not measured.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    ranges: Mapping[str, tuple[float, float]]
    losses: Mapping[Precision, Mapping[str, float]]
    measured_on: str = ""

    def costs_little(self, precision: Precision) -> bool:
        """Whether a precision was measured and no figure loses ``MOST_LOST`` or more."""
        losses = self.losses.get(precision)
        return losses is not None and max(losses.values()) < MOST_LOST

    def describe(self, precision: Precision) -> str:
        """By how many points each figure changes in a precision, and whether that is too much.

        >>> FasterPrecisions({}, {Precision.INT8: {"mean IoU": 0.0004}}).describe(Precision.INT8)
        'int8 mean IoU -0.04'
        """
        changes = [f"{name} {-100 * loss:+.2f}" for name, loss in self.losses[precision].items()]
        remark = "" if self.costs_little(precision) else ", which is too much"
        return f"{precision} {', '.join(changes)}{remark}"
