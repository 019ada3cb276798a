"""How the pages of a stack lie: along which axes, and which of them are one plane's channels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from segfit.basics.show import show_briefly
from segfit.imaging.channels import CHANNEL_AXES
from segfit.imaging.stored import StoredImage

NAMES = {"I": "page", "Q": "page"}
Place = Mapping[str, int]
"""Of a plane: its number along each axis that planes lie along, by the axis's letter."""


@dataclass(frozen=True, eq=False)
class Layout:
    """Along what axes the channels of a file lie.

    ``sizes``: of all axes but height and width, by their letters in capitals, in the file's order.
    ``plane``: what is known of one plane, without pixels: (0, 0, C). ``steps``: how far
    neighbouring planes are apart along an axis, so many of a unit, where the file says it.
    """

    sizes: Mapping[str, int]
    plane: StoredImage
    steps: Mapping[str, tuple[float, str]]

    __repr__ = show_briefly

    @property
    def axes(self) -> dict[str, int]:
        """How many planes lie along which axis, in the file's order; none of a single plane."""
        return {
            axis: size for axis, size in self.sizes.items() if axis not in CHANNEL_AXES and size > 1
        }

    def list_channels(self, place: Place) -> list[int]:
        """The numbers, among all of the file, of the channels of a plane.

        >>> layout = Layout({"T": 2, "C": 3, "Z": 4}, None, {})
        >>> layout.list_channels({"T": 1, "Z": 2})
        [14, 18, 22]
        """
        spans = [
            range(size) if axis in CHANNEL_AXES else (place.get(axis, 0),)
            for axis, size in self.sizes.items()
        ]
        return [self._count(numbers) for numbers in product(*spans)]

    def list_places(self) -> Iterator[Place]:
        """The places of all planes, in the file's order."""
        for numbers in product(*(range(size) for size in self.axes.values())):
            yield dict(zip(self.axes, numbers, strict=True))

    @property
    def count(self) -> int:
        """How many planes there are."""
        return math.prod(self.axes.values())

    def _count(self, numbers: tuple[int, ...]) -> int:
        found = 0
        for size, number in zip(self.sizes.values(), numbers, strict=True):
            found = found * size + number
        return found


def name_axis(axis: str) -> str:
    """What users call an axis.

    >>> name_axis("Z"), name_axis("Q")
    ('z', 'page')
    """
    return NAMES.get(axis, axis.lower())
