"""Where arcs cross.

Shapes: ``P`` points of all arcs; ``M`` pairs of segments; ``N`` points.
"""

from __future__ import annotations

import numpy as np
import shapely

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.partition.arcs import sample_segments
from segfit.partition.planar_map import Partition, number_within


def find_crossings(partition: Partition) -> Int64Array:
    """Pairs of segments that cross, each by the index of the point it begins at, (M, 2).

    So do segments one of which has an end between the other's; where both have their ends they only
    meet. Arcs on the image's edge are left out, since nothing goes beyond it.
    """
    inner = ~partition.is_edge[partition.arc_of_point[partition.segments]]
    segments = partition.segments[inner]
    if len(segments) < 2 or _meet_at_ends(partition):
        return np.empty((0, 2), np.int64)
    begin, end = partition.points[segments], partition.points[segments + 1]
    # Segments that cross have sample points no further apart than this.
    spacing = max(float(np.median(np.hypot(*(end - begin).T))), 1e-6)
    samples, owner = sample_segments(begin, end, spacing)
    near = _pair_neighbours(samples, spacing)
    first, second = owner[near].T
    apart = np.abs(segments[first] - segments[second]) > 1  # others meet, and cannot cross
    for start, stop in zip(begin.T.copy(), end.T.copy(), strict=True):
        low, high = np.minimum(start, stop), np.maximum(start, stop)
        apart &= (low[first] <= high[second]) & (low[second] <= high[first])
    first, second = first[apart], second[apart]
    crossing = np.ones(len(first), bool)
    touching = np.zeros(len(first), bool)
    for one, other in ((first, second), (second, first)):
        tips = begin[other], end[other]
        turns = [find_turn(begin[one], end[one], tip) for tip in tips]
        crossing &= turns[0] * turns[1] < 0
        for turn, tip in zip(turns, tips, strict=True):
            on_line = np.flatnonzero(turn == 0)
            segment, there = one[on_line], tip[on_line]
            between = ((there - begin[segment]) * (end[segment] - there)).sum(axis=1) > 0
            touching[on_line[between]] = True
    crossing |= touching
    pairs = np.stack([segments[first[crossing]], segments[second[crossing]]], axis=1)
    return np.asarray(np.unique(np.sort(pairs, axis=1), axis=0))


def keep_clear(partition: Partition, arcs: BoolArray) -> bool:
    """Whether nothing crosses some arcs (A,) of a partition for sure, as a quick look shows."""
    first = partition.arc_starts[:-1]
    low, high = (each.reduceat(partition.points, first) for each in (np.minimum, np.maximum))
    boxes = shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1])
    near = arcs.copy()
    near[shapely.STRtree(boxes).query(boxes[arcs], predicate="intersects")[1]] = True
    return _meet_at_ends(partition, near)


def _meet_at_ends(partition: Partition, chosen: BoolArray | None = None) -> bool:
    """Whether the arcs within the image meet at their ends alone, as GEOS sees it.

    ``chosen``: arcs (A,) that are looked at, all if not given. It says so in a fifth of the time
    that a search takes, but not where they do not.
    """
    arcs = _drop_twins(partition)
    if chosen is not None:
        arcs &= chosen
        if not arcs.any():
            return True
    starts, lengths = partition.arc_starts[:-1], np.diff(partition.arc_starts)
    # To GEOS what closes has no end: an arc that begins and ends at one junction counts as two.
    rings = arcs & ~partition.is_closed & (partition.ends[:, 0] == partition.ends[:, 1])
    arcs &= ~(rings & (lengths == 2))  # of no length
    middles = (starts + lengths // 2)[rings & arcs]
    copies = arcs[partition.arc_of_point].astype(np.int64)
    copies[middles] = 2
    begins = np.zeros(len(copies), np.int64)
    begins[starts[arcs]] = begins[middles] = 1
    line = np.repeat(np.cumsum(begins) - 1, copies)
    line[np.cumsum(copies)[middles] - 2] -= 1  # where the first half ends
    lines = shapely.linestrings(np.repeat(partition.points, copies, axis=0), indices=line)
    return bool(shapely.is_simple(shapely.multilinestrings(lines)))


def _drop_twins(partition: Partition) -> BoolArray:
    """The arcs within the image, (A,), of single segments that lie on each other but one."""
    inner = ~partition.is_edge
    short = np.flatnonzero(inner & ~partition.is_closed & (np.diff(partition.arc_starts) == 2))
    _, firsts = np.unique(np.sort(partition.ends[short], axis=1), axis=0, return_index=True)
    inner[np.delete(short, firsts)] = False
    return inner


def _pair_neighbours(points: Float64Array, distance: float) -> Int64Array:
    """Pairs of points (N, 2) no further apart than ``distance``, and some that are, (M, 2).

    They are in the same cell of a grid of that width, or in cells that touch. Twice as fast as a
    k-d tree, and nothing else in a pass takes as long.
    """
    columns, rows = np.floor((points - points.min(axis=0)) / distance).astype(np.int64).T
    wide = columns.max() + 3  # so that no row's end touches the next row's beginning
    cells = rows * wide + columns
    order = np.argsort(cells)
    cells = cells[order]
    # Those that follow in the own cell or the next one, and those of three cells a row below.
    first_begin = np.arange(1, len(cells) + 1)
    first_end = np.searchsorted(cells, cells + 1, side="right")
    second_begin = np.searchsorted(cells, cells + wide - 1)
    second_end = np.searchsorted(cells, cells + wide + 1, side="right")
    counts = np.concatenate([first_end - first_begin, second_end - second_begin])
    point, number = number_within(counts)
    other = np.concatenate([first_begin, second_begin])[point] + number
    return np.stack([order[point % len(cells)], order[other]], axis=1)


def find_turn(begin: Float64Array, end: Float64Array, point: Float64Array) -> Float64Array:
    """On which side of a line a point lies: positive on the right, 0 on it."""
    along, there = end - begin, point - begin
    return np.asarray(along[:, 0] * there[:, 1] - along[:, 1] * there[:, 0])
