"""Encoders: convolutions that lower the resolution step by step; one file each, named like it.

Every encoder maps (N, 3, H, W) normalised images, sides multiples of 32, to feature maps at its
``strides``, finest first: 2 where it can, 4, 8, 16 and mostly 32. It says how many ``channels``
each has and with which ``mean`` and ``std`` (on the 0 to 255 scale) it wants its images
normalised, and whether it is ``pretrainable``: such weights learn at a rate of their own.

A file ``my_encoder.py`` with a function ``build`` is the encoder ``my-encoder``; a file
``from_library.py`` gives all networks of a library, as ``library:NAME``.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from segfit.errors import SegfitError
from segfit.model.architecture import PLAIN_WIDTHS

if TYPE_CHECKING:
    from torch import Tensor, nn

Normalisation = tuple[float, float, float]

STRIDES = (2, 4, 8, 16, 32)
LIBRARY_PREFIX = "from_"


class Encoder(Protocol):
    """What the classifier needs of an encoder (an ``nn.Module``)."""

    strides: tuple[int, ...]
    channels: tuple[int, ...]
    mean: Normalisation
    std: Normalisation
    pretrainable: bool

    def __call__(self, x: Tensor) -> list[Tensor]:
        """Map (N, 3, H, W) to features at ``strides``."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """The weights that it learns."""
        ...


@dataclass(frozen=True)
class EncoderSettings:
    """What an encoder is built from, as far as it has a use for it.

    ``name``: of a library's network. ``widths``: of the layers, one tuple per stride.
    """

    pretrained: bool
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS
    name: str = ""


def encoder_names() -> tuple[str, ...]:
    """What ``build_encoder`` takes, such as ``plain`` or ``timm:NAME``; imports no encoder."""
    names = []
    for module in pkgutil.iter_modules(__path__):
        library = module.name.removeprefix(LIBRARY_PREFIX)
        is_library = library != module.name
        names.append(f"{library}:NAME" if is_library else module.name.replace("_", "-"))
    return tuple(names)


def check_encoder_name(name: str) -> None:
    """Raise ``SegfitError`` for a name that ``build_encoder`` does not take; imports no encoder."""
    kind, colon, _ = name.partition(":")
    if (f"{kind}:NAME" if colon else kind) not in encoder_names():
        raise SegfitError(f"unknown encoder {name!r}: choose {', '.join(encoder_names())}")


def build_encoder(
    name: str,
    *,
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS,
    pretrained: bool,
) -> Encoder:
    """Build the encoder of a name, see ``encoder_names``; ``widths``: of the plain one.

    Raises ``SegfitError`` for another name, and for what its encoder cannot be built from.
    """
    check_encoder_name(name)
    kind, colon, of_library = name.partition(":")
    module = LIBRARY_PREFIX + kind if colon else kind.replace("-", "_")
    build: Callable[[EncoderSettings], Encoder] = import_module(f"{__name__}.{module}").build
    return build(EncoderSettings(pretrained, widths, of_library))
