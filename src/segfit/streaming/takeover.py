"""What a tile takes over from those before it: who has which pixel, and where arcs lie.

Shapes: ``H, W`` a zone; ``A`` arcs; ``P`` points of all arcs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int32Array, Int64Array
from segfit.imaging.raster.window import Window
from segfit.partition import LabelGrid, Partition
from segfit.partition.arcs import find_tips
from segfit.partition.planar_map import number_within
from segfit.partition.trace import find_components
from segfit.streaming.part import Junctions, Lines, Part, Runs
from segfit.streaming.tiling import overlap, within

LEAST_SHARED = 0.5
"""Of what an object has among pixels that are decided; so much has to be one object there."""


def take_over_pixels(
    grid: LabelGrid, zone: Window, earlier: Sequence[Part], object_classes: Sequence[int]
) -> LabelGrid:
    """A zone's labels and objects (H, W), those of earlier parts in the place of its own.

    An object that goes on beyond what was decided is the one that it mostly is there.
    """
    if not earlier:
        return grid
    labels = grid.labels.copy()
    decided = np.zeros(grid.shape, bool)
    taken, holds_objects = [], grid.objects is not None
    for part in earlier:
        shared = overlap(part.zone.frame, zone)
        assert shared is not None
        runs, here = part.zone.crop(shared), within(shared, zone)
        is_object = np.isin(part.labels, object_classes)
        holds_objects |= bool(is_object[runs.regions].any())
        theirs, new = runs.paint(), ~decided[here]
        np.copyto(labels[here], part.labels[theirs], where=new)
        decided[here] = True
        taken.append((here, theirs, new, is_object))
    if not holds_objects:
        return LabelGrid(labels)
    own = np.zeros(grid.shape, np.int32) if grid.objects is None else grid.objects
    numbers = own.copy()
    count = int(own.max(initial=0)) + 1
    goes_on = np.zeros(count, bool)
    same = [np.empty((0, 2), np.int64)]
    for here, theirs, new, is_object in taken:
        given = (is_object * (np.arange(len(is_object)) + count)).astype(np.int32)[theirs]
        twice = ~new & (given > 0) & (numbers[here] > 0)
        same.append(_list_pairs(numbers[here][twice], given[twice])[0])
        np.copyto(numbers[here], given, where=new)
        count += len(is_object)
    goes_on[own[~decided]] = True
    goes_on[0] = False  # what is of no object
    pixels = np.flatnonzero(decided)
    pixels = pixels[goes_on[own.ravel()[pixels]]]
    before, now = own.ravel()[pixels], numbers.ravel()[pixels]
    totals = np.bincount(before, minlength=len(goes_on))
    alike = (now > 0) & (labels.ravel()[pixels] == grid.labels.ravel()[pixels])
    pairs, counts = _list_pairs(before[alike], now[alike])
    order = np.argsort(counts, kind="stable")
    best = np.full(len(goes_on), -1)
    best[pairs[order, 0]] = order  # the last written, the most, stays
    chosen = best[best >= 0]
    chosen = chosen[counts[chosen] >= LEAST_SHARED * totals[pairs[chosen, 0]]]
    same.append(pairs[chosen])
    _, groups = find_components(np.concatenate(same), count)
    joined = (groups + 1).astype(np.int32)
    joined[0] = 0
    return LabelGrid(labels, joined[numbers])


def _list_pairs(
    first: Int32Array | Int64Array, second: Int32Array | Int64Array
) -> tuple[Int64Array, Int64Array]:
    """The different pairs (N, 2) of two lists of numbers, and how often each comes, (N,)."""
    width = int(second.max(initial=0)) + 1
    codes, counts = np.unique(first.astype(np.int64) * width + second, return_counts=True)
    return np.stack(np.divmod(codes, width), axis=1), counts


def link_regions(own: Runs, part: Part) -> Int64Array:
    """Pairs (M, 2) of a part's region and one of a zone that have a pixel in common."""
    shared = overlap(part.zone.frame, own.frame)
    assert shared is not None
    both = [part.zone.crop(shared), own.crop(shared)]
    starts = [np.cumsum(one.lengths) - one.lengths for one in both]
    at = np.union1d(*starts)
    theirs, mine = (
        one.regions[np.searchsorted(begins, at, side="right") - 1]
        for one, begins in zip(both, starts, strict=True)
    )
    return _list_pairs(theirs, mine)[0]


def arc_keys(partition: Partition, zone: Window, width: int) -> tuple[Int64Array, BoolArray]:
    """A number for every arc of a traced grid, (A,), the same in every zone that holds it whole.

    It says at which lattice point of the image, ``width`` pixels wide, the arc begins and in which
    direction. Returns also which arcs it names from their other end, (A,).
    """
    first, last = partition.arc_starts[:-1], partition.arc_starts[1:] - 1
    ahead = _name_ends(partition, first, first + 1, zone, width)
    back = _name_ends(partition, last, last - 1, zone, width)
    is_back = ~partition.is_closed & (back < ahead)
    return np.where(is_back, back, ahead), np.asarray(is_back)


