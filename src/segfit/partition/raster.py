"""Partition → grid of regions.

Shapes: ``H, W`` the image; ``C`` crossings of arcs with the rows' middle lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Float64Array, Int32Array, Int64Array, UInt8Array
from segfit.partition.planar_map import OUTSIDE, Partition, number_within

COINCIDENT_PX = 1e-9

Value = TypeVar("Value", bound=np.generic)


def rasterize(partition: Partition, *, scale: float = 1.0) -> Int32Array:
    """Index of the region at every pixel's centre, (H, W) int32, or that times ``scale``, rounded.

    Along a row, the last border before a pixel's centre decides: every pixel gets exactly one
    region, whatever the arcs do.
    """
    filling = fill_regions(partition, scale=scale)
    return filling.paint(np.arange(partition.region_count, dtype=np.int32))


def rasterize_labels(partition: Partition, *, scale: float = 1.0) -> UInt8Array:
    """Label at every pixel's centre, (H, W) uint8: that of the region which ``rasterize`` gives."""
    return fill_regions(partition, scale=scale).paint(partition.labels)


@dataclass(frozen=True, eq=False)
class Filling:
    """Pixels of a partition's regions, as runs along rows in reading order.

    ``regions``, ``lengths``: of each run. ``shape``: height and width of the grid.
    """

    regions: Int64Array
    lengths: Int64Array
    shape: tuple[int, int]

    def paint(self, values: NDArray[Value]) -> NDArray[Value]:
        """The value of each pixel's region, (H, W), by the values of the regions, (R,)."""
        return np.repeat(values[self.regions], self.lengths).reshape(self.shape)


def fill_regions(partition: Partition, *, scale: float = 1.0) -> Filling:
    """Find the pixels of every region, on a grid of ``scale`` times the size, rounded."""
    height, width = (max(1, round(side * scale)) for side in partition.shape)
    stretch = np.array([width / partition.shape[1], height / partition.shape[0]])
    crossings = _cross_rows(partition, stretch, height)
    column = np.maximum(np.ceil(crossings.x - 0.5).astype(np.int64), 0)
    inside = column < width
    place = crossings.row[inside] * width + column[inside]
    last = np.append(place[1:] != place[:-1], True)
    starts, regions = place[last], crossings.behind[inside][last]
    return Filling(regions, np.diff(np.append(starts, height * width)), (height, width))


def find_misplaced_segments(partition: Partition) -> Int64Array:
    """Segments between which a row of pixels leads into another region than it left one before in.

    So it is where an arc crosses another, has turned inside out, or was moved across another as a
    whole: a hole that left its region. Each is given by the index of the point it begins at.
    """
    crossings = _cross_rows(partition, np.ones(2), partition.shape[0])
    # Of arcs that lie on each other, only what is behind the last of them counts.
    apart = np.append(
        (crossings.row[1:] != crossings.row[:-1])
        | (crossings.x[1:] - crossings.x[:-1] > COINCIDENT_PX),
        True,
    )
    wrong = apart & ~crossings.is_consistent
    wrong[1:] |= wrong[:-1]  # the next one may be at fault as well
    return np.asarray(np.unique(crossings.segment[wrong]))


@dataclass(frozen=True, eq=False)
class _Crossings:
    """Where arcs cross the rows' middle lines, from top left to bottom right.

    ``behind``: the region to the right of each crossing. ``is_consistent``: whether all crossings
    up to there lead to one region, as they do unless arcs are in each other's place. ``segment``:
    the index of the point that the crossing segment begins at.
    """

    row: Int64Array
    x: Float64Array
    behind: Int64Array
    is_consistent: BoolArray
    segment: Int64Array


def _cross_rows(partition: Partition, stretch: Float64Array, height: int) -> _Crossings:
    """All crossings of arcs with the middles of ``height`` rows, points times ``stretch``."""
    begin = partition.points[partition.segments] * stretch
    end = partition.points[partition.segments + 1] * stretch
    # A segment crosses the middles in [upper y, lower y), so that a shared vertex counts once.
    top, bottom = np.minimum(begin[:, 1], end[:, 1]), np.maximum(begin[:, 1], end[:, 1])
    first = np.maximum(np.ceil(top - 0.5).astype(np.int64), 0)
    behind = np.minimum(np.ceil(bottom - 0.5).astype(np.int64), height)
    counts = np.maximum(behind - first, 0)
    segment, offset = number_within(counts)
    row = first[segment] + offset
    along = begin[segment]
    slope = (end[segment, 0] - along[:, 0]) / (end[segment, 1] - along[:, 1])
    x = along[:, 0] + (row + 0.5 - along[:, 1]) * slope
    goes_down = (end[:, 1] > begin[:, 1])[segment]
    arc = partition.arc_of_point[partition.segments[segment]]
    sides = partition.sides[arc]
    east = np.where(goes_down, sides[:, 0], sides[:, 1])
    west = np.where(goes_down, sides[:, 1], sides[:, 0])
    order = np.lexsort((x, row))
    west, east = west[order] - OUTSIDE, east[order] - OUTSIDE  # the outside counts as 0
    # Entering and leaving cancel out, in whatever order arcs that lie on each other are listed.
    reached = np.cumsum(east - west)
    # No sum of other regions' codes is by chance the code of one.
    codes = np.random.default_rng(0).integers(1 << 62, size=partition.region_count + 1)
    regions = np.clip(reached, 0, partition.region_count)
    is_consistent = np.cumsum(codes[east] - codes[west]) + codes[0] == codes[regions]
    behind = np.where(is_consistent, reached, east) + OUTSIDE
    begins = partition.segments[segment]
    return _Crossings(row[order], x[order], behind, is_consistent, begins[order])
