"""What more images would bring, where the points tell it."""

from __future__ import annotations

import numpy as np
import pytest

from segfit.errors import SegfitError
from segfit.report.learning import LearningPoint, choose_step, fit_learning

NUMBERS = (5, 10, 20, 40, 80)


def make_points(values, numbers=NUMBERS):
    points = [LearningPoint(n, float(v)) for n, v in zip(numbers, values, strict=True)]
    return points, np.array([values])


def mean_iou(numbers, a=0.8, b=0.5, c=0.1):
    return 1 - (a * np.array(numbers, float) ** -b + c)


def test_a_power_law_is_found_again():
    points, drawn = make_points(mean_iou(NUMBERS))
    curve = fit_learning(points, drawn=drawn)
    assert (curve.more, curve.missing) == (40, "")
    expected = mean_iou([120])[0] - mean_iou([80])[0]
    assert curve.gain == pytest.approx(expected, abs=1e-3)
    assert curve.mean_iou[-1] == pytest.approx(mean_iou([160])[0], abs=2e-3)
    assert (curve.low <= curve.mean_iou + 1e-6).all()
    assert (curve.mean_iou <= curve.high + 1e-6).all()


def test_the_order_of_the_points_is_no_matter():
    points, drawn = make_points(np.add(mean_iou(NUMBERS), [0.01, -0.01, 0.005, 0, 0.01]))
    swapped = fit_learning(points[::-1], drawn=drawn[:, ::-1])
    assert swapped.gain == fit_learning(points, drawn=drawn).gain


def test_nineteen_of_twenty_intervals_hold_the_gain():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(100):
        points, drawn = make_points(mean_iou(NUMBERS) + rng.normal(0, 0.01, len(NUMBERS)))
        curve = fit_learning(points, drawn=drawn, draws=300)
        true = mean_iou([120])[0] - mean_iou([80])[0]
        held.append(curve.gain_interval.low <= true <= curve.gain_interval.high)
    assert np.mean(held) >= 0.9


def test_images_that_were_evaluated_widen_the_interval():
    points, drawn = make_points(mean_iou(NUMBERS))
    rng = np.random.default_rng(0)
    shifted = drawn + rng.normal(0, 0.02, (500, len(NUMBERS)))
    narrow = fit_learning(points, drawn=drawn).gain_interval
    wide = fit_learning(points, drawn=shifted).gain_interval
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_more_images_never_bring_less():
    points, drawn = make_points([0.8, 0.75, 0.7, 0.65], NUMBERS[:4])
    curve = fit_learning(points, drawn=drawn)
    assert curve.gain == 0
    assert curve.gain_interval.low == 0


@pytest.mark.parametrize("numbers", [(), (20,), (10, 20), (10, 10, 20, 20)])
def test_two_numbers_of_images_make_no_curve(numbers):
    points, drawn = make_points([0.5 + 0.1 * i for i in range(len(numbers))], numbers)
    curve = fit_learning(points, drawn=drawn)
    assert "3 different numbers" in curve.missing
    assert curve.mean_iou is None
    assert len(curve.points) == len(numbers)


def test_three_points_make_a_curve_without_an_interval():
    points, drawn = make_points(mean_iou(NUMBERS[:3]), NUMBERS[:3])
    curve = fit_learning(points, drawn=drawn)
    assert curve.gain > 0
    assert curve.gain_interval is curve.low is None


@pytest.mark.parametrize(("images", "mean_iou"), [(0, 0.5), (10, 1.2), (10, -0.1)])
def test_impossible_points_are_refused(images, mean_iou):
    with pytest.raises(SegfitError, match="1 image or more and 0 to 1"):
        LearningPoint(images, mean_iou)


def test_steps_are_round():
    assert [choose_step(images) for images in (1, 7, 24, 55, 300)] == [1, 3, 10, 20, 100]
