"""Alpha shapes: outlines without narrow bays."""

from __future__ import annotations

import numpy as np
import shapely
from scipy.spatial import Delaunay

from segfit.basics.arrays import Float64Array
from segfit.errors import SegfitError
from segfit.shapes.shared.fit import (
    Fit,
    FitError,
    Outline,
    describe_fit,
    measure_distances,
    require_area,
    to_rings,
)
from segfit.shapes.shared.shape import Shape

ALPHA_PX = 5.0


def fit_alpha_shape(outline: Outline, *, alpha_px: float = ALPHA_PX) -> Fit:
    """What a disc of radius ``alpha_px`` cannot enter between the outline's points.

    Bays narrower than twice the radius are filled (Edelsbrunner, Kirkpatrick and Seidel, 1983):
    the union of the Delaunay triangles whose circumcircle is smaller.
    """
    if not 0 < alpha_px < np.inf:
        raise SegfitError(f"an alpha shape's radius must be above 0 px, given {alpha_px}")
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


SHAPE = Shape(
    "alpha",
    "what a disc of a radius cannot enter: narrow bays are filled",
    fit_alpha_shape,
    place=41,
)
