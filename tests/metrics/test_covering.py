"""Region metrics, against values worked out by hand and other libraries' own."""

import numpy as np
import pytest
from skimage.metrics import variation_of_information as skimage_variation
from sklearn.metrics import rand_score

from segfit.metrics.covering import (
    compare_regions,
    count_common,
    join_rows,
    measure_covering,
    measure_rand_index,
    measure_variation,
)

HALVES = np.array([[0, 0, 1, 1]] * 2)
QUARTERS = np.array([[0, 0, 1, 1], [2, 2, 3, 3]])
WHOLE = np.zeros((2, 4), int)


def test_same_regions_are_perfect():
    figures = compare_regions([count_common(HALVES, HALVES)])
    assert (figures.covering, figures.rand_index) == (1, 1)
    assert figures.variation_of_information == pytest.approx(0)


@pytest.mark.parametrize(
    ("found", "drawn", "covering"),
    [(WHOLE, HALVES, 0.5), (HALVES, WHOLE, 0.5), (QUARTERS, HALVES, 0.5), (HALVES, QUARTERS, 0.5)],
)
def test_covering_is_the_best_iou_of_each_true_region(found, drawn, covering):
    assert measure_covering(count_common(found, drawn)) == covering


def test_covering_goes_by_area():
    # The larger region is found, the smaller one is lost in it.
    drawn = np.array([[0] * 9 + [1]])
    assert measure_covering(count_common(np.zeros((1, 10), int), drawn)) == pytest.approx(
        0.9 * 0.9 + 0.1 * 0.1
    )


def test_agrees_with_other_libraries():
    rng = np.random.default_rng(0)
    for _ in range(5):
        found, drawn = rng.integers(0, 6, (2, 20, 30))
        table = count_common(found, drawn)
        assert measure_rand_index(table) == pytest.approx(rand_score(drawn.ravel(), found.ravel()))
        assert measure_variation(table) == pytest.approx(sum(skimage_variation(drawn, found)))


def test_joined_rows_are_the_table_of_joined_regions():
    owners = np.array([0, 0, 1, 1])
    joined = join_rows(count_common(QUARTERS, HALVES), owners)
    np.testing.assert_array_equal(joined, count_common(owners[QUARTERS], HALVES))


def test_people_count_alike():
    figures = compare_regions([count_common(HALVES, HALVES), count_common(HALVES, WHOLE)])
    assert figures.covering == 0.75
