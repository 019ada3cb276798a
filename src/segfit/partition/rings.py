"""Partition → rings, that nowhere touch themselves, of a region or of several together.

Shapes: ``R`` regions; ``A`` arcs. Half-arc a walks arc a forwards, half-arc A + a backwards.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.basics.geometry import measure_area
from segfit.partition.dissolve import find_following
from segfit.partition.planar_map import OUTSIDE, Partition


def trace_rings(partition: Partition, region: int) -> list[Int64Array]:
    """Points of a region's rings, as indices into ``points``, not closed: outer first, then holes.

    A loop that comes back to a junction, where its region touches itself by a corner, becomes
    several rings that meet there: so it is a valid polygon by OGC's Simple Features.
    """
    rings: list[Int64Array] = []
    for loop in partition.loops_of(region):
        signed = partition.loops[partition.loop_starts[loop] : partition.loop_starts[loop + 1]]
        rings += _divide_loop(partition, signed)
    return _put_outer_first(partition, rings)


def trace_union(partition: Partition, chosen: BoolArray) -> list[Int64Array]:
    """The same of the regions that are ``chosen``, (R,), together: borders between them are none.

    Empty where none is chosen.
    """
    left, right = ((partition.sides != OUTSIDE) & chosen[partition.sides]).T
    following = find_following(partition, left == right).tolist()
    bounds = np.concatenate([right & ~left, left & ~right])  # with what is chosen on the right
    waits = bounds.tolist()
    count = partition.arc_count
    rings: list[Int64Array] = []
    for start in np.flatnonzero(bounds).tolist():
        walk, at = [], start
        while waits[at]:
            waits[at] = False
            walk.append(at if at < count else ~(at - count))
            at = following[at]
        if walk:
            rings += _divide_loop(partition, np.array(walk, np.int64))
    return _put_outer_first(partition, rings)


def _put_outer_first(partition: Partition, rings: list[Int64Array]) -> list[Int64Array]:
    if len(rings) > 1:
        rings.sort(key=lambda ring: measure_area(partition.points[ring]) <= 0)
    return rings


def _divide_loop(partition: Partition, signed: Int64Array) -> list[Int64Array]:
    """The rings of a closed walk along signed arcs."""
    return [partition.walk(part) for part in _split_at_junctions(partition, signed)]


def _split_at_junctions(partition: Partition, signed: Int64Array) -> list[Int64Array]:
    """Divide a closed walk along signed arcs so that no part meets a junction twice."""
    begins = [
        int(partition.ends[arc, 0] if arc >= 0 else partition.ends[~arc, 1]) for arc in signed
    ]
    if len(set(begins)) == len(begins):
        return [signed]
    parts: list[Int64Array] = []
    path: list[int] = []  # places in the walk
    step_of: dict[int, int] = {}
    for place, junction in enumerate(begins):
        if junction in step_of:
            step = step_of[junction]
            parts.append(signed[path[step:]])
            for dropped in path[step:]:
                del step_of[begins[dropped]]
            del path[step:]
        step_of[junction] = len(path)
        path.append(place)
    return [signed[path], *parts]
