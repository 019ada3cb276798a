"""Shapes that follow the outline: convex hull, alpha shape, closed spline."""

from __future__ import annotations

import numpy as np
import shapely
from scipy.interpolate import splev, splprep
from scipy.spatial import Delaunay

from segfit.arrays import Float64Array
from segfit.errors import SegfitError
from segfit.geometry import measure_area
from segfit.shapes.fit import (
    Fit,
    FitError,
    Outline,
    describe_fit,
    measure_distances,
    require_area,
    to_rings,
    turn_ring,
)

SMALLEST_AREA_PX2 = 0.01
SPLINE_ERROR_PX = 0.5
"""What points are taken to be off by where nobody says."""
SPLINE_POINTS_PER_PX = 1.0
ALPHA_PX = 5.0


def fit_hull(outline: Outline) -> Fit:
    """The smallest convex polygon around the outline."""
    require_area(outline)
    rings = to_rings(shapely.convex_hull(shapely.MultiPoint(outline.rings[0])))
    residuals = measure_distances(outline.points, rings[0])
    return describe_fit(
        "hull", outline, rings, residuals, parameters={"corners": float(len(rings[0]))}
    )


def fit_alpha_shape(outline: Outline, *, alpha_px: float = ALPHA_PX) -> Fit:
    """What a disc of radius ``alpha_px`` cannot enter between the outline's points.

    Bays narrower than twice the radius are filled (Edelsbrunner, Kirkpatrick and Seidel, 1983):
    the union of the Delaunay triangles whose circumcircle is smaller.
    """
    if not 0 < alpha_px < np.inf:
        raise SegfitError(f"an alpha shape's radius is above 0 px, given {alpha_px}")
    require_area(outline)
    inside = shapely.union_all([outline.polygon, *_small_triangles(outline.points, alpha_px)])
    rings = to_rings(shapely.buffer(shapely.make_valid(inside), 0))
    if not rings:
        raise FitError(f"an alpha shape of radius {alpha_px:g} px has no area: give a larger one")
    residuals = measure_distances(outline.points, rings[0])
    return describe_fit("alpha", outline, rings, residuals, parameters={"alpha": alpha_px})


def _small_triangles(points: Float64Array, alpha_px: float) -> list[shapely.Geometry]:
    corners = points[Delaunay(points).simplices]  # (triangles, 3, 2)
    sides = np.hypot(*(corners - np.roll(corners, 1, axis=1)).transpose(2, 0, 1))
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    area = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    radius = np.divide(
        sides.prod(axis=1), 4 * area, out=np.full(len(area), np.inf), where=area > 1e-9
    )
    return list(shapely.polygons(corners[radius < alpha_px]))


def fit_spline(outline: Outline, *, smoothing_px: float | None = None) -> Fit:
    """A closed cubic B-spline as near to the outline as its points are known, and no nearer.

    ``smoothing_px``: how far off its points may be, root mean square; their own errors if not
    given, or 0.5 px where nobody knows them (Dierckx, 1982).
    """
    if smoothing_px is not None and not 0 <= smoothing_px < np.inf:
        raise SegfitError(f"a spline's smoothing is 0 px or more, given {smoothing_px}")
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
    return describe_fit("spline", outline, [ring], residuals, parameters={"knots": float(knots)})
