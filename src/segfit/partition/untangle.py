"""Finds what a move has tangled up, and takes the move back there.

Shapes: ``P`` points of all arcs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import shapely

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.errors import SegfitError
from segfit.partition.arcs import find_tips, neighbours
from segfit.partition.crossings import find_crossings, find_turn, keep_clear
from segfit.partition.planar_map import OUTSIDE, Partition, number_within
from segfit.partition.raster import find_misplaced_segments

TANGLES_NAMED = 3
LOCAL_REACH = 3
"""Points on either side of a crossing that are put back first."""


def untangle(origin: Partition, resampled: Partition, moved: Partition) -> tuple[Partition, int]:
    """Undo a move where arcs cross, are on the wrong side of another or slid past a neighbour.

    ``moved`` has the points of ``resampled`` at other places. Points near a crossing go back to
    where they were in ``resampled``; where that does not help, the whole arc becomes what it was in
    ``origin``, whose arcs do not cross. Returns the partition and the number of points put back.
    Raises ``SegfitError`` where the arcs of ``origin`` do cross.
    """
    tangled = find_tangled_points(moved)
    if not tangled.any():
        return moved, 0
    back = _spread(moved, tangled, LOCAL_REACH)
    moved = _put_back(resampled, moved, back)
    arcs = np.zeros(moved.arc_count, bool)
    while True:
        tangled = find_tangled_points(moved)
        if not tangled.any():
            count = np.count_nonzero(back | arcs[resampled.arc_of_point])
            return moved, int(count)
        if arcs.all():
            raise SegfitError(_describe_tangle(origin, tangled))
        guilty = np.unique(moved.arc_of_point[tangled])
        if arcs[guilty].all():
            # They are back already, so it is a neighbour's fault.
            regions = np.setdiff1d(moved.sides[guilty], OUTSIDE)
            beside = np.isin(moved.sides, regions).any(axis=1) & ~arcs
            guilty = np.flatnonzero(beside if beside.any() else ~arcs)
        arcs[guilty] = True
        moved = take_arcs(origin, moved, arcs)


def give_way(origin: Partition, moved: Partition, stays: BoolArray) -> BoolArray:
    """Take a move back where arcs cross others that stay where they are, in place.

    ``stays``: arcs (A,) whose points do not change, nor do the ends of any arc. Points of the
    others near a crossing go to where the arc is in ``origin``. Returns which points were moved,
    (P,): what they cross then was moved too far itself.
    """
    back = np.zeros(len(moved.points), bool)
    if keep_clear(moved, stays):
        return back
    first, last = moved.arc_starts[:-1], moved.arc_starts[1:] - 1
    begins, ends = first[moved.is_closed], last[moved.is_closed]
    held = stays[moved.arc_of_point]
    held[first[~moved.is_closed]] = held[last[~moved.is_closed]] = True
    while True:
        further = _spread(moved, find_tangled_points(moved), LOCAL_REACH) & ~held & ~back
        if not further.any():
            return back
        back |= further
        back[begins] = back[ends] = back[begins] | back[ends]
        chosen = np.flatnonzero(back)
        is_apart = (np.diff(chosen) > 1) | (np.diff(moved.arc_of_point[chosen]) != 0)
        for run in np.split(chosen, np.flatnonzero(is_apart) + 1):
            line = origin.arc(int(moved.arc_of_point[run[0]]))
            places = _lay_on_line(moved.points[run], line)
            if moved.error_px is not None:
                undone = np.hypot(*(moved.points[run] - places).T)
                moved.error_px[run] = np.hypot(moved.error_px[run], undone)
            moved.points[run] = places
        moved.points[ends] = moved.points[begins]


def _lay_on_line(points: Float64Array, line: Float64Array) -> Float64Array:
    """Places on a line for points beside it (N, 2), in their order, so that they make no loop."""
    laid = shapely.linestrings(line)
    first, last = shapely.line_locate_point(laid, shapely.points(points[[0, -1]]))
    length = shapely.length(laid)
    if last < first:  # a closed line begins between them, or they have no place in this order
        last = last + length if shapely.is_closed(laid) else first
    along = np.linspace(first, last, len(points))
    along[along > length] -= length
    return np.asarray(shapely.get_coordinates(shapely.line_interpolate_point(laid, along)))


def _describe_tangle(partition: Partition, tangled: BoolArray) -> str:
    """Say where a partition's borders are not those of regions."""
    places = [f"({x:.1f}, {y:.1f})" for x, y in partition.points[tangled][:TANGLES_NAMED]]
    count = np.count_nonzero(tangled)
    return (
        f"borders of the given partition cross or are inside out at {count} of its "
        f"{len(tangled)} points, the first at (x, y) {', '.join(places)}: make it by partition_of "
        "from a grid of labels, or put these points right"
    )


