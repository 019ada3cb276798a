"""Intervals hold what they say, and there are none where nothing is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from figures import figures_of

from segfit.metrics.calibration import CalibrationCounts
from segfit.metrics.confusion import iou_per_class
from segfit.report.intervals import (
    ACCURACY,
    CALIBRATION_ERROR,
    FEWEST_IMAGES,
    MEAN_IOU,
    OVERCONFIDENCE,
    RIGHT,
    Interval,
    add_up,
    find_interval,
    resample,
    sum_counts,
)

SEEN = [
    figures_of([[90, 10], [5, 45]]),
    figures_of([[80, 0], [20, 100]]),
    figures_of([[60, 5], [0, 85]]),
    figures_of([[95, 5], [30, 20]]),
    figures_of([[70, 30], [10, 40]]),
    figures_of([[85, 15], [2, 48]]),
]


def draw_images(rng: np.random.Generator, count: int) -> np.ndarray:
    """Confusions (count, 3, 3) of images of which some are easier than others."""
    areas = rng.dirichlet([6, 2, 1], count) * 1e4 * rng.lognormal(0, 0.3, (count, 1))
    right = rng.beta([18, 9, 4], [1.5, 2, 2.5], (count, 3))
    wrong = (areas * (1 - right) / 2)[..., None] * (1 - np.eye(3))
    return np.rint(wrong + (areas * right)[..., None] * np.eye(3)).astype(np.int64)


def test_figures_are_those_of_the_sum():
    whole = add_up(SEEN)
    assert whole.confusion.tolist() == [[480, 65], [67, 338]]
    estimates = resample(SEEN, resamples=500).estimate()
    assert estimates[MEAN_IOU].value == whole.mean_iou
    assert estimates[ACCURACY].value == 818 / 950
    assert [estimates["IoU", index].value for index in (0, 1)] == whole.iou.tolist()


def test_intervals_lie_around_the_figure_and_are_the_same_for_a_seed():
    estimates = resample(SEEN, resamples=500).estimate()
    interval = estimates[MEAN_IOU].interval
    assert interval is not None
    assert interval.low < estimates[MEAN_IOU].value < interval.high
    assert resample(SEEN, resamples=500).estimate()[MEAN_IOU] == estimates[MEAN_IOU]
    assert resample(SEEN, resamples=500, seed=1).estimate()[MEAN_IOU].interval != interval


@pytest.mark.parametrize("count", [6, 25])
def test_nineteen_of_twenty_intervals_hold_the_truth(count):
    """With 300 sets of images a share has a standard error of 0.015; see the decisions."""
    rng = np.random.default_rng(0)
    true = iou_per_class(draw_images(rng, 100_000).sum(axis=0)).mean()
    held = []
    for _ in range(300):
        images = draw_images(rng, count)
        weights = rng.multinomial(count, np.full(count, 1 / count), 500)
        sums = np.tensordot(weights, images, 1)
        hits = np.diagonal(sums, axis1=1, axis2=2)
        drawn = (hits / (sums.sum(axis=1) + sums.sum(axis=2) - hits)).mean(axis=1)
        interval = find_interval(
            float(iou_per_class(images.sum(axis=0)).mean()), drawn, images=count
        )
        assert interval is not None
        held.append(interval.low <= true <= interval.high)
    assert 0.88 < np.mean(held) < 0.99


def calibrate(sure: float, right: float, px: int = 1000, bins: int = 15) -> CalibrationCounts:
    """An image, all of whose pixels a model is equally sure of."""
    counts = np.zeros(bins)
    counts[math.ceil(sure * bins) - 1] = 1
    whole = [np.rint(part * counts).astype(np.int64) for part in (px, px * right)]
    return CalibrationCounts(*whole, px * sure * counts)


def test_calibration_is_drawn_anew_with_the_images():
    right = (0.7, 0.75, 0.8, 0.85, 0.6, 0.8)
    images = [figures_of(SEEN[0].confusion, calibrate(0.9, share)) for share in right]
    estimates = resample(images, resamples=500).estimate()
    error, over = estimates[CALIBRATION_ERROR], estimates[OVERCONFIDENCE]
    assert error.value == pytest.approx(0.15)
    assert error.interval.low < 0.15 < error.interval.high
    assert over == error  # surer than right in every draw
    in_bin = estimates[RIGHT, 13]
    assert (in_bin.value, in_bin.images) == (0.75, 6)
    assert in_bin.interval.low == pytest.approx(0.9 - error.interval.high)
    assert in_bin.interval.high == pytest.approx(0.9 - error.interval.low)
    empty = estimates[RIGHT, 0]
    assert (empty.interval, empty.images) == (None, 0)
    assert math.isnan(empty.value)


def test_a_bin_of_few_images_has_no_interval():
    images = [figures_of(one.confusion, calibrate(0.9, 0.8)) for one in SEEN[:5]]
    images.append(figures_of(SEEN[5].confusion, calibrate(0.5, 0.4)))
    estimates = resample(images, resamples=500).estimate()
    assert (estimates[RIGHT, 7].value, estimates[RIGHT, 7].interval) == (0.4, None)
    assert estimates[RIGHT, 13].interval == Interval(0.8, 0.8)


def test_a_model_differs_from_itself_by_nothing():
    differences = (resample(SEEN, resamples=500) - resample(SEEN, resamples=500)).estimate()
    assert {one.value for one in differences.values() if one.value == one.value} == {0.0}
    assert differences[MEAN_IOU].interval == Interval(0.0, 0.0)


def test_a_difference_is_known_better_than_what_it_is_between():
    """Both find the same images hard, and one of them errs a little more on each."""
    others = [figures_of(np.add(one.confusion, [[-5, 5], [2, -2]])) for one in SEEN]
    better, worse = resample(SEEN, resamples=500), resample(others, resamples=500)
    difference = (better - worse).estimate()[MEAN_IOU]
    assert difference.interval is not None
    assert difference.interval.low > 0
    alone = better.estimate()[MEAN_IOU].interval
    assert alone is not None
    width = difference.interval.high - difference.interval.low
    assert width < (alone.high - alone.low) / 4


def test_few_images_have_no_interval():
    for count in (1, FEWEST_IMAGES - 1):
        estimate = resample(SEEN[:count], resamples=500).estimate()[MEAN_IOU]
        assert estimate.interval is None
        assert estimate.value > 0
    assert resample(SEEN[:FEWEST_IMAGES], resamples=500).estimate()[MEAN_IOU].interval is not None


def test_a_class_of_few_images_has_no_interval_and_changes_no_mean():
    """Resamples without the rare class tell nothing of the mean: it would be of two classes."""
    rare = [figures_of([[90, 10, 0], [10, 90, 0], [0, 0, 0]]) for _ in range(9)]
    rare.append(figures_of([[90, 10, 0], [10, 90, 0], [0, 99, 1]]))
    resampled = resample(rare)
    estimates = resampled.estimate()
    assert estimates["IoU", 2].images == 1
    assert estimates["IoU", 2].interval is None
    assert estimates["IoU", 0].interval is not None
    drawn = resampled.drawn[:, resampled.keys.index(MEAN_IOU)]
    assert 0.25 < np.isnan(drawn).mean() < 0.45  # (9/10)^10
    assert np.nanmax(drawn) < 0.6


def test_a_class_that_no_image_has_is_unknown():
    without = [figures_of([[90, 5, 5], [10, 90, 0], [0, 0, 0]]) for _ in range(6)]
    estimates = resample(without).estimate()
    assert np.isnan(estimates["IoU", 2].value)
    assert estimates["IoU", 2].interval is None
    assert estimates[MEAN_IOU].value == pytest.approx(add_up(without).mean_iou)


def test_counts_of_every_kind_are_summed_by_weights():
    counts = [one.counts["boundary"] for one in SEEN]
    tables = [one.confusion for one in SEEN]
    weights = np.array([[1, 0, 2, 0, 0, 3], [0, 0, 0, 0, 0, 0]])
    first, nothing = sum_counts(tables, weights)
    assert (first == tables[0] + 2 * tables[2] + 3 * tables[5]).all()
    assert first.dtype == np.int64
    assert not nothing.any()
    summed = next(sum_counts(counts, weights))
    assert summed.tolerances_px == counts[0].tolerances_px
    assert summed.truth_near.shape == counts[0].truth_near.shape
