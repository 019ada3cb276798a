"""Partition → grid of regions.

Shapes: ``H, W`` the picture; ``C`` crossings of arcs with the rows' middle lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segfit.partition.planar_map import OUTSIDE, Ints, Partition, Points

COINCIDENT_PX = 1e-9


def rasterize(partition: Partition, *, scale: float = 1.0) -> NDArray[np.int32]:
    """Index of the region at every pixel's centre, (H, W) int32, or that times ``scale``, rounded.

    Along a row, the last border before a pixel's centre decides: every pixel gets exactly one
    region, whatever the arcs do.
    """
    height, width = (max(1, round(side * scale)) for side in partition.shape)
    stretch = np.array([width / partition.shape[1], height / partition.shape[0]])
    crossings = _cross_rows(partition, stretch, height)
    column = np.maximum(np.ceil(crossings.x - 0.5).astype(np.int64), 0)
    inside = column < width
    place = crossings.row[inside] * width + column[inside]
    east = crossings.east[inside]
    last = np.append(place[1:] != place[:-1], True)
    starts, regions = place[last], east[last]
    lengths = np.diff(np.append(starts, height * width))
    return np.repeat(regions.astype(np.int32), lengths).reshape(height, width)


def find_misplaced_arcs(partition: Partition) -> Ints:
    """Arcs between which a row of pixels leads into another region than it left the arc before in.

    So it is where an arc crosses another, has turned inside out, or was moved across another as a
    whole: a hole that left its region.
    """
    crossings = _cross_rows(partition, np.ones(2), partition.shape[0])
    same_row = crossings.row[1:] == crossings.row[:-1]
    left_in = np.append(OUTSIDE, np.where(same_row, crossings.east[:-1], OUTSIDE))
    wrong = crossings.west != left_in
    wrong[:-1] |= wrong[1:]  # either of the two may be the one at fault
    return np.asarray(np.unique(crossings.arc[wrong]))


@dataclass(frozen=True)
class _Crossings:
    """Where arcs cross the rows' middle lines, from top left to bottom right.

    ``east``: the region on the right-hand side of the screen, ``west`` the other.
    """

    row: Ints
    x: NDArray[np.float64]
    west: Ints
    east: Ints
    arc: Ints


def _cross_rows(partition: Partition, stretch: Points, height: int) -> _Crossings:
    """All crossings of arcs with the middles of ``height`` rows, points times ``stretch``."""
    begin = partition.points[partition.segments] * stretch
    end = partition.points[partition.segments + 1] * stretch
    # A segment crosses the middles in [upper y, lower y), so that a shared vertex counts once.
    top, bottom = np.minimum(begin[:, 1], end[:, 1]), np.maximum(begin[:, 1], end[:, 1])
    first = np.maximum(np.ceil(top - 0.5).astype(np.int64), 0)
    behind = np.minimum(np.ceil(bottom - 0.5).astype(np.int64), height)
    counts = np.maximum(behind - first, 0)
    segment = np.repeat(np.arange(len(counts)), counts)
    offset = np.arange(len(segment)) - np.repeat(np.cumsum(counts) - counts, counts)
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
    row, x, west, east, arc = row[order], x[order], west[order], east[order], arc[order]
    # Arcs that lie on each other: in the order in which one region leads to the next.
    swap = np.flatnonzero(
        (row[1:] == row[:-1])
        & (x[1:] - x[:-1] < COINCIDENT_PX)
        & (east[:-1] != west[1:])
        & (east[1:] == west[:-1])
    )
    for values in (west, east, arc):
        values[swap], values[swap + 1] = values[swap + 1], values[swap].copy()
    return _Crossings(row, x, west, east, arc)
