"""Points along arcs: neighbours, even spacing, normals, and moving along them.

Shapes: ``P`` points of all arcs; ``A`` arcs; ``J`` junctions; ``D`` distances.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.partition.planar_map import Partition, number_within

FEWEST_SEGMENTS = 4
"""Of a closed arc, however short: it must enclose something."""
TANGENT_REACH = 2
"""Points on either side from which the direction of an arc is taken."""
EDGE_GAP_PX = 0.01
"""Only what begins on the image's edge may lie on it."""
STIFFNESS = 0.02
"""How hard a junction resists being moved along a direction of which its arcs say nothing."""


def neighbours(partition: Partition, distances: tuple[int, ...]) -> Int64Array:
    """Indices of the points so many points further along the same arc, (P, D).

    A closed arc goes round; beyond the end of an open one is its end.
    """
    lengths = np.diff(partition.arc_starts)[partition.arc_of_point][:, None]
    starts = partition.arc_starts[:-1][partition.arc_of_point][:, None]
    closed = partition.is_closed[partition.arc_of_point][:, None]
    wanted = np.arange(len(partition.points))[:, None] - starts + np.array(distances)
    around = wanted % np.maximum(lengths - 1, 1)
    return np.asarray(starts + np.where(closed, around, np.clip(wanted, 0, lengths - 1)))


def resample_arcs(partition: Partition, spacing_px: float | Float64Array) -> Partition:
    """Put points about ``spacing_px`` apart along every arc, but for the image's edge.

    ``spacing_px``: for all arcs, or for each of them, (A,).
    """
    points, starts = partition.points, partition.arc_starts
    steps = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    steps[starts[:-1]] = 1.0  # keeps the arcs apart on the common scale
    along = np.cumsum(steps)
    lengths = along[starts[1:] - 1] - along[starts[:-1]]
    fewest = np.where(partition.is_closed, FEWEST_SEGMENTS, 1)
    segments = np.maximum(np.rint(lengths / spacing_px).astype(np.int64), fewest)
    segments[partition.is_edge & ~partition.is_closed] = 1
    new_starts = np.concatenate([[0], np.cumsum(segments + 1)])
    arc, place = number_within(segments + 1)
    at = along[starts[arc]] + place * (lengths / segments)[arc]
    columns = [np.interp(at, along, values) for values in points.T]
    resampled = np.stack(columns, axis=1)
    resampled[new_starts[:-1]] = points[starts[:-1]]
    resampled[new_starts[1:] - 1] = points[starts[1:] - 1]
    errors = partition.error_px
    return replace(
        partition,
        points=resampled,
        arc_starts=new_starts,
        error_px=None if errors is None else np.interp(at, along, errors),
    )


def sample_segments(
    begin: Float64Array, end: Float64Array, spacing_px: float
) -> tuple[Float64Array, Int64Array]:
    """Points along segments, no further apart than ``spacing_px``, and the segment of each."""
    lengths = np.hypot(*(end - begin).T)
    counts = np.maximum(np.ceil(lengths / spacing_px).astype(np.int64), 1)
    owner, number = number_within(counts)
    share = ((number + 0.5) / counts[owner])[:, None]
    return begin[owner] * (1 - share) + end[owner] * share, owner


def arc_normals(partition: Partition) -> Float64Array:
    """Unit vectors across the arcs, from the region on the left to that on the right, (P, 2)."""
    ahead, behind = neighbours(partition, (TANGENT_REACH, -TANGENT_REACH)).T
    tangents = partition.points[ahead] - partition.points[behind]
    lengths = np.hypot(*tangents.T)[:, None]
    tangents = np.divide(tangents, lengths, out=np.zeros_like(tangents), where=lengths > 0)
    return np.stack([-tangents[:, 1], tangents[:, 0]], axis=1)


