"""Metrics that count pixels: confusion matrix, IoU, Dice, accuracy.

Shapes: ``K`` classes; ``H, W`` an image. Matrices of several images add up, and a data set's
metrics are those of the sum, as the field reports them.
"""

from __future__ import annotations

import math

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array, UInt8Array
from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.metrics.class_metric import ClassFigure, ClassMetric
from segfit.metrics.figures import mean_of_known, mean_over_classes

_CHUNK_PX = 1 << 15  # The widened codes of a chunk stay in the processor's cache.


def confusion_matrix(truth: UInt8Array, predicted: UInt8Array, class_count: int) -> Int64Array:
    """Count the pixels of each class (rows: the truth) by what they were taken for (columns).

    ``truth``, ``predicted``: (H, W) uint8. Pixels whose truth is ``IGNORE`` are left out. Returns
    (K, K) int64, zeros for an empty image. Raises ``SegfitError`` where the shapes differ or a
    counted label is not below ``class_count``.

    >>> confusion_matrix(np.uint8([[0, 1, 255]]), np.uint8([[0, 0, 1]]), 2).tolist()
    [[1, 0], [1, 0]]
    """
    check_same_shape(truth, predicted)
    flat_truth, flat_predicted = truth.ravel(), predicted.ravel()
    counts = np.zeros(256 * 256, np.int64)
    for start in range(0, truth.size, _CHUNK_PX):
        codes = flat_truth[start : start + _CHUNK_PX].astype(np.uint16) << 8
        codes |= flat_predicted[start : start + _CHUNK_PX]
        chunk = np.bincount(codes)
        counts[: chunk.size] += chunk
    table = counts.reshape(256, 256)
    table[IGNORE] = 0
    confusion = table[:class_count, :class_count].copy()
    if confusion.sum() != table.sum():
        seen = np.flatnonzero(table.any(axis=0) | table.any(axis=1))
        raise SegfitError(
            f"labels must be 0 to {class_count - 1} for {class_count} classes "
            f"({IGNORE} in the truth: ignored), found: {', '.join(map(str, seen))}"
        )
    return confusion


def check_same_shape(truth: UInt8Array, predicted: UInt8Array) -> None:
    """Raise ``SegfitError`` unless both are grids of the same height and width."""
    if truth.ndim != 2 or truth.shape != predicted.shape:
        raise SegfitError(
            f"truth is {_by(truth)} but the prediction is {_by(predicted)}: both must be label "
            "grids of the same height and width; resize one of them"
        )


def _by(grid: UInt8Array) -> str:
    return "×".join(map(str, grid.shape))


def iou_per_class(confusion: Int64Array) -> Float64Array:
    """Intersection over union of each class, (K,); NaN for one that the truth does not have.

    Pixels that are taken for such a class count against the classes that they have in truth.
    """
    hits, truth, predicted = _hits_and_areas(confusion)
    return _ratio(hits, truth + predicted - hits, known=truth > 0)


def dice_per_class(confusion: Int64Array) -> Float64Array:
    """Dice coefficient of each class, (K,); NaN for one that the truth does not have."""
    hits, truth, predicted = _hits_and_areas(confusion)
    return _ratio(2 * hits, truth + predicted, known=truth > 0)


def pixel_accuracy(confusion: Int64Array) -> float:
    """Share of the counted pixels whose class is right; NaN where none were counted."""
    total = int(confusion.sum())
    return float(np.trace(confusion)) / total if total else float("nan")


def mean_iou(confusion: Int64Array) -> float:
    """Mean IoU over the classes that the truth has; NaN for fewer than two of them."""
    return mean_over_classes(iou_per_class(confusion))


def mean_iou_of_image(confusion: Int64Array) -> float:
    """Mean IoU of one image: a class that is found there though the truth lacks it counts 0.

    An image of one class that is right has 1. NaN where no pixel counts.
    """
    hits, truth, predicted = _hits_and_areas(confusion)
    united = truth + predicted - hits
    return mean_of_known(_ratio(hits, united, known=united > 0))


def cohen_kappa(confusion: Int64Array) -> float:
    """How much more often than by chance a pixel's class is right (Cohen, 1960), 1 where always.

    0 for what calls every pixel the most frequent class, or draws classes by their shares; NaN
    where the truth has one class only and nothing else was called.
    """
    total = float(confusion.sum())
    expected = float(confusion.sum(axis=0) @ confusion.sum(axis=1).astype(float))
    expected = expected / total**2 if total else 1.0
    return (pixel_accuracy(confusion) - expected) / (1 - expected) if expected < 1 else math.nan


def _hits_and_areas(
    confusion: Int64Array,
) -> tuple[Int64Array, Int64Array, Int64Array]:
    return confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)


def _ratio(parts: Int64Array, wholes: Int64Array, *, known: BoolArray) -> Float64Array:
    ratio = np.full(parts.shape, np.nan)
    np.divide(parts, wholes, out=ratio, where=known)
    return ratio


def _list_figures(confusion: Int64Array) -> tuple[ClassFigure, ...]:
    return (
        ClassFigure("IoU", "iou", iou_per_class(confusion)),
        ClassFigure("Dice", "dice", dice_per_class(confusion)),
    )


METRIC = ClassMetric("confusion", confusion_matrix, _list_figures)
