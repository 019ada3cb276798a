"""Which shape a region has, by an information criterion."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from segfit.shapes.circle import fit_circle
from segfit.shapes.ellipse import fit_ellipse
from segfit.shapes.polygon import fit_polygon
from segfit.shapes.rectangle import fit_rectangle
from segfit.shapes.shared.fit import Fit, FitError, Outline
from segfit.shapes.shared.least_squares import SMALLEST_SIGMA_PX, measure_redundancy
from segfit.shapes.shared.shape import FitOutline, Shape

POLYGONS = (3, 4, 5, 6, 8)
SIMPLE: dict[str, tuple[FitOutline, int]] = {
    "circle": (fit_circle, 3),
    "ellipse": (fit_ellipse, 5),
    "rectangle": (fit_rectangle, 5),
}
"""Shapes that are tried, and how many parameters they have."""
ROUNDING_PX = 0.3
"""How exactly pixels can show an outline: what is nearer tells no shape from another."""


def choose_shape(outline: Outline) -> Fit:
    """The shape with the lowest Bayesian information criterion (Schwarz, 1978), and its lead.

    Tried are circle, ellipse, rectangle and polygons with 3 to 8 corners. Raises ``FitError`` where
    none can be fitted.
    """
    fits: list[tuple[Fit, int]] = []
    reasons = []
    candidates = [(fit, size) for fit, size in SIMPLE.values()]
    candidates += [(_polygon_with(corners), 2 * corners) for corners in POLYGONS]
    for fit_one, size in candidates:
        try:
            fit = fit_one(outline)
        except FitError as error:
            reasons.append(str(error))
            continue
        fits.append((fit, int(2 * fit.parameters["corners"]) if fit.shape == "polygon" else size))
    if not fits:
        raise FitError(f"no shape could be fitted: {reasons[0]}")
    # Points that say the same as their neighbours count once, for all shapes as for the nearest.
    nearest = min(fits, key=lambda pair: pair[0].rms_px)[0]
    count = len(nearest.residuals) / measure_redundancy(nearest.residuals)
    scored = [(measure_criterion(fit, outline, size, count=count), fit) for fit, size in fits]
    scored.sort(key=lambda pair: pair[0])
    best, second = scored[0], next((s for s in scored if s[1].shape != scored[0][1].shape), None)
    lead = "" if second is None else f", {second[0] - best[0]:.0f} ahead of {second[1].shape}"
    note = f"{best[1].shape} by the information criterion{lead}"
    return replace(best[1], note="; ".join(filter(None, [note, best[1].note])))


def _polygon_with(corners: int) -> FitOutline:
    return lambda outline: fit_polygon(outline, corners=corners)


def measure_criterion(fit: Fit, outline: Outline, parameters: int, *, count: float) -> float:
    """−2 log likelihood of ``count`` points, normally spread about the shape, and its penalty."""
    error_px = ROUNDING_PX if outline.error_px is None else float(np.median(outline.error_px))
    variance = max(float(np.mean(fit.residuals**2)), max(error_px, SMALLEST_SIGMA_PX) ** 2)
    return count * math.log(variance) + parameters * math.log(max(count, 2.0))


SHAPE = Shape(
    "auto",
    "circle, ellipse, rectangle or polygon: the one with the lowest information criterion",
    choose_shape,
    place=0,
)
