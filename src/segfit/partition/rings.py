"""Partition → rings of regions that nowhere touch themselves."""

from __future__ import annotations

from segfit.basics.arrays import Int64Array
from segfit.basics.geometry import measure_area
from segfit.partition.planar_map import Partition


def trace_rings(partition: Partition, region: int) -> list[Int64Array]:
    """Points of a region's rings, as indices into ``points``, not closed: outer first, then holes.

    A loop that comes back to a junction, where its region touches itself by a corner, becomes
    several rings that meet there: so it is a valid polygon by OGC's Simple Features.
    """
    rings: list[Int64Array] = []
    for loop in partition.loops_of(region):
        signed = partition.loops[partition.loop_starts[loop] : partition.loop_starts[loop + 1]]
        rings += [partition.walk(part) for part in _split_at_junctions(partition, signed)]
    if len(rings) > 1:
        rings.sort(key=lambda ring: measure_area(partition.points[ring]) <= 0)
    return rings


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