def _name_ends(
    partition: Partition, at: Int64Array, towards: Int64Array, zone: Window, width: int
) -> Int64Array:
    step = np.sign(partition.points[towards] - partition.points[at]).astype(np.int64)
    heading = np.where(step[:, 1] == 0, 1 - step[:, 0], 2 - step[:, 1])  # east 0, south 1, …
    return point_keys(partition.points[at], zone, width) * 4 + heading


def point_keys(points: Float64Array, zone: Window, width: int) -> Int64Array:
    """A number for every lattice point (N, 2) of a zone, the same in every zone, (N,)."""
    columns, rows = points.astype(np.int64).T
    return np.asarray((rows + zone.top) * (width + 1) + columns + zone.left)


def take_over_arcs(
    moved: Partition,
    points: Float64Array,
    keys: Int64Array,
    is_back: BoolArray,
    lines: Lines,
    chosen: BoolArray,
    shift: Float64Array,
) -> tuple[Partition, Float64Array, BoolArray]:
    """Put arcs where they were put before.

    ``moved``: the zone's partition; ``points``: (P, 2) its points in the whole image. ``keys``,
    ``is_back``: of its arcs. ``chosen``: arcs (A,) that are taken over, where ``lines`` has them.
    ``shift``: (2,) of the zone in the image.
    Returns the partition, its points in the whole image, and which arcs were taken over, (A,).
    """
    place = np.searchsorted(lines.keys, keys)
    place = np.minimum(place, max(len(lines.keys) - 1, 0))
    found = chosen & (lines.keys[place] == keys) if len(lines.keys) else np.zeros_like(chosen)
    if not found.any():
        return moved, points, found
    theirs = np.diff(lines.starts)[place] if len(lines.keys) else np.zeros(len(keys), np.int64)
    lengths = np.where(found, theirs, np.diff(moved.arc_starts))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    arc, step = number_within(lengths)
    taken = found[arc]
    step = np.where(taken & is_back[arc], lengths[arc] - 1 - step, step)
    source = np.where(taken, lines.starts[place[arc]], moved.arc_starts[arc]) + step
    assert moved.error_px is not None
    whole, errors = np.empty((len(arc), 2)), np.empty(len(arc))
    local = np.empty((len(arc), 2))
    whole[taken], whole[~taken] = lines.points[source[taken]], points[source[~taken]]
    errors[taken], errors[~taken] = lines.errors[source[taken]], moved.error_px[source[~taken]]
    local[taken], local[~taken] = whole[taken] - shift, moved.points[source[~taken]]
    return replace(moved, points=local, arc_starts=starts, error_px=errors), whole, found


def take_over_junctions(
    moved: Partition,
    points: Float64Array,
    keys: Int64Array,
    junctions: Junctions,
    chosen: BoolArray,
    shift: Float64Array,
) -> None:
    """Put the ends of arcs where junctions were put before, in place.

    ``keys``: (J,) of the partition's junctions; ``chosen``: (J,) those that are taken over.
    ``shift``: (2,) of the zone in the image.
    """
    if not len(junctions.keys) or not chosen.any():
        return
    place = np.minimum(np.searchsorted(junctions.keys, keys), len(junctions.keys) - 1)
    found = chosen & (junctions.keys[place] == keys)
    tips, ends = find_tips(moved)
    known = found[ends]
    tips, source = tips[known], place[ends[known]]
    points[tips] = junctions.points[source]
    moved.points[tips] = junctions.points[source] - shift
    assert moved.error_px is not None
    moved.error_px[tips] = junctions.errors[source]


def junction_places(first: Partition) -> Float64Array:
    """Where the junctions of a traced grid are, (J, 2)."""
    tips, ends = find_tips(first)
    places = np.zeros((int(ends.max(initial=-1)) + 1, 2))
    places[ends] = first.points[tips]
    return places


def arc_bounds(first: Partition, zone: Window) -> Int64Array:
    """Left, top, right and bottom of every arc of a traced grid, in the whole image, (A, 4)."""
    starts = first.arc_starts[:-1]
    low = np.minimum.reduceat(first.points, starts, axis=0)
    high = np.maximum.reduceat(first.points, starts, axis=0)
    bounds = np.concatenate([low, high], axis=1).astype(np.int64)
    return np.asarray(bounds + np.tile((zone.left, zone.top), 2), np.int64)


def region_bounds(first: Partition, of_arcs: Int64Array) -> Int64Array:
    """Left, top, right and bottom of every region, (R, 4), from those of the arcs."""
    bounds = np.empty((first.region_count, 4), np.int64)
    bounds[:, :2], bounds[:, 2:] = np.iinfo(np.int64).max, np.iinfo(np.int64).min
    for side in (0, 1):
        regions = first.sides[:, side]
        inner = regions >= 0
        np.minimum.at(bounds[:, :2], regions[inner], of_arcs[inner, :2])
        np.maximum.at(bounds[:, 2:], regions[inner], of_arcs[inner, 2:])
    return bounds