def find_tangled_points(partition: Partition) -> BoolArray:
    """Whether a point's segment crosses another or is where it cannot be, (P,)."""
    tangled = np.zeros(len(partition.points), bool)
    segments = np.concatenate(
        [find_crossings(partition).ravel(), find_misplaced_segments(partition)]
    )
    tangled[segments] = tangled[segments + 1] = True
    # Too thin for any row of pixels, a loop can still be inside out.
    inverted = (partition.loop_areas_px > 0) != partition.is_outer
    signed = partition.loops[np.repeat(inverted, np.diff(partition.loop_starts))]
    arcs = np.union1d(np.maximum(signed, ~signed), _find_reversed_edges(partition))
    return tangled | np.isin(partition.arc_of_point, arcs)


def _find_reversed_edges(partition: Partition) -> Int64Array:
    """Arcs on the image's edge whose ends have slid past each other."""
    edges = np.flatnonzero(partition.is_edge)
    begin = partition.points[partition.arc_starts[edges]]
    end = partition.points[partition.arc_starts[edges + 1] - 1]
    middle = np.broadcast_to(np.array(partition.shape[::-1]) / 2, begin.shape)
    image_on_right = partition.sides[edges, 0] == OUTSIDE
    turn = find_turn(begin, end, middle)
    return np.asarray(edges[np.where(image_on_right, turn <= 0, turn >= 0)])


def _spread(partition: Partition, chosen: BoolArray, reach: int) -> BoolArray:
    """Choose the points within ``reach`` along an arc, too."""
    around = neighbours(partition, tuple(range(-reach, reach + 1)))
    return np.asarray(chosen[around].any(axis=1))


def _put_back(resampled: Partition, moved: Partition, back: BoolArray) -> Partition:
    # A junction is one point, whichever of its arcs went back.
    tips, junctions = find_tips(moved)
    if len(tips):
        gone = np.zeros(int(junctions.max()) + 1, bool)
        gone[junctions[back[tips]]] = True
        back[tips] = gone[junctions]
    # So is the point where a closed arc begins and ends.
    closed = moved.is_closed
    first, last = moved.arc_starts[:-1][closed], moved.arc_starts[1:][closed] - 1
    back[first] = back[last] = back[first] | back[last]
    points = np.where(back[:, None], resampled.points, moved.points)
    if moved.error_px is None:
        return replace(moved, points=points)
    # They are now as far from where they should be as they were moved, too.
    undone = np.hypot(*(moved.points - points).T)
    return replace(moved, points=points, error_px=np.hypot(moved.error_px, undone))


def take_arcs(origin: Partition, moved: Partition, arcs: BoolArray) -> Partition:
    """Replace arcs by those of ``origin``; their ends take the neighbours' ends along."""
    lengths = np.where(arcs, np.diff(origin.arc_starts), np.diff(moved.arc_starts))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    arc, place = number_within(lengths)
    taken = arcs[arc]
    source = np.where(taken, origin.arc_starts[arc], moved.arc_starts[arc]) + place
    points = np.empty((starts[-1], 2))
    points[taken], points[~taken] = origin.points[source[taken]], moved.points[source[~taken]]
    errors = None
    if moved.error_px is not None:
        known = np.full(len(origin.points), np.nan) if origin.error_px is None else origin.error_px
        errors = np.empty(starts[-1])
        errors[taken], errors[~taken] = known[source[taken]], moved.error_px[source[~taken]]
    mixed = replace(moved, points=points, arc_starts=starts, error_px=errors)
    tips, junctions = find_tips(mixed)
    origin_tips, _ = find_tips(origin)
    gone = np.zeros(int(junctions.max(initial=-1)) + 1, bool)
    gone[junctions[arcs[mixed.arc_of_point[tips]]]] = True
    back = gone[junctions]
    points[tips[back]] = origin.points[origin_tips[back]]
    return mixed
