"""Robust least squares with standard errors.

Shapes: ``N`` points; ``P`` parameters. A fit begins where most points agree (least median of
squares, Rousseeuw 1984), continues with a loss that far points hardly pull, and ends with
the points that are near alone, from which the errors come.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr, stdtrit

from segfit.basics.arrays import BoolArray, Float64Array
from segfit.shapes.shared.fit import FitError

Residuals = Callable[[Float64Array], Float64Array]
"""Signed distances (N,) of all points from the shape with these parameters (P,)."""

TRIALS = 200
NEAR_ENOUGH_PX = 0.5
"""Median distance at which no better beginning is sought: outlines of pixels are no more exact."""
GROSS = 3.5
"""Points further off than so many standard deviations are none of the shape's."""
SMALLEST_SIGMA_PX = 0.02
"""Outlines of pixels may fit exactly; their places are not known better than that."""
TO_SIGMA = 1.4826
"""From the median of absolute values to the standard deviation, of normal ones."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Parameters (P,), their covariance (P, P), all points' distances (N,) and who is near (N,)."""

    parameters: Float64Array
    covariance: Float64Array
    residuals: Float64Array
    is_inlier: BoolArray

    @property
    def standard_errors(self) -> Float64Array:
        """Of the parameters, (P,)."""
        return np.sqrt(np.maximum(self.covariance.diagonal(), 0.0))


def search_consensus(
    points: Float64Array,
    size: int,
    fit: Callable[[Float64Array], Float64Array | None],
    distances: Callable[[Float64Array, Float64Array], Float64Array],
    *,
    first: Float64Array | None = None,
) -> Float64Array:
    """Parameters whose median distance from the points (N, 2) is least, of many small samples.

    ``size`` points are drawn, from all parts of the outline, and ``fit`` gives the parameters or
    None; ``distances`` those of points from a shape. ``first``: parameters to compare with.
    """
    rng = np.random.default_rng(0)
    some = points[:: max(1, len(points) // 300)]
    best, least = first, np.inf
    if first is not None:
        least = float(np.median(np.abs(distances(first, some))))
    for _ in range(TRIALS):
        if least <= NEAR_ENOUGH_PX:
            break
        sample = points[np.sort(rng.choice(len(points), size, replace=False))]
        parameters = fit(sample)
        if parameters is None:
            continue
        median = float(np.median(np.abs(distances(parameters, some))))
        if median < least:
            best, least = parameters, median
    if best is None:
        raise FitError("no such shape goes through any of its outline's points")
    return best


def solve(
    residuals: Residuals,
    begin: Float64Array,
    *,
    error_px: Float64Array | None,
    scales: Float64Array | None = None,
    counted: BoolArray | None = None,
) -> Solution:
    """Fit parameters from ``begin`` (P,) on, whatever some points far off do.

    ``error_px``: (N,) standard errors of the points, None where nobody knows them: their spread
    tells, then. ``scales``: (P,) steps of the parameters that count alike. ``counted``: (N,) the
    points that take part; all, if not given. Neighbouring points' distances go together where
    outlines are smooth; the errors allow for it by their correlation.
    """
    weights = (
        np.ones(len(residuals(begin)))
        if error_px is None
        else 1 / np.maximum(error_px, SMALLEST_SIGMA_PX)
    )
    floor = SMALLEST_SIGMA_PX * float(np.median(weights))
    found = begin
    for _ in range(3):
        weighted = residuals(found) * weights
        sigma = max(TO_SIGMA * float(np.median(np.abs(weighted))), floor)
        found = least_squares(
            lambda p: residuals(p) * weights / sigma,  # noqa: B023  # called here only
            found,
            loss="cauchy",
            f_scale=2.0,
            x_scale=1.0 if scales is None else scales,
        ).x
    for _ in range(3):
        weighted = residuals(found) * weights
        sigma = max(TO_SIGMA * float(np.median(np.abs(weighted))), floor)
        near = np.abs(weighted) <= GROSS * sigma
        used = near if counted is None else near & counted
        if used.sum() <= len(found):
            raise FitError("too few of its outline's points lie near any such shape")
        result = least_squares(
            lambda p: (residuals(p) * weights)[used],  # noqa: B023  # called here only
            found,
            x_scale=1.0 if scales is None else scales,
        )
        found = result.x
    if np.linalg.matrix_rank(result.jac) < len(found):
        raise FitError(
            "many such shapes fit its outline equally well: smooth it less, or fit another shape"
        )
    variance = max(measure_variance(result.fun, parameters=len(found)), floor**2)
    if error_px is not None:
        variance = max(variance, 1.0)  # never better than the points themselves say
    information = np.linalg.pinv(result.jac.T @ result.jac)
    covariance = information * variance * measure_redundancy(result.fun)
    return Solution(found, covariance, residuals(found), near)


def measure_variance(residuals: Float64Array, *, parameters: int) -> float:
    """Variance that the residuals (N,) of inliers show, so large that two errors hold 95 %.

    Inliers lie within ``GROSS`` deviations, so the rest of a normal distribution is added; and the
    few residuals of a short side know their own spread badly (Student, 1908).
    """
    freedom = max(len(residuals) - parameters, 1)
    density = math.exp(-(GROSS**2) / 2) / math.sqrt(2 * math.pi)
    seen = 1 - 2 * GROSS * density / (2 * float(ndtr(GROSS)) - 1)  # variance, cut at ± GROSS
    two_errors = float(stdtrit(freedom, ndtr(2)))
    return float(residuals @ residuals) / freedom / seen * (two_errors / 2) ** 2


def measure_redundancy(residuals: Float64Array) -> float:
    """How many neighbouring residuals (N,) say what one would, 1 where each is by itself.

    (1 + ρ) / (1 − ρ) with the correlation ρ of neighbours, as of an autoregressive process.
    """
    centred = residuals - residuals.mean()
    total = float(centred @ centred)
    if total <= 0:
        return 1.0
    correlation = min(max(float(centred[1:] @ centred[:-1]) / total, 0.0), 0.95)
    if correlation < 2 / np.sqrt(len(residuals)):  # what is found by chance
        return 1.0
    return (1 + correlation) / (1 - correlation)
