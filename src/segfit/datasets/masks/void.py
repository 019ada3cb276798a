"""255 in 8-bit masks: pixels to be ignored, as in VOC and Cityscapes, or a class like the others.

Shapes: ``H, W`` a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.basics.runs import find_equal_runs
from segfit.classes import IGNORE
from segfit.errors import SegfitError

LARGEST_INDEX = 64
"""Values up to this look like the numbers of classes; larger ones look like grey levels."""
STROKE_SHARE = 0.05
"""A line is at most so wide, in shorter sides of the mask; VOC's is 0.015 wide, 5 px."""
THINNEST_STROKE_PX = 5
EVEN_LEVELS = 2
"""How far, in grey levels, evenly spread values may be off."""
TYPICAL = 0.5


@dataclass(frozen=True)
class VoidLook:
    """How the pixels of value 255 lie in one mask, in pixels.

    ``in_lines``: across a line that lies between two different values, or along an edge of the
    mask. ``at_edges``: in areas that reach an edge. ``inside``: in areas that do not.
    """

    in_lines: int
    at_edges: int
    inside: int

    @property
    def pixels(self) -> int:
        """All pixels of value 255."""
        return self.in_lines + self.at_edges + self.inside


def look_at_void(values: UInt8Array) -> VoidLook:
    """Look at how the pixels of value 255 of a mask (H, W) lie.

    >>> look_at_void(np.array([[0, 0, 255, 1, 1]] * 5, np.uint8))
    VoidLook(in_lines=5, at_edges=0, inside=0)
    """
    widest = max(THINNEST_STROKE_PX, round(STROKE_SHARE * min(values.shape)))
    across, across_edge = _look_along_rows(values, widest)
    down, down_edge = (found.T for found in _look_along_rows(values.T, widest))
    is_void = values == IGNORE
    lines = is_void & (across | down)
    edges = is_void & ~lines & (across_edge | down_edge)
    in_lines, at_edges = int(lines.sum()), int(edges.sum())
    return VoidLook(in_lines, at_edges, int(is_void.sum()) - in_lines - at_edges)


def decide_void(others: Sequence[int], looks: Sequence[VoidLook | None], where: str) -> str | None:
    """Why 255 is a class beside the others; None where it is to be ignored.

    ``others``: the other values of the masks. ``looks``: at each mask; None for one without 255.
    ``where``: how many pixels have it. Raises SegfitError where it could be either.
    """
    spread = np.diff([*others, IGNORE])
    if len(others) == 1:
        return "there is only one other value"
    if np.ptp(spread) <= EVEN_LEVELS:
        return "the values are evenly spread grey levels"
    seen = [look for look in looks if look is not None]
    total = sum(look.pixels for look in seen)
    in_lines = sum(look.in_lines for look in seen) / total
    inside = sum(look.inside for look in seen) / total
    if max(others) > LARGEST_INDEX:
        return None if in_lines >= TYPICAL else "it fills areas"
    if inside >= TYPICAL and sum(look.inside > 0 for look in seen) >= TYPICAL * len(looks):
        raise SegfitError(
            f"the masks have the value 255 in areas inside the image ({where}); it may be a class "
            'or mean that pixels are to be ignored: write {"ignore": []} into classes.json if it '
            'is a class, and {"ignore": [255]} if not'
        )
    return None


def _look_along_rows(values: UInt8Array, widest: int) -> tuple[BoolArray, BoolArray]:
    """Whether the run of 255 through each pixel is a line's, and whether it reaches an edge.

    Both (H, W). A run is a line's where it is at most ``widest`` long, and where it ends in two
    different values, the mask's edge being one.
    """
    height, width = values.shape
    framed = np.full((height, width + 2), -1, np.int16)  # the frame ends every run
    framed[:, 1:-1] = values
    flat = framed.ravel()
    starts, lengths = find_equal_runs(flat)
    before = np.roll(flat[starts], 1)
    after = np.roll(flat[starts], -1)
    is_line = (lengths <= widest) & (before != after)
    reaches = (before == -1) | (after == -1)

    def spread(of_runs: BoolArray) -> BoolArray:
        return np.repeat(of_runs, lengths).reshape(framed.shape)[:, 1:-1]

    return spread(is_line), spread(reaches)
