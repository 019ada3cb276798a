"""Objects keep their color from the truth to the answer."""

from __future__ import annotations

import numpy as np

from segfit.classes import DISTINCT_COLORS
from segfit.report.pictures import choose_size, number_alike, resize_grid

COLORS = len(DISTINCT_COLORS)


def test_an_object_has_the_color_of_the_one_it_covers():
    true = np.int32([[1, 1, 0, 2, 2, 2]])
    found = np.int32([[9, 9, 9, 4, 4, 4]])
    assert number_alike(found, true).tolist() == [[1, 1, 1, 2, 2, 2]]


def test_two_on_one_stay_two_of_its_color():
    true = np.int32([[3, 3, 3, 3, 3]])
    found = np.int32([[1, 1, 1, 2, 2]])
    (numbers,) = number_alike(found, true).tolist()
    assert numbers == [3, 3, 3, 3 + COLORS, 3 + COLORS]


def test_what_covers_nothing_is_an_object_still():
    true = np.int32([[0, 0, 5]])
    found = np.int32([[1, 0, 2]])
    (numbers,) = number_alike(found, true).tolist()
    assert numbers[1:] == [0, 5]
    assert numbers[0] > 5
    assert number_alike(np.int32([[0]]), true[:, :1]).tolist() == [[0]]


def test_sizes_are_bounded():
    assert choose_size((20_000, 10_000)) == (450, 900)
    assert choose_size((1, 100_000)) == (900, 1)
    assert choose_size((300, 300)) == (600, 600)


def test_grids_are_shrunk_and_enlarged_without_mixing():
    grid = np.uint8([[0, 7], [3, 0]])
    assert resize_grid(grid, (4, 2)).tolist() == [[0, 0, 7, 7], [3, 3, 0, 0]]
    assert resize_grid(np.repeat(grid, 4, axis=1), (2, 2)).tolist() == grid.tolist()
