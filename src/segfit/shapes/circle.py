"""Circles.

Shapes: ``N`` points. Distances are exact ones, along the normal, negative inside.
"""

from __future__ import annotations

import math

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.shapes.ellipse import ellipse_points
from segfit.shapes.shared.fit import Fit, FitError, Outline, describe_fit, require_area
from segfit.shapes.shared.least_squares import search_consensus, solve
from segfit.shapes.shared.shape import Shape


def fit_circle(outline: Outline) -> Fit:
    """The circle nearest to the outline by least squares; bites and spurs are left out."""
    require_area(outline)
    centre = outline.points.mean(axis=0)
    radius = float(np.mean(np.hypot(*(outline.points - centre).T)))
    begin = search_consensus(
        outline.points,
        3,
        _circle_through,
        circle_distances,
        first=np.array([*centre, radius]),
    )
    solution = solve(
        lambda p: circle_distances(p, outline.points), begin, error_px=outline.error_px
    )
    x, y, radius = solution.parameters.tolist()
    extent = float(np.ptp(outline.points, axis=0).max())
    if radius > 20 * extent:
        raise FitError(
            f"its outline is almost straight: a circle would have a radius of {radius:.0f} px"
        )
    errors = dict(zip(("x", "y", "radius"), solution.standard_errors.tolist(), strict=True))
    return describe_fit(
        "circle",
        outline,
        [ellipse_points(x, y, radius, radius, 0.0)],
        solution.residuals,
        parameters={"x": x, "y": y, "radius": radius},
        standard_errors=errors,
        inliers=float(solution.is_inlier.mean()),
    )


def circle_distances(parameters: Float64Array, points: Float64Array) -> Float64Array:
    """Signed distances of points (N, 2) from the circle (x, y, radius)."""
    return np.asarray(np.hypot(*(points - parameters[:2]).T) - parameters[2])


def _circle_through(sample: Float64Array) -> Float64Array | None:
    """The circle through three points, or None."""
    a, b, c = sample
    matrix = 2 * np.array([b - a, c - a])
    if abs(np.linalg.det(matrix)) < 1e-9:
        return None
    centre = np.linalg.solve(matrix, [b @ b - a @ a, c @ c - a @ a])
    return np.array([*centre, math.hypot(*(a - centre))])


SHAPE = Shape("circle", "nearest to the outline by least squares", fit_circle, place=20)
