"""Figures that may be unknown: NaN where there is nothing to measure."""

from __future__ import annotations

import math

import numpy as np

from segfit.basics.arrays import Float64Array


def mean_of_known(values: Float64Array) -> float:
    """Mean of the values that are not NaN; NaN where none are left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def mean_over_classes(values: Float64Array) -> float:
    """Mean over the classes that are known; NaN for fewer than two, which tell nothing apart.

    >>> mean_over_classes(np.array([1.0, 0.5, np.nan])), mean_over_classes(np.array([1.0, np.nan]))
    (0.75, nan)
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size > 1 else math.nan


def format_figure(value: float) -> str:
    """A figure in a text: three digits, a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.3f}"


def or_none(value: float | None) -> float | None:
    """What JSON can hold of a figure: None for NaN."""
    return None if value is None or math.isnan(value) else float(value)
