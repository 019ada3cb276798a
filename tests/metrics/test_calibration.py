import math

import numpy as np
import pytest

from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.metrics.calibration import count_calibration, no_calibration


def two_classes(foreground):
    foreground = np.float32(foreground)
    return np.stack([1 - foreground, foreground])


def test_error_is_the_gap_between_confidence_and_accuracy():
    # Four pixels, 0.9 sure of class 1, right three times: |0.75 - 0.9|.
    counts = count_calibration(np.uint8([[1, 1, 1, 0]]), two_classes([[0.9] * 4]))
    assert counts.expected_error == pytest.approx(0.15, abs=1e-6)
    row = counts.rows()[13]
    assert (row.low, row.high, row.count) == (13 / 15, 14 / 15, 4)
    assert row.confidence == pytest.approx(0.9)
    assert row.accuracy == 0.75
    assert math.isnan(counts.rows()[0].accuracy)


def test_gaps_are_weighted_by_their_pixels():
    truth = np.uint8([[1, 0, 0, 0]])
    counts = count_calibration(truth, two_classes([[1.0, 0.4, 0.4, 0.4]]))
    assert counts.expected_error == pytest.approx((0 + 3 * 0.4) / 4, abs=1e-6)


def test_sure_and_right_is_perfect_and_falls_into_the_last_bin():
    counts = count_calibration(np.uint8([[0, 1]]), two_classes([[0.0, 1.0]]))
    assert counts.expected_error == 0
    assert counts.rows()[-1].count == 2


def test_bins_include_their_upper_end():
    counts = count_calibration(np.uint8([[0]]), two_classes([[0.25]]), bins=4)
    assert [row.count for row in counts.rows()] == [0, 0, 1, 0]


def test_ignored_pixels_are_left_out():
    counts = count_calibration(np.uint8([[IGNORE, 1]]), two_classes([[0.7, 0.7]]))
    assert counts.count.sum() == 1


def test_images_add_up_as_one():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, (4, 6)).astype(np.uint8)
    probabilities = np.moveaxis(rng.dirichlet(np.ones(3), (4, 6)), 2, 0).astype(np.float32)
    whole = count_calibration(truth, probabilities)
    halves = count_calibration(truth[:2], probabilities[:, :2]) + count_calibration(
        truth[2:], probabilities[:, 2:]
    )
    assert (halves.count == whole.count).all()
    assert halves.expected_error == pytest.approx(whole.expected_error)


def test_no_pixels_are_unknown_without_a_warning():
    assert math.isnan(no_calibration().expected_error)


def test_different_shapes_are_refused():
    with pytest.raises(SegfitError, match=r"truth is \(1, 2\)"):
        count_calibration(np.uint8([[0, 1]]), np.zeros((2, 2, 2), np.float32))
