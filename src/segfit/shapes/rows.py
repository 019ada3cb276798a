"""Regions → shapes and measures, as rows of a table.

Frame: image coordinates (x, y).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from segfit.errors import SegfitError
from segfit.result.regions import Region
from segfit.result.segmentation import Segmentation
from segfit.shapes.measure import DIMENSIONS, measure_colors, measure_region, scale_measures
from segfit.shapes.shared.fit import Fit, FitError, open_outline
from segfit.shapes.shared.shape import FitOutline

CORNER = re.compile(r"[xy]\d+")
PIXELS = "px"


@dataclass(frozen=True)
class Scale:
    """How large a pixel is: so many of a ``unit`` of length."""

    unit_per_px: float = 1.0
    unit: str = PIXELS

    @classmethod
    def parse(cls, text: str) -> Scale:
        """Read ``0.65um/px``. Raises ``SegfitError`` for another form, and for nothing or less."""
        match = re.fullmatch(r"\s*([0-9.eE+-]+)\s*([^\d\s/]+)\s*/\s*px\s*", text)
        try:
            value = float(match[1]) if match else math.nan
        except ValueError:
            value = math.nan
        if match is None or not 0 < value < math.inf:
            raise SegfitError(
                f"scale {text!r}: give the size of a pixel and its unit, such as 0.65um/px"
            )
        return cls(value, match[2])


@dataclass(frozen=True, eq=False)
class FittedRegion:
    """A region with its measures in pixels, and the shape fitted to it, or why there is none."""

    number: int
    region: Region
    measures: dict[str, float]
    fit: Fit | None
    reason: str = ""


def fit_regions(
    segmentation: Segmentation, fit: FitOutline, *, has_colors: bool = True
) -> list[FittedRegion]:
    """Measure every region, and fit a shape to each; one that cannot be fitted says why.

    ``has_colors``: whether the segmentation's image is one, so that its colors mean something.
    """
    fitted = []
    for number, region in enumerate(segmentation.regions, start=1):
        measures = measure_region(region)
        if has_colors:
            measures |= measure_colors(region, segmentation.image)
        try:
            found = fit(open_outline(region, segmentation.labels.shape))
            fitted.append(FittedRegion(number, region, measures, found))
        except FitError as error:
            fitted.append(FittedRegion(number, region, measures, None, str(error)))
    return fitted


def to_rows(fitted: Sequence[FittedRegion], scale: Scale) -> list[dict[str, object]]:
    """Rows of a table, all with the same columns, in the scale's unit; None for what is not known.

    Names of lengths and areas end in their unit; ``_se`` are standard errors.
    """
    rows = [_to_row(one, scale) for one in fitted]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in columns} for row in rows]


def _to_row(one: FittedRegion, scale: Scale) -> dict[str, object]:
    region, unit = one.region, scale.unit
    row: dict[str, object] = {
        "region": one.number,
        "class": region.name,
        "object": region.object_number,
        "score": region.score,
    }
    scaled = scale_measures(one.measures, scale.unit_per_px)
    for name, value in scaled.items():
        suffix = {0: "", 1: f"_{unit}", 2: f"_{unit}2"}[DIMENSIONS[name]]
        row[f"{name}{suffix}"] = _or_none(value)
    row["note"] = one.reason if one.fit is None else one.fit.note
    row["shape"] = None if one.fit is None else one.fit.shape
    if one.fit is not None:
        fit, factor = one.fit, scale.unit_per_px
        row |= {
            f"fit_rms_{unit}": fit.rms_px * factor,
            f"fit_largest_{unit}": fit.largest_px * factor,
            f"fit_area_difference_{unit}2": fit.area_difference_px * factor**2,
            "fit_iou": fit.iou,
            "fit_inliers": fit.inliers,
        }
        for name, value in fit.parameters.items():
            title = f"fit_{name}_{unit}" if fit.is_length(name) else f"fit_{name}"
            size = factor if fit.is_length(name) else 1.0
            row[title] = value * size
            if fit.standard_errors is not None and name in fit.standard_errors:
                row[f"{title}_se"] = _or_none(fit.standard_errors[name] * size)
    return row


def is_corner(name: str) -> bool:
    """Whether a parameter is a coordinate of a polygon's corner."""
    return CORNER.fullmatch(name) is not None


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
