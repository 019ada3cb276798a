"""How images come to the resolution at which a network works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.contrast import stretch_levels
from segfit.imaging.pyramid import Pyramid

CELL_MULTIPLE = 4
"""Working pixels that are whole cells of the score grid, whatever the network's output stride."""
SIZE_MULTIPLE = 32
"""The encoder halves the resolution five times."""
KEPT_CHANGE = 0.04
"""Images that would change by less keep their size: a resampling by a few per cent blurs as much as
it would by half, and gains nothing."""
LARGEST_LONG_SIDE_PX = 1 << 14
LARGEST_FACTOR = 16.0


@dataclass(frozen=True)
class Scaling:
    """How images come to the size and the brightness at which the network works.

    ``frame``: the longer side becomes ``long_side_px`` (portraits, street scenes: one view each).
    ``field``: a constant factor, since objects have a constant size in pixels (microscopes); large
    images are worked on in overlapping windows. ``stretch``: grey levels are spread over all that
    there are, see ``stretch_levels``, since images differ in exposure.
    """

    kind: Literal["frame", "field"]
    long_side_px: int = 0
    factor: float = 1.0
    stretch: bool = False

    def __post_init__(self) -> None:
        if self.kind == "frame" and not SIZE_MULTIPLE <= self.long_side_px <= LARGEST_LONG_SIDE_PX:
            raise SegfitError(
                f"scaling: a frame's long_side_px is {SIZE_MULTIPLE} to {LARGEST_LONG_SIDE_PX}, "
                f"given {self.long_side_px}"
            )
        if self.kind == "field" and not 0 < self.factor <= LARGEST_FACTOR:
            raise SegfitError(
                f"scaling: a field's factor lies above 0 and up to {LARGEST_FACTOR:g}, "
                f"given {self.factor}"
            )

    def __str__(self) -> str:
        if self.kind == "frame":
            size = f"images are brought to a longer side of {self.long_side_px} px"
        elif self.factor == 1:
            size = "images keep their size"
        else:
            size = f"images are brought to {self.factor:.0%} of their size"
        return f"{size}, their grey levels spread out" if self.stretch else size

    def working_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of an image at working resolution, in pixels.

        Unless the image keeps its size, the score grid covers it by whole cells.
        """
        factor = self.factor if self.kind == "field" else self.long_side_px / max(height, width)
        if abs(factor - 1) < KEPT_CHANGE:
            return height, width
        return _round_to_cells(height * factor), _round_to_cells(width * factor)

    def prepare(self, pyramid: Pyramid) -> UInt8Array:
        """What the network gets to see of an image, (h, w, 3) uint8."""
        working = pyramid.resize(*self.working_size(*pyramid.image.shape[:2]))
        return stretch_levels(working) if self.stretch else working


def _round_to_cells(length_px: float) -> int:
    return max(CELL_MULTIPLE, round(length_px / CELL_MULTIPLE) * CELL_MULTIPLE)
