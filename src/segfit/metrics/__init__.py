"""Measures of how well something was found: one a file.

A module of this folder that has a ``METRIC`` is a metric of classes, which every report of an
evaluation has: to add one is to add its file.
"""

from __future__ import annotations

from typing import Any

from segfit.basics.discovery import collect
from segfit.metrics.class_metric import ClassFigure, ClassMetric
from segfit.metrics.confusion import METRIC as _FIRST

CLASS_METRICS: dict[str, ClassMetric[Any]] = {
    one.name: one for one in [_FIRST, *collect(__name__, "METRIC", ClassMetric)]
}
"""How labels are compared with the true ones, by the names that reports keep counts under; IoU
comes first, then the others by their files."""

__all__ = ["CLASS_METRICS", "ClassFigure", "ClassMetric"]
