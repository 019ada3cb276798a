"""Closed splines."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import splev, splprep

from segfit.basics.geometry import measure_area
from segfit.errors import SegfitError
from segfit.shapes.shared.fit import (
    Fit,
    FitError,
    Outline,
    describe_fit,
    measure_distances,
    require_area,
    turn_ring,
)
from segfit.shapes.shared.shape import Shape

SMALLEST_AREA_PX2 = 0.01
SPLINE_ERROR_PX = 0.5
"""What points are taken to be off by where nobody says."""
SPLINE_POINTS_PER_PX = 1.0


def fit_spline(outline: Outline, *, smoothing_px: float | None = None) -> Fit:
    """A closed cubic B-spline as near to the outline as its points are known, and no nearer.

    ``smoothing_px``: how far off its points may be, root mean square; their own errors if not
    given, or 0.5 px where nobody knows them (Dierckx, 1982).
    """
    if smoothing_px is not None and not 0 <= smoothing_px < np.inf:
        raise SegfitError(f"a spline's smoothing must be 0 px or more, given {smoothing_px}")
    require_area(outline)
    points = outline.points
    if smoothing_px is not None or outline.error_px is None:
        errors = np.full(len(points), SPLINE_ERROR_PX if smoothing_px is None else smoothing_px)
    else:
        errors = outline.error_px
    errors = np.maximum(errors, 1e-3)
    closed = np.vstack([points, points[:1]])
    weights = np.append(1 / errors, 1 / errors[0])
    spline, _ = splprep(closed.T, w=weights, s=len(closed), per=True, k=3)
    length = float(np.hypot(*np.diff(closed, axis=0).T).sum())
    at = np.linspace(0, 1, max(16, round(length * SPLINE_POINTS_PER_PX)), endpoint=False)
    ring = turn_ring(np.stack(splev(at, spline), axis=1))
    if measure_area(ring) < SMALLEST_AREA_PX2:
        raise FitError(
            f"a spline within {float(np.median(errors)):g} px of its outline has no area: give a "
            "lower smoothing"
        )
    knots = len(spline[0]) - 2 * 3 - 1
    residuals = measure_distances(points, ring)
    return describe_fit(
        "spline", outline, [ring], residuals, parameters={}, counts={"knots": knots}
    )


SHAPE = Shape(
    "spline", "closed cubic B-spline, as near as the points are known", fit_spline, place=40
)
