"""Errors beside the errors that are claimed."""

import math

import numpy as np
import pytest

from segfit.training.residuals import fit_temperature, mean_size, share_within_one, standardise


def test_temperature_brings_normal_errors_to_their_claim():
    errors = np.abs(np.random.default_rng(0).standard_normal(100_000))
    assert fit_temperature(3 * errors) == pytest.approx(3, rel=0.01)
    assert fit_temperature(np.empty(0)) == 1.0


def test_of_long_tails_two_thirds_are_within_one():
    residuals = np.abs(np.random.default_rng(0).standard_t(2, size=100_000))
    fitted = residuals / fit_temperature(residuals)
    assert share_within_one(fitted) == pytest.approx(0.70, abs=0.005)
    assert share_within_one(residuals) < 0.6


def test_residuals_are_errors_in_units_of_the_claim():
    errors_px = [np.array([1.0, -3.0]), np.array([2.0])]
    claimed_px = [np.array([2.0, 1.0]), np.array([np.nan])]
    residuals = standardise(errors_px, claimed_px)
    assert residuals.tolist() == [0.5, 3.0]
    assert share_within_one(residuals) == 0.5
    assert mean_size(errors_px) == 2.0


def test_without_errors_nothing_is_known():
    assert standardise([], []).size == 0
    assert math.isnan(share_within_one(np.empty(0)))
    assert math.isnan(mean_size([]))
