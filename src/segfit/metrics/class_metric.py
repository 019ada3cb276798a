"""What a metric of classes is: images are counted, counts add up, figures follow from the sum.

Shapes: ``K`` classes; ``H, W`` an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from segfit.basics.arrays import Float64Array, UInt8Array
from segfit.metrics.figures import mean_over_classes

Counts = TypeVar("Counts", bound=Any)
"""Counts of an image; those of several images add up with ``+``."""


@dataclass(frozen=True, eq=False)
class ClassFigure:
    """A figure of every class.

    ``title`` heads its column; ``key`` names it in JSON, and ``variant`` tells it from others of
    the same key, such as the tolerance of a boundary F. ``values``: (K,), NaN where there is
    nothing to measure.
    """

    title: str
    key: str
    values: Float64Array
    variant: str | None = None

    @property
    def mean(self) -> float:
        """Mean over the classes that have a value; NaN for fewer than two of them."""
        return mean_over_classes(self.values)


@dataclass(frozen=True, eq=False)
class ClassMetric(Generic[Counts]):
    """A metric that compares the labels of an image with the true ones, class by class.

    ``name``: what a report keeps its counts under. ``count`` takes the truth and the prediction,
    (H, W) uint8 each, and the number of classes K; pixels whose truth is ``IGNORE`` must not
    change what it gives. ``figures``: what follows from the counts of a data set. ``best``: what
    figures are for a prediction that is the truth.
    """

    name: str
    count: Callable[[UInt8Array, UInt8Array, int], Counts]
    figures: Callable[[Counts], tuple[ClassFigure, ...]]
    best: float = 1.0
