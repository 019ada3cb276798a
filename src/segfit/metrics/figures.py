"""Figures that may be unknown: NaN where there is nothing to measure."""

from __future__ import annotations

import math

import numpy as np

from segfit.basics.arrays import Float64Array


def mean_of_known(values: Float64Array) -> float:
    """Mean of the values that are not NaN; NaN where none are left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan


def or_none(value: float | None) -> float | None:
    """What JSON can hold of a figure: None for NaN."""
    return None if value is None or math.isnan(value) else float(value)
