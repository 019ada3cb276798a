"""What the text formats of regions share: numbers rounded, figures named alike."""

from __future__ import annotations

import json
import math

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.basics.files import FilePath, write_file
from segfit.basics.text import encode_text
from segfit.result.regions import Region

DECIMALS = 4
"""Of coordinates and figures in pixels: hundreds of times finer than any border is known."""


def write_json(content: dict[str, object], path: FilePath, *, force: bool = False) -> None:
    """Write JSON without line breaks, UTF-8; coordinates would otherwise take a line each."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    write_file(path, encode_text(text + "\n"), force=force)


def round_points(points: Float64Array) -> list[list[float]]:
    """Points (N, 2) as pairs of numbers.

    A point that two regions share is rounded alike for both.
    """
    rounded: list[list[float]] = np.round(points, DECIMALS).tolist()
    return rounded


def round_figure(value: float | None) -> float | None:
    """A rounded number; None for None and for NaN, which JSON has not."""
    return None if value is None or math.isnan(value) else round(value, DECIMALS)


def describe_region(region: Region) -> dict[str, object]:
    """What is known of a region; None for what nobody knows."""
    return {
        "class": region.name,
        "label": region.label,
        "object": region.object_number,
        "score": round_figure(region.score),
        "area_px": round_figure(region.area_px),
        "perimeter_px": round_figure(region.perimeter_px),
        "error_px_mean": round_figure(region.error_px_mean),
        "error_px_worst": round_figure(region.error_px_worst),
    }
