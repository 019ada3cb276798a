"""Polygons as pixels and as numbers.

Shapes: ``N`` points of a ring; ``H, W`` the grid. A ring is (N, 2) float64 in (x, y), not closed; a
polygon is its outer ring and its holes. Frame: pixel (row r, column c) covers [c, c+1] × [r, r+1].
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array

Ring = Float64Array

SAMPLES_PER_PX = 4
"""Along either side of a pixel, when its covered share is measured."""


def fill_polygon(rings: Sequence[Ring], *, height: int, width: int) -> BoolArray:
    """Fill a polygon: the pixels (H, W) whose centre is inside, by the even-odd rule.

    A polygon along pixel borders gives exactly those pixels, and polygons that share a border
    neither overlap nor leave a gap. No rings give no pixels.

    >>> fill_polygon([np.array([[1.0, 0], [3, 0], [3, 1], [1, 1]])], height=2, width=4).astype(int)
    array([[0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    inside, (top, left) = fill_window(rings, height=height, width=width)
    filled = np.zeros((height, width), bool)
    filled[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return filled


def fill_window(
    rings: Sequence[Ring], *, height: int, width: int
) -> tuple[BoolArray, tuple[int, int]]:
    """Fill a polygon in a window that is no larger than it is: see ``fill_polygon``.

    Returns the window's pixels (h, w), none where no row of pixels crosses the polygon, and the row
    and the column of its first pixel.
    """
    begins = np.concatenate([np.empty((0, 2)), *rings])
    ends = np.concatenate([np.empty((0, 2)), *(np.roll(ring, -1, axis=0) for ring in rings)])
    # Always from the top down: the side of a neighbour, walked the other way, crosses alike.
    goes_down = begins[:, 1:] < ends[:, 1:]
    top, bottom = np.where(goes_down, begins, ends), np.where(goes_down, ends, begins)
    first = np.ceil(top[:, 1] - 0.5).clip(0, height).astype(np.int64)
    crossings = np.ceil(bottom[:, 1] - 0.5).clip(0, height).astype(np.int64) - first
    if not crossings.any():
        return np.zeros((0, 0), bool), (0, 0)
    side = np.repeat(np.arange(len(top)), crossings)
    row = (
        first[side] + np.arange(len(side)) - np.repeat(np.cumsum(crossings) - crossings, crossings)
    )
    along = (row + 0.5 - top[side, 1]) / (bottom[side, 1] - top[side, 1])
    x = top[side, 0] + along * (bottom[side, 0] - top[side, 0])
    column = np.ceil(x - 0.5).clip(0, width).astype(np.int64)
    # Only pixels are counted from the window's corner: with other coordinates a border that two
    # polygons share could be rounded differently for either.
    first_row, first_column = int(row.min()), int(column.min())
    row, column = row - first_row, column - first_column
    flips = np.zeros((int(row.max()) + 1, int(column.max()) + 1), np.uint8)
    np.add.at(flips, (row, column), 1)
    np.cumsum(flips, axis=1, out=flips)  # that it wraps at 256 leaves odd and even alone
    flips &= 1
    return flips[:, :-1].view(bool), (first_row, first_column)


def measure_coverage(rings: Sequence[Ring], *, height: int, width: int) -> UInt8Array:
    """Share of every pixel (H, W) that a polygon covers, 0 to 255, from 4×4 samples each."""
    fine = [ring * SAMPLES_PER_PX for ring in rings]
    inside = fill_polygon(fine, height=height * SAMPLES_PER_PX, width=width * SAMPLES_PER_PX)
    shares = cv2.resize(inside.view(np.uint8) * 255, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(shares, np.uint8)


def measure_area(ring: Ring) -> float:
    """Signed area by the shoelace formula: positive where the ring is clockwise on the screen."""
    x, y = (ring - ring[:1]).T  # small numbers keep their digits
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2


def measure_length(ring: Ring) -> float:
    """Length of a closed ring."""
    return float(np.hypot(*(np.roll(ring, -1, axis=0) - ring).T).sum())
