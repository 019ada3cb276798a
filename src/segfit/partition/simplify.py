"""Arcs of fewer points.

Shapes: ``P`` points of all arcs; ``A`` arcs; ``S`` segments.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.basics.runs import find_equal_runs
from segfit.partition.arcs import find_tips, sample_segments
from segfit.partition.containment import find_regions_without_their_holes
from segfit.partition.planar_map import Partition
from segfit.partition.untangle import find_tangled_points

FINEST_TOLERANCE_PX = 0.25
"""An arc that is in the way even so keeps its shape."""
TOUCHING_PX = 1e-6
"""A point this close to a segment lies on it."""


def simplify_arcs(partition: Partition, tolerance_px: float) -> Partition:
    """Leave out points so that no arc moves by more than ``tolerance_px``.

    Each arc once (Douglas and Peucker, 1973), so that it stays one border for both its regions.
    Junctions, the image's edge and the errors of points that stay are as they were; a closed arc
    keeps at least four points, where it has them. Arcs that would cross or touch each other or turn
    a region inside out get half the tolerance, again and again, and in the end keep their shape.
    """
    tolerances = np.full(partition.arc_count, float(tolerance_px))
    while True:
        simplified = _take_points(partition, _choose_points(partition, tolerances))
        in_the_way = _find_arcs_in_the_way(simplified)
        if not (tolerances[in_the_way] > 0).any():
            # What they are still in the way of is a border of the same regions.
            regions = np.unique(partition.sides[in_the_way])
            in_the_way = np.flatnonzero(np.isin(partition.sides, regions).any(axis=1))
        if not (tolerances[in_the_way] > 0).any():
            return simplified
        halves = tolerances[in_the_way] / 2
        tolerances[in_the_way] = np.where(halves >= FINEST_TOLERANCE_PX, halves, 0.0)


def _find_arcs_in_the_way(partition: Partition) -> Int64Array:
    """Arcs that cross, touch or enclose what they must not, or no longer what they must."""
    tangled = find_tangled_points(partition) | find_touching_points(partition)
    bare = find_regions_without_their_holes(partition)
    around = np.flatnonzero(np.isin(partition.sides, bare).any(axis=1))
    return np.union1d(partition.arc_of_point[tangled], around)


def find_touching_points(partition: Partition) -> BoolArray:
    """Whether a point lies on a segment of which it is no end, or begins such a segment, (P,)."""
    from scipy.spatial import cKDTree  # a twentieth of a second, which no prediction should wait

    nodes, is_tip = _number_nodes(partition)
    segments = partition.segments
    begin, end = partition.points[segments], partition.points[segments + 1]
    spacing = max(float(np.median(np.hypot(*(end - begin).T))), TOUCHING_PX)
    samples, owner = sample_segments(begin, end, spacing)
    near = cKDTree(partition.points).sparse_distance_matrix(
        cKDTree(samples), spacing / 2 + TOUCHING_PX, output_type="ndarray"
    )
    point, segment = near["i"], owner[near["j"]]
    first = segments[segment]
    distances = _measure_distances(partition.points[point], begin[segment], end[segment])
    is_end = (nodes[point] == nodes[first]) | (nodes[point] == nodes[first + 1])
    touches = (distances <= TOUCHING_PX) & ~is_end
    touching = np.zeros(len(nodes), bool)
    touching[point[touches]] = True
    touching[is_tip] = False  # it cannot move: the segment is in the wrong place
    touching[first[touches]] = True
    return touching


def _choose_points(partition: Partition, tolerances_px: Float64Array) -> BoolArray:
    """Which points stay, (P,), at one tolerance for each arc, (A,)."""
    kept = partition.is_edge[partition.arc_of_point]
    kept[partition.arc_starts[:-1]] = kept[partition.arc_starts[1:] - 1] = True
    undecided = np.flatnonzero(~kept)
    level = 0
    while len(undecided):
        # Between two points that stay, the farthest from the line between them stays, or none.
        anchors = np.flatnonzero(kept)
        span = np.searchsorted(anchors, undecided)
        begin, end = anchors[span - 1], anchors[span]
        points = partition.points
        distances = _measure_distances(points[undecided], points[begin], points[end])
        starts, sizes = find_equal_runs(span)
        farthest = np.repeat(np.maximum.reduceat(distances, starts), sizes)
        arc = partition.arc_of_point[undecided]
        must_stay = partition.is_closed[arc] & (level < 2)
        divided = farthest > np.where(must_stay, 0.0, tolerances_px[arc])
        candidates = np.flatnonzero(divided & (distances == farthest))
        _, first = np.unique(span[candidates], return_index=True)
        kept[undecided[candidates[first]]] = True
        undecided = undecided[divided & ~kept[undecided]]
        level += 1
    return kept


def _take_points(partition: Partition, kept: BoolArray) -> Partition:
    counts = np.add.reduceat(kept.astype(np.int64), partition.arc_starts[:-1])
    errors = partition.error_px
    return replace(
        partition,
        points=partition.points[kept],
        arc_starts=np.concatenate([[0], np.cumsum(counts)]),
        error_px=None if errors is None else errors[kept],
    )


def _number_nodes(partition: Partition) -> tuple[Int64Array, BoolArray]:
    """A number for each point, the same for the tips at one junction, (P,); whether it is a tip."""
    nodes = np.arange(len(partition.points))
    closed = partition.is_closed
    nodes[partition.arc_starts[1:][closed] - 1] = nodes[partition.arc_starts[:-1][closed]]
    tips, junctions = find_tips(partition)
    nodes[tips] = len(nodes) + junctions
    is_tip = np.zeros(len(nodes), bool)
    is_tip[tips] = True
    return nodes, is_tip


def _measure_distances(
    points: Float64Array, begin: Float64Array, end: Float64Array
) -> Float64Array:
    """Distance of each point from its segment, (N,) for (N, 2) each."""
    along, there = end - begin, points - begin
    squared = (along**2).sum(axis=1)
    share = np.divide(
        (along * there).sum(axis=1), squared, out=np.zeros(len(points)), where=squared > 0
    )
    return np.asarray(np.hypot(*(there - along * share.clip(0, 1)[:, None]).T))
