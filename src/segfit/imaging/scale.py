"""How large a pixel is."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from segfit.errors import SegfitError

PIXELS = "px"


@dataclass(frozen=True)
class Scale:
    """How large a pixel is: so many of a ``unit`` of length.

    ``origin``: who says so, such as "OME"; two scales are equal whoever says so.
    """

    unit_per_px: float = 1.0
    unit: str = PIXELS
    origin: str = field(default="", compare=False)

    @classmethod
    def parse(cls, text: str) -> Scale:
        """Read ``0.65um/px``. Raises ``SegfitError`` for another form, and for nothing or less."""
        match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*([^\d\s/]+)\s*/\s*px\s*", text)
        try:
            value = float(match[1]) if match else math.nan
        except ValueError:
            value = math.nan
        if match is None or not 0 < value < math.inf:
            raise SegfitError(
                f"scale {text!r}: give the size of a pixel and its unit, such as 0.65um/px"
            )
        return cls(value, match[2], "given")

    def __str__(self) -> str:
        """The size of a pixel, as ``parse`` reads it."""
        return f"{self.unit_per_px:.6g}{self.unit}/px"


IN_PIXELS = Scale()
"""Where nobody knows how large a pixel is."""
