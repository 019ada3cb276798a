"""Small regions → their neighbours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segfit.partition.planar_map import OUTSIDE, Ints
from segfit.partition.trace import find_cracks, find_runs


def merge_small_regions(labels: NDArray[np.uint8], min_area_px: float) -> NDArray[np.uint8]:
    """Give regions smaller than ``min_area_px`` the label of the neighbour with the longest border.

    The smallest go first; a picture that is one region stays as it is. Returns a new (H, W) grid.
    """
    merged = labels.copy()
    while True:
        runs = find_runs(merged)
        areas = np.bincount(runs.regions, weights=runs.lengths, minlength=len(runs.region_labels))
        small = areas < min_area_px
        if not small.any() or len(areas) == 1:
            return merged
        cracks = find_cracks(merged, runs)
        heir = _longest_neighbour(cracks.sides, len(areas))
        # Of two small neighbours only the smaller one gives way now, else they might swap labels.
        rank = np.argsort(np.argsort(areas, kind="stable"), kind="stable")
        yields = small & (~small[heir] | (rank < rank[heir]))
        yields[heir[yields]] = False  # what is given something may have grown enough
        new_labels = np.where(yields, runs.region_labels[heir], runs.region_labels)
        merged = np.repeat(new_labels[runs.regions], runs.lengths).reshape(labels.shape)


def _longest_neighbour(sides: Ints, region_count: int) -> Ints:
    """For every region the neighbour with which it shares most cracks; itself if it has none."""
    inner = sides[(sides != OUTSIDE).all(axis=1)]
    both = np.concatenate([inner, inner[:, ::-1]])
    pairs, lengths = np.unique(both[:, 0] * region_count + both[:, 1], return_counts=True)
    region, neighbour = np.divmod(pairs, region_count)
    order = np.lexsort((lengths, region))
    heir = np.arange(region_count)
    heir[region[order]] = neighbour[order]  # the last written, the longest, stays
    return heir
