"""Convex hulls."""

from __future__ import annotations

import shapely

from segfit.shapes.shared.fit import (
    Fit,
    Outline,
    describe_fit,
    measure_distances,
    require_area,
    to_rings,
)
from segfit.shapes.shared.shape import Shape


def fit_hull(outline: Outline) -> Fit:
    """The smallest convex polygon around the outline."""
    require_area(outline)
    rings = to_rings(shapely.convex_hull(shapely.MultiPoint(outline.rings[0])))
    residuals = measure_distances(outline.points, rings[0])
    return describe_fit(
        "hull", outline, rings, residuals, parameters={}, counts={"corners": len(rings[0])}
    )


SHAPE = Shape("hull", "convex hull", fit_hull, place=30)
