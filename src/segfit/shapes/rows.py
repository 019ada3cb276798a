"""Regions → shapes and measures, as rows of a table.

Frame: image coordinates (x, y).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Int32Array
from segfit.imaging.scale import Scale
from segfit.partition import rasterize
from segfit.result.regions import Region
from segfit.result.segmentation import Segmentation
from segfit.shapes.measure import (
    DIMENSIONS,
    INTENSITY_MEASURES,
    OUTLINE_MEASURES,
    measure_intensities,
    measure_region,
    scale_measures,
)
from segfit.shapes.shared.fit import Fit, FitError, open_outline
from segfit.shapes.shared.shape import FitOutline

CORNER = re.compile(r"[xy]\d+")


@dataclass(frozen=True, eq=False)
class MeasuredRegion:
    """A region with its measures in pixels, and the shape fitted to it, or why there is none.

    ``number``: from 1, of the table's row. ``object_number``: its object's, as the mask has it,
    None for a class without objects. ``piece``: of an object that lies in several, from 1.
    ``reason``: why nothing could be fitted, empty where nothing was to be.
    """

    number: int
    region: Region
    object_number: int | None
    piece: int | None
    measures: dict[str, float]
    fit: Fit | None = None
    reason: str = ""


def measure_regions(
    segmentation: Segmentation,
    fit: FitOutline | None = None,
    *,
    channels: Mapping[str, NDArray[Any]] | None = None,
    own_objects: Int32Array | None = None,
) -> list[MeasuredRegion]:
    """Measure every region, and fit a shape to each; one that cannot be fitted says why.

    ``fit``: None measures only. ``channels``: the image's values (H, W), by name; without them
    there are no intensities. ``own_objects``: (H, W) numbers that the objects had before they were
    counted, which the rows then have.
    """
    numbers = [region.object_number for region in segmentation.regions]
    if own_objects is not None:
        numbers = find_own_numbers(segmentation, own_objects)
    pieces = Counter[tuple[str, int]]()
    measured = []
    for row, (region, number) in enumerate(zip(segmentation.regions, numbers, strict=True), 1):
        piece = None
        if number is not None:
            pieces[region.name, number] += 1
            piece = pieces[region.name, number]
        measures = measure_region(region) | measure_intensities(region, channels or {})
        found, reason = None, ""
        try:
            if fit is not None:
                found = fit(open_outline(region, segmentation.partition.shape))
        except FitError as error:
            reason = str(error)
        measured.append(MeasuredRegion(row, region, number, piece, measures, found, reason))
    return measured


def find_own_numbers(segmentation: Segmentation, own_objects: Int32Array) -> list[int | None]:
    """The number that most of each region's pixels have in a grid (H, W), None for 0.

    Outlines may have moved since, and specks may have gone to a neighbour.
    """
    partition, classes = segmentation.partition, segmentation.classes
    of_pixels = rasterize(partition)
    inside = own_objects > 0
    pairs = of_pixels[inside].astype(np.int64) << 32 | own_objects[inside]
    pairs, counts = np.unique(pairs, return_counts=True)
    by_count = pairs[np.argsort(counts, kind="stable")].tolist()
    owner = {
        pair >> 32: pair & 0xFFFFFFFF for pair in by_count
    }  # the last, most frequent one stays
    shown = [
        region
        for region, label in enumerate(partition.labels.tolist())
        if label != classes.background and label < len(classes)
    ]
    return [owner.get(region) for region in shown]


def to_rows(measured: Sequence[MeasuredRegion], scale: Scale) -> list[dict[str, object]]:
    """Rows of a table, all with the same columns, in the scale's unit; None for what is not known.

    Names of lengths and areas end in their unit; ``_se`` are standard errors.
    """
    return join_rows([_to_row(one, scale) for one in measured])


def name_columns(channels: Iterable[str], scale: Scale) -> list[str]:
    """The columns that rows of measures have, without those of a shape."""
    outline = [_title(measure.name, scale) for measure in OUTLINE_MEASURES]
    values = [f"{one.name}_{channel}" for channel in channels for one in INTENSITY_MEASURES]
    return ["region", "class", "object", "piece", "score", *outline, *values]


def _title(name: str, scale: Scale) -> str:
    """A measure's column: those of lengths and areas end in their unit."""
    return name + ("", f"_{scale.unit}", f"_{scale.unit}2")[DIMENSIONS.get(name, 0)]


def join_rows(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """The rows with all the columns that any of them has; None where one lacks a column."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return [{name: row.get(name) for name in columns} for row in rows]


def _to_row(one: MeasuredRegion, scale: Scale) -> dict[str, object]:
    row: dict[str, object] = {
        "region": one.number,
        "class": one.region.name,
        "object": one.object_number,
        "piece": one.piece,
        "score": one.region.score,
    }
    for name, value in scale_measures(one.measures, scale.unit_per_px).items():
        row[_title(name, scale)] = _or_none(value)
    if one.fit is None:
        return row | ({"note": one.reason, "shape": None} if one.reason else {})
    return row | {"note": one.fit.note, "shape": one.fit.shape} | _describe_fit(one.fit, scale)


def _describe_fit(fit: Fit, scale: Scale) -> dict[str, object]:
    """The columns of a shape: its fitting error, and its parameters with their errors."""
    factor, unit = scale.unit_per_px, scale.unit
    columns: dict[str, object] = {
        f"fit_rms_{unit}": fit.rms_px * factor,
        f"fit_largest_{unit}": fit.largest_px * factor,
        f"fit_area_difference_{unit}2": fit.area_difference_px * factor**2,
        "fit_iou": fit.iou,
        "fit_inliers": fit.inliers,
    }
    for name, value in fit.parameters.items():
        title = f"fit_{name}_{unit}" if fit.is_length(name) else f"fit_{name}"
        size = factor if fit.is_length(name) else 1.0
        columns[title] = value * size
        if fit.standard_errors is not None and name in fit.standard_errors:
            columns[f"{title}_se"] = _or_none(fit.standard_errors[name] * size)
    return columns


def is_corner(name: str) -> bool:
    """Whether a parameter is a coordinate of a polygon's corner."""
    return CORNER.fullmatch(name) is not None


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