def move_points(
    partition: Partition, normals: Float64Array, offsets_px: Float64Array, errors_px: Float64Array
) -> Partition:
    """Move points along their normals (P, 2) by so much (P,), to positions of these errors (P,).

    A junction goes where its arcs' ends, each in its own direction, would best have it (weighted
    least squares); on the image's edge it slides along it, and corners stay.
    """
    height, width = partition.shape
    targets = partition.points + normals * offsets_px[:, None]
    targets = np.clip(targets, EDGE_GAP_PX, np.array([width, height]) - EDGE_GAP_PX)
    on_edge = partition.is_edge[partition.arc_of_point]
    targets[on_edge] = partition.points[on_edge]
    errors = np.where(on_edge, 0.0, errors_px)
    tips, junctions = find_tips(partition)
    if len(tips):
        moved, moved_errors = _move_junctions(
            partition, tips, junctions, normals, offsets_px, errors_px
        )
        targets[tips], errors[tips] = moved[junctions], moved_errors[junctions]
    closed = partition.is_closed  # they end where they begin
    first, last = partition.arc_starts[:-1][closed], partition.arc_starts[1:][closed] - 1
    targets[last], errors[last] = targets[first], errors[first]
    return replace(partition, points=targets, error_px=errors)


def find_tips(partition: Partition) -> tuple[Int64Array, Int64Array]:
    """Points at which open arcs begin or end, and their junctions, (2 × open arcs,) each."""
    is_open = ~partition.is_closed
    first, last = partition.arc_starts[:-1], partition.arc_starts[1:] - 1
    tips = np.concatenate([first[is_open], last[is_open]])
    return tips, np.concatenate([partition.ends[is_open, 0], partition.ends[is_open, 1]])


def _move_junctions(
    partition: Partition,
    tips: Int64Array,
    junctions: Int64Array,
    normals: Float64Array,
    offsets_px: Float64Array,
    errors_px: Float64Array,
) -> tuple[Float64Array, Float64Array]:
    """New places (J, 2) and errors (J,) of all junctions."""
    count = int(junctions.max()) + 1
    places = np.empty((count, 2))
    places[junctions] = partition.points[tips]
    # The image's edge has no say in where a junction goes, only in the direction.
    says = ~partition.is_edge[partition.arc_of_point[tips]]
    tips, junctions = tips[says], junctions[says]
    weights = 1 / np.maximum(errors_px[tips], 1e-3) ** 2
    matrix, vector = np.zeros((count, 2, 2)), np.zeros((count, 2))
    across = normals[tips]
    np.add.at(matrix, junctions, weights[:, None, None] * across[:, :, None] * across[:, None, :])
    np.add.at(vector, junctions, (weights * offsets_px[tips])[:, None] * across)
    size = partition.shape[::-1]
    for axis in (0, 1):
        stuck = (places[:, axis] == 0) | (places[:, axis] == size[axis])
        # Along a direction in which it may not move, nothing pulls and everything resists.
        vector[stuck, axis] = 0
        matrix[stuck, axis, :] = matrix[stuck, :, axis] = 0
        matrix[stuck, axis, axis] = 1
    totals = np.bincount(junctions, weights=weights, minlength=count)
    matrix += (STIFFNESS * totals + 1e-9)[:, None, None] * np.eye(2)
    shifts = np.linalg.solve(matrix, vector[:, :, None])[:, :, 0]
    # Not much further than the arcs' ends would go: nearly parallel arcs meet far away.
    reach = np.zeros(count)
    np.maximum.at(reach, junctions, np.abs(offsets_px[tips]))
    lengths = np.hypot(*shifts.T)
    shifts *= np.minimum(1, 2 * reach / np.maximum(lengths, 1e-12))[:, None]
    errors = np.sqrt(np.divide(1, totals, out=np.zeros(count), where=totals > 0))
    moved = places + shifts
    inner = (places > 0) & (places < np.array(size))
    limited = np.clip(moved, EDGE_GAP_PX, np.array(size) - EDGE_GAP_PX)
    return np.where(inner, limited, places), errors
