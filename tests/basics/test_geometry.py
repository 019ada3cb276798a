import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from segfit.basics.geometry import (
    fill_polygon,
    fill_window,
    measure_area,
    measure_coverage,
    measure_length,
)

COORDINATES = st.floats(-3, 12, allow_nan=False)
SQUARE = np.array([[1.0, 1], [7, 1], [7, 7], [1, 7]])
HOLE = np.array([[3.0, 3], [3, 5], [5, 5], [5, 3]])


@given(st.lists(st.integers(0, 8), min_size=4, max_size=4))
def test_a_polygon_along_pixel_borders_fills_those_pixels(corners):
    (x0, x1), (y0, y1) = sorted(corners[:2]), sorted(corners[2:])
    points = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=float)
    expected = np.zeros((8, 8), bool)
    expected[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(fill_polygon([points], height=8, width=8), expected)


@given(st.lists(st.tuples(COORDINATES, COORDINATES), min_size=4, max_size=4), COORDINATES)
def test_two_polygons_that_share_a_border_share_no_pixel(border, x):
    # both close the same polyline, each with a point of its own; together they close each other
    line = np.array(border)
    first = fill_polygon([np.vstack([line, [(x, -5.0)]])], height=8, width=8)
    second = fill_polygon([np.vstack([line, [(x, 15.0)]])[::-1]], height=8, width=8)
    ring = np.array([line[0], (x, -5.0), line[-1], (x, 15.0)])
    np.testing.assert_array_equal(first ^ second, fill_polygon([ring], height=8, width=8))


def test_holes_stay_empty():
    inside = fill_polygon([SQUARE, HOLE], height=8, width=8)
    assert inside.sum() == 36 - 4
    assert not inside[3:5, 3:5].any()


def test_no_rings_fill_nothing():
    assert not fill_polygon([], height=2, width=3).any()


def test_more_crossings_than_a_byte_counts():
    teeth = np.arange(0.0, 600, 2)
    comb = [np.array([[x, 0], [x + 1, 0], [x + 1, 1], [x, 1]]) for x in teeth]
    inside = fill_polygon(comb, height=1, width=600)
    assert inside[0].tolist() == [True, False] * 300


def test_coverage_is_the_share_of_each_pixel():
    half = np.array([[0.0, 0], [1.5, 0], [1.5, 1], [0, 1]])
    assert measure_coverage([half], height=2, width=3).tolist() == [[255, 128, 0], [0, 0, 0]]
    triangle = np.array([[0.0, 0], [8, 0], [0, 8]])
    covered = measure_coverage([triangle], height=8, width=8).astype(float).sum() / 255
    assert covered == pytest.approx(32, abs=1.1)  # sixteenths, and ties on the diagonal


def test_areas_have_signs_and_lengths_are_closed():
    assert (measure_area(SQUARE), measure_length(SQUARE)) == (36, 24)
    assert (measure_area(HOLE), measure_length(HOLE)) == (-4, 8)
    assert measure_area(SQUARE + 1e6) == 36


@given(
    hnp.arrays(np.float64, (5, 2), elements=st.floats(-8, 16, width=16)),
    st.integers(1, 9),
    st.integers(1, 9),
)
def test_a_window_holds_all_pixels_of_its_polygon(ring, height, width):
    inside, (top, left) = fill_window([ring], height=height, width=width)
    rows, columns = np.indices((height, width)) + 0.5
    # A ray to the right from each centre, side by side: the slow way.
    expected = np.zeros((height, width), bool)
    for begin, end in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        upper, lower = (begin, end) if begin[1] < end[1] else (end, begin)
        with np.errstate(divide="ignore", invalid="ignore"):
            at = upper[0] + (rows - upper[1]) / (lower[1] - upper[1]) * (lower[0] - upper[0])
        with np.errstate(invalid="ignore"):
            crosses = np.ceil(at - 0.5) <= columns - 0.5
        expected ^= (upper[1] <= rows) & (rows < lower[1]) & crosses
    found = np.zeros_like(expected)
    found[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    np.testing.assert_array_equal(found, expected)
