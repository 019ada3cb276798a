"""Regions of neighbouring planes joined one to one, with the largest sum of overlaps."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from segfit.basics.arrays import UInt32Array
from segfit.errors import SegfitError
from segfit.streaming.linking import LinkCounts, Linker, match_regions


def draw(*spans: tuple[int, int], width: int = 60) -> UInt32Array:
    """A row of pixels in which each region, from 1, covers one span."""
    row = np.zeros((1, width), np.uint32)
    for number, (start, stop) in enumerate(spans, start=1):
        row[0, start:stop] = number
    return row


def match(before: UInt32Array, after: UInt32Array, least_iou: float = 0.1) -> list[list[int]]:
    classes = [np.ones(int(grid.max()), np.int64) for grid in (before, after)]
    return match_regions(before, after, *classes, least_iou=least_iou).tolist()


def test_one_region_that_splits_goes_on_in_the_part_that_overlaps_most() -> None:
    assert match(draw((0, 10)), draw((0, 3), (4, 10))) == [[0, 1]]


def test_pairs_are_the_best_of_all_and_not_the_best_of_each() -> None:
    """The largest overlap alone would leave the second region without a partner."""
    before, after = draw((0, 10), (10, 18)), draw((4, 14), (0, 4))
    assert match(before, after) == [[0, 1], [1, 0]]


def test_what_overlaps_too_little_is_not_joined() -> None:
    before, after = draw((0, 10)), draw((6, 16))  # 4 of 16 pixels
    assert match(before, after, 0.25) == [[0, 0]]
    assert match(before, after, 0.26) == []


def test_another_class_is_another_object() -> None:
    one = np.array([1])
    assert match_regions(draw((0, 9)), draw((0, 9)), one, one + 1, least_iou=0.1).size == 0


def test_planes_without_regions() -> None:
    assert match(draw(), draw((0, 5))) == match(draw((0, 5)), draw()) == match(draw(), draw()) == []


@pytest.mark.parametrize("seed", range(20))
def test_no_other_pairs_overlap_more(seed: int) -> None:
    random = np.random.default_rng(seed)
    grids = [random.integers(0, 5, (6, 8)).astype(np.uint32) for _ in range(2)]
    for grid in grids:
        grid[0, :4] = (1, 2, 3, 4)
    before, after = grids
    masks = [[grid == number for number in range(1, 5)] for grid in grids]
    overlaps = np.array([[(a & b).sum() / (a | b).sum() for b in masks[1]] for a in masks[0]])
    overlaps[overlaps < 0.1] = 0
    best = max(sum(overlaps[range(4), order]) for order in permutations(range(4)))
    pairs = np.array(match(before, after)).reshape(-1, 2)
    assert len(set(pairs[:, 0])) == len(set(pairs[:, 1])) == len(pairs)
    assert overlaps[pairs[:, 0], pairs[:, 1]].sum() == pytest.approx(best)


def test_numbers_are_kept_through_planes_and_never_used_again() -> None:
    linker = Linker()
    planes = [draw((0, 9), (20, 29)), draw((20, 29)), draw((0, 9), (20, 29))]
    found = [linker.link(plane, np.ones(int(plane.max()), np.int64)).tolist() for plane in planes]
    assert found == [[1, 2], [2], [3, 2]]
    assert linker.counts == LinkCounts(objects=3, linked=2, started=1, ended=1)
    linker.start()
    assert linker.link(planes[1], np.ones(1, np.int64)).tolist() == [4]
    assert linker.counts == LinkCounts(objects=4, linked=2, started=1, ended=1)


@pytest.mark.parametrize("least", [0, -1, 1.5, float("nan")])
def test_an_overlap_that_cannot_be_is_refused(least: float) -> None:
    with pytest.raises(SegfitError, match="above 0 and at most 1"):
        Linker(least)
