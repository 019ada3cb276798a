import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.metrics.boundary import count_boundaries, no_boundaries
from segfit.metrics.figures import mean_of_known

SQUARE = np.zeros((12, 14), np.uint8)
SQUARE[4:8, 5:9] = 1


def shift(labels, down, across):
    return np.roll(labels, (down, across), axis=(0, 1))


def list_cracks(labels, counted, index):
    """Midpoints (x, y) of the cracks around a class, in image coordinates."""
    points = []
    height, width = labels.shape
    for row in range(height):
        for column in range(width):
            for down, across in ((0, 1), (1, 0)):
                other = row + down, column + across
                if other[0] == height or other[1] == width:
                    continue
                if not (counted[row, column] and counted[other]):
                    continue
                if (labels[row, column] == index) != (labels[other] == index):
                    points.append((column + 0.5 + across / 2, row + 0.5 + down / 2))
    return np.array(points).reshape(-1, 2)


def brute_force_f(truth, predicted, index, tolerance_px):
    counted = truth != IGNORE
    true_points = list_cracks(truth, counted, index)
    points = list_cracks(predicted, counted, index)
    if len(true_points) + len(points) == 0:
        return np.nan
    if len(true_points) == 0 or len(points) == 0:
        return 0.0
    distances = np.linalg.norm(true_points[:, None] - points[None], axis=2)
    recall = (distances.min(axis=1) <= tolerance_px).mean()
    precision = (distances.min(axis=0) <= tolerance_px).mean()
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


GRIDS = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
    lambda shape: st.tuples(
        arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2, IGNORE])),
        arrays(np.uint8, shape, elements=st.sampled_from([0, 0, 0, 1, 2])),
    )
)


@given(GRIDS)
def test_equals_measuring_every_pair(grids):
    truth, predicted = grids
    tolerances_px = (0.0, 1.0, 1.5, 3.0)
    f = count_boundaries(truth, predicted, 3, tolerances_px=tolerances_px).f_per_class()
    expected = [
        [brute_force_f(truth, predicted, index, tolerance_px) for index in range(3)]
        for tolerance_px in tolerances_px
    ]
    np.testing.assert_allclose(f, expected, rtol=1e-12)


@given(GRIDS)
def test_flips_and_turns_change_nothing(grids):
    truth, predicted = grids
    f = count_boundaries(truth, predicted, 3).f_per_class()
    for move in (np.fliplr, np.flipud, np.transpose, np.rot90):
        moved = count_boundaries(move(truth), move(predicted), 3).f_per_class()
        np.testing.assert_array_equal(moved, f)


@given(GRIDS)
def test_f_rises_with_the_tolerance(grids):
    f = count_boundaries(*grids, 3).f_per_class()
    f = f[:, ~np.isnan(f[0])]
    assert (np.diff(f, axis=0) >= 0).all()


@given(arrays(np.uint8, (6, 7), elements=st.integers(0, 2)))
def test_identical_grids_are_perfect(labels):
    f = count_boundaries(labels, labels, 3).f_per_class()
    assert (f[~np.isnan(f)] == 1).all()


def test_square_has_its_circumference():
    counts = count_boundaries(SQUARE, SQUARE, 2)
    assert counts.truth.tolist() == [16, 16]
    assert counts.predicted_near.tolist() == [[16, 16]] * 3


@pytest.mark.parametrize(("down", "across"), [(0, 1), (1, 0), (0, -1), (-1, 0)])
def test_shift_by_one_pixel_lies_within_one_pixel(down, across):
    counts = count_boundaries(SQUARE, shift(SQUARE, down, across), 2, tolerances_px=(0.9, 1.0))
    assert (counts.f_per_class()[0] < 1).all()
    assert counts.f_per_class()[1].tolist() == [1, 1]


def test_shift_by_two_pixels_needs_two():
    f = count_boundaries(SQUARE, shift(SQUARE, 0, 2), 2).f_per_class()[:, 1]
    # Of 16 elements, 8 are farther than 1 px: the left side (4), the middle of the right side (2,
    # its ends being near the other's top and bottom), the left ends of top and bottom (2).
    assert f.tolist() == [0.5, 1, 1]


def test_image_border_is_no_boundary():
    labels = np.ones((5, 5), np.uint8)
    counts = count_boundaries(labels, labels, 2)
    assert counts.truth.tolist() == [0, 0]
    assert np.isnan(counts.f_per_class()).all()


def test_invented_region_has_no_match():
    f = count_boundaries(np.zeros_like(SQUARE), SQUARE, 3).f_per_class()
    assert f[:, :2].tolist() == [[0, 0]] * 3
    assert np.isnan(f[:, 2]).all()


def test_boundary_at_ignored_pixels_does_not_count():
    truth = np.uint8([[1, 1, IGNORE, IGNORE, 0, 0]])
    predicted = np.uint8([[1, 1, 0, 1, 0, 0]])
    counts = count_boundaries(truth, predicted, 2)
    assert counts.truth.tolist() == [0, 0]
    assert counts.predicted.tolist() == [0, 0]


def test_counts_of_images_add_up():
    first = count_boundaries(SQUARE, shift(SQUARE, 0, 2), 2)
    second = count_boundaries(SQUARE, SQUARE, 2)
    total = no_boundaries(2) + first + second
    assert total.truth.tolist() == [32, 32]
    assert total.f_per_class()[0, 1] == pytest.approx(24 / 32)
    assert mean_of_known(total.f_per_class()[1]) == 1


def test_different_shapes_are_refused():
    with pytest.raises(SegfitError, match="truth is 12×14 but the prediction is 14×12"):
        count_boundaries(SQUARE, SQUARE.T, 2)
