"""Small regions → their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.partition.label_grid import LabelGrid, unpack_codes
from segfit.partition.planar_map import OUTSIDE
from segfit.partition.trace import Runs, find_cracks, find_runs


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
    numbers = np.cumsum(is_object) * is_object
    objects = np.repeat(numbers.astype(np.int32)[runs.regions], runs.lengths)
    return LabelGrid(unpack_codes(merged)[0], objects.reshape(grid.shape))


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
    # Of two small neighbours only the smaller one gives way now, else they might swap labels.
    rank = np.argsort(np.argsort(areas, kind="stable"), kind="stable")
    yields = small & (~small[heirs] | (rank < rank[heirs]))
    yields[heirs[yields]] = False  # what is given something may have grown enough
    new_labels = np.where(yields, runs.region_labels[heirs], runs.region_labels)
    return np.repeat(new_labels[runs.regions], runs.lengths).reshape(labels.shape)


def _find_heirs(labels: NDArray[np.integer], runs: Runs) -> Int64Array:
    """For every region the neighbour with which it shares most cracks; itself if it has none."""
    sides, region_count = find_cracks(labels, runs).sides, len(runs.region_labels)
    inner = sides[(sides != OUTSIDE).all(axis=1)]
    both = np.concatenate([inner, inner[:, ::-1]])
    pairs, lengths = np.unique(both[:, 0] * region_count + both[:, 1], return_counts=True)
    region, neighbour = np.divmod(pairs, region_count)
    order = np.lexsort((lengths, region))
    heirs = np.arange(region_count)
    heirs[region[order]] = neighbour[order]  # the last written, the longest, stays
    return heirs
