"""Whether holes are inside their regions.

Shapes: ``B`` holes, with one line through each; ``C`` crossings of these lines with arcs.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import Int64Array
from segfit.partition.planar_map import Partition, number_within


def find_regions_without_their_holes(partition: Partition) -> Int64Array:
    """Regions that do not surround one of their holes, however small that is.

    From a hole's leftmost point, the nearest border on the left must have the hole's region on its
    near side. That is exact for arcs that do not cross or touch.
    """
    holes = np.flatnonzero(~partition.is_outer)
    probes = _find_leftmost_points(partition)[holes]
    order = np.argsort(partition.points[probes, 1], kind="stable")
    owners = partition.loop_regions[holes[order]]
    x, y = partition.points[probes[order]].T

    begin, end = partition.points[partition.segments], partition.points[partition.segments + 1]
    goes_down = end[:, 1] > begin[:, 1]
    # From the upper end, which is exact where the line goes through it. Of a segment's ends only
    # the upper one counts, as if the line lay a little lower.
    upper, lower = (np.where(chosen[:, None], begin, end) for chosen in (goes_down, ~goes_down))
    first = np.searchsorted(y, upper[:, 1])
    counts = np.searchsorted(y, lower[:, 1]) - first
    segment, number = number_within(counts)
    line = first[segment] + number
    across, down = (lower - upper)[segment].T
    slope = across / down
    crossing_x = upper[segment, 0] + (y[line] - upper[segment, 1]) * slope
    left = np.flatnonzero(crossing_x < x[line])
    left = left[np.lexsort((slope[left], crossing_x[left], line[left]))]

    sides = partition.sides[partition.arc_of_point[partition.segments[segment[left]]]]
    east = np.where(goes_down[segment[left]], sides[:, 0], sides[:, 1])
    around = np.full(len(owners), -2)
    around[line[left]] = east  # the last written, the nearest, stays
    return np.unique(owners[around != owners])


def _find_leftmost_points(partition: Partition) -> Int64Array:
    """Index of a point of least x in every loop, (L,)."""
    # Points in falling order of x: what is written last is an arc's leftmost.
    falling = np.argsort(-partition.points[:, 0], kind="stable")
    of_arcs = np.empty(partition.arc_count, np.int64)
    of_arcs[partition.arc_of_point[falling]] = falling
    of_entries = of_arcs[np.maximum(partition.loops, ~partition.loops)]
    loops = np.repeat(np.arange(len(partition.loop_regions)), np.diff(partition.loop_starts))
    falling = np.argsort(-partition.points[of_entries, 0], kind="stable")
    of_loops = np.empty(len(partition.loop_regions), np.int64)
    of_loops[loops[falling]] = of_entries[falling]
    return of_loops
