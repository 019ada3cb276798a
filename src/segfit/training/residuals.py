"""Errors in units of the errors that a regressor claims, and what makes the claims true."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from segfit.basics.arrays import Float64Array

NORMAL_SHARES = {1: 0.683, 2: 0.954}
"""Of a normal distribution, within one and two standard deviations."""
COUNTS = {1: 10, 2: 1}
"""How much either counts where not both can be had: what people read is that 68 % are within it."""


def standardise(
    errors_px: Sequence[Float64Array], claimed_px: Sequence[Float64Array]
) -> Float64Array:
    """Sizes of standardised residuals, of all pieces together; where nothing is claimed, none."""
    pieces = zip(errors_px, claimed_px, strict=True)
    residuals = [np.abs(errors) / claimed for errors, claimed in pieces]
    joined = np.concatenate(residuals) if residuals else np.empty(0)
    return np.asarray(joined[np.isfinite(joined)])


def fit_temperature(residuals: Float64Array) -> float:
    """What claimed errors must be multiplied by, given sizes of standardised residuals, (V,).

    Labels are wrong now and then, so errors have longer tails than a normal distribution's: the
    factors for 68 % within one and for 95 % within two differ, and their geometric mean by
    ``COUNTS`` is taken.
    """
    if residuals.size == 0:
        return 1.0
    factors = [np.quantile(residuals, share) / n for n, share in NORMAL_SHARES.items()]
    return float(stats.gmean(factors, weights=list(COUNTS.values())))


def share_within_one(residuals: Float64Array) -> float:
    """Share of the errors within the claim; NaN without any."""
    return float((residuals < 1).mean()) if residuals.size else math.nan


def mean_size(errors: Sequence[Float64Array]) -> float:
    """Mean size of errors, of all pieces together; NaN without any."""
    joined = np.concatenate(errors) if errors else np.empty(0)
    return float(np.abs(joined).mean()) if joined.size else math.nan
