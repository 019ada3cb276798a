"""Shapes fitted to regions, with their fitting error, and what regions measure."""

from __future__ import annotations

from collections.abc import Callable

from segfit.shapes.choose import choose_shape
from segfit.shapes.curves import fit_alpha_shape, fit_hull, fit_spline
from segfit.shapes.fit import Fit, FitError, Outline, open_outline, outline_of
from segfit.shapes.measure import DIMENSIONS, measure_colors, measure_region, scale_measures
from segfit.shapes.polygon import fit_orthogonal, fit_polygon
from segfit.shapes.rectangle import fit_rectangle, fit_smallest_rectangle
from segfit.shapes.round_shapes import fit_circle, fit_ellipse

SHAPES: dict[str, Callable[[Outline], Fit]] = {
    "auto": choose_shape,
    "smallest-rectangle": fit_smallest_rectangle,
    "rectangle": fit_rectangle,
    "circle": fit_circle,
    "ellipse": fit_ellipse,
    "hull": fit_hull,
    "polygon": fit_polygon,
    "orthogonal": fit_orthogonal,
    "spline": fit_spline,
    "alpha": fit_alpha_shape,
}
"""Fits by name, with their usual settings."""

__all__ = [
    "DIMENSIONS",
    "SHAPES",
    "Fit",
    "FitError",
    "Outline",
    "choose_shape",
    "fit_alpha_shape",
    "fit_circle",
    "fit_ellipse",
    "fit_hull",
    "fit_orthogonal",
    "fit_polygon",
    "fit_rectangle",
    "fit_smallest_rectangle",
    "fit_spline",
    "measure_colors",
    "measure_region",
    "open_outline",
    "outline_of",
    "scale_measures",
]
