"""Small regions → their neighbours, on a grid and on a planar map.

Shapes: ``R`` regions.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.partition.dissolve import dissolve_borders
from segfit.partition.label_grid import LabelGrid, unpack_codes
from segfit.partition.planar_map import OUTSIDE, Partition
from segfit.partition.trace import Runs, find_components, find_cracks, find_runs


def merge_small_regions(grid: LabelGrid, min_area_px: float) -> LabelGrid:
    """Give regions smaller than ``min_area_px`` to the neighbour with the longest border.

    The smallest go first; an image that is one region stays as it is. Objects are regions of their
    own.
    """
    merged = grid.codes
    while True:
        runs = find_runs(merged)
        areas = _measure(runs)
        small = areas < min_area_px
        if not small.any() or len(areas) == 1:
            return grid.with_codes(merged)
        merged = _give_way(merged, runs, areas, small, _find_heirs(merged, runs))


def dissolve_small_regions(
    partition: Partition, min_area_px: float, *, apart: Collection[int] = ()
) -> tuple[Partition, Int64Array]:
    """Give regions smaller than ``min_area_px`` to the neighbour with the longest border.

    The same as ``merge_small_regions`` where borders are known better than to a pixel: those that
    stay keep their places and errors. ``apart``: labels of which regions stay apart where they come
    to touch, since they are objects; regions that touch already stay apart in any case. Returns the
    partition, and for each of the former regions its number there, (R,).
    """
    inner = ~partition.is_edge
    pairs = partition.sides[inner]
    lengths = partition.arc_lengths_px[inner]
    labels = partition.labels
    touching = labels[pairs[:, 0]] == labels[pairs[:, 1]]
    own = np.arange(partition.region_count)
    owners = own
    while True:
        areas = np.bincount(owners, partition.region_areas_px, minlength=len(own))
        small = (areas < min_area_px) & (owners == own)
        if not small.any() or len(np.unique(owners)) == 1:
            return dissolve_borders(partition, owners)
        heirs = _pick_heirs(owners[pairs], lengths, len(own))
        yields = _choose_yielding(areas, small, heirs)
        owners = np.where(yields, heirs, own)[owners]
        between = owners[pairs]
        alike = labels[between[:, 0]] == labels[between[:, 1]]
        join = alike & ~np.isin(labels[between[:, 0]], list(apart)) & ~touching
        owners = _join_owners(owners, between[join])


def _join_owners(owners: Int64Array, pairs: Int64Array) -> Int64Array:
    """Owners where those of each pair (N, 2), and all that hang together, are one."""
    count = len(owners)
    _, groups = find_components(pairs, count)
    first = np.full(count, count)
    np.minimum.at(first, groups, np.arange(count))
    return np.asarray(first[groups][owners], np.int64)


def merge_loose_pieces(grid: LabelGrid, min_area_px: float) -> LabelGrid:
    """Make every object one region, and leave none smaller than ``min_area_px``.

    A piece of an object beside its largest one goes to the neighbour with the longest border, if
    that is an object, and else is an object of its own; one that is too small goes to any
    neighbour. Regions of no object stay as they are. Objects are numbered from 1.
    """
    merged = grid.codes
    while True:
        runs = find_runs(merged)
        areas = _measure(runs)
        is_object = unpack_codes(runs.region_labels)[1] > 0
        tiny = is_object & (areas < min_area_px)
        loose = is_object & ~_find_largest(runs.region_labels, areas)
        if len(areas) == 1 or not (tiny | loose).any():
            break
        heirs = _find_heirs(merged, runs)
        small = tiny | (loose & is_object[heirs])
        if not small.any():
            break
        merged = _give_way(merged, runs, areas, small, heirs)
    numbers = (np.cumsum(is_object) * is_object).astype(np.int32)
    labels = unpack_codes(runs.region_labels)[0]
    return LabelGrid(runs.paint(labels, grid.shape), runs.paint(numbers, grid.shape))


def _measure(runs: Runs) -> Int64Array:
    """Area of every region, (R,)."""
    areas = np.bincount(runs.regions, weights=runs.lengths, minlength=len(runs.region_labels))
    return areas.astype(np.int64)


def _find_largest(labels: NDArray[np.integer], areas: Int64Array) -> BoolArray:
    """Whether a region is the largest one of its label, (R,); of equal ones, the last."""
    order = np.lexsort((areas, labels))
    is_last = np.append(labels[order][1:] != labels[order][:-1], True)
    largest = np.zeros(len(labels), bool)
    largest[order[is_last]] = True
    return largest


def _give_way(
    labels: NDArray[np.integer],
    runs: Runs,
    areas: Int64Array,
    small: BoolArray,
    heirs: Int64Array,
) -> NDArray[np.integer]:
    """Give small regions the labels of their heirs, as far as these are to stay themselves."""
    yields = _choose_yielding(areas, small, heirs)
    new_labels = np.where(yields, runs.region_labels[heirs], runs.region_labels)
    return runs.paint(new_labels, labels.shape)


def _choose_yielding(
    areas: Int64Array | Float64Array, small: BoolArray, heirs: Int64Array
) -> BoolArray:
    """Which small regions become a part of their heirs now, (R,)."""
    # Of two small neighbours only the smaller one gives way now, else they might swap labels.
    rank = np.argsort(np.argsort(areas, kind="stable"), kind="stable")
    yields = small & (~small[heirs] | (rank < rank[heirs]))
    yields[heirs[yields]] = False  # what is given something may have grown enough
    return yields


def _find_heirs(labels: NDArray[np.integer], runs: Runs) -> Int64Array:
    """For every region the neighbour with which it shares most cracks; itself if it has none."""
    sides = find_cracks(labels, runs).sides
    inner = sides[(sides != OUTSIDE).all(axis=1)]
    return _pick_heirs(inner, np.ones(len(inner)), len(runs.region_labels))


def _pick_heirs(sides: Int64Array, lengths: Float64Array, count: int) -> Int64Array:
    """For every region the neighbour with the longest border, (R,); itself if it has none.

    ``sides``: (N, 2) the regions beside each piece of border, ``lengths``: (N,).
    """
    inner = sides[:, 0] != sides[:, 1]
    sides, lengths = sides[inner], lengths[inner]
    both = np.concatenate([sides, sides[:, ::-1]])
    pairs, piece = np.unique(both[:, 0] * count + both[:, 1], return_inverse=True)
    totals = np.bincount(piece, np.tile(lengths, 2), minlength=len(pairs))
    region, neighbour = np.divmod(pairs, count)
    order = np.lexsort((totals, region))
    heirs = np.arange(count)
    heirs[region[order]] = neighbour[order]  # the last written, the longest, stays
    return heirs
