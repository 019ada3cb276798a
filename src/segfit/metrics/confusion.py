"""Metrics that count pixels: confusion matrix, IoU, Dice, accuracy.

Shapes: ``K`` classes; ``H, W`` a picture. Matrices of several pictures add up, and a data set's
metrics are those of the sum, as the field reports them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segfit.classes import IGNORE
from segfit.errors import SegfitError

_CHUNK_PX = 1 << 15  # The widened codes of a chunk stay in the processor's cache.


def confusion_matrix(
    truth: NDArray[np.uint8], predicted: NDArray[np.uint8], class_count: int
) -> NDArray[np.int64]:
    """Count the pixels of each class (rows: the truth) by what they were taken for (columns).

    ``truth``, ``predicted``: (H, W) uint8. Pixels whose truth is ``IGNORE`` are left out. Returns
    (K, K) int64, zeros for an empty picture. Raises ``SegfitError`` where the shapes differ or a
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


def check_same_shape(truth: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> None:
    """Raise ``SegfitError`` unless both are grids of the same height and width."""
    if truth.ndim != 2 or truth.shape != predicted.shape:
        raise SegfitError(
            f"truth is {_by(truth)} but the prediction is {_by(predicted)}: both must be label "
            "grids of the same height and width; resize one of them"
        )


def _by(grid: NDArray[np.uint8]) -> str:
    return "×".join(map(str, grid.shape))


def iou_per_class(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Intersection over union of each class, (K,); NaN for one in neither truth nor prediction."""
    hits, truth, predicted = _hits_and_areas(confusion)
    return _ratio(hits, truth + predicted - hits)


def dice_per_class(confusion: NDArray[np.int64]) -> NDArray[np.float64]:
    """Dice coefficient of each class, (K,); NaN for one in neither truth nor prediction."""
    hits, truth, predicted = _hits_and_areas(confusion)
    return _ratio(2 * hits, truth + predicted)


def pixel_accuracy(confusion: NDArray[np.int64]) -> float:
    """Share of the counted pixels whose class is right; NaN where none were counted."""
    total = int(confusion.sum())
    return float(np.trace(confusion)) / total if total else float("nan")


def mean_iou(confusion: NDArray[np.int64]) -> float:
    """Mean IoU over the classes that appear in truth or prediction; NaN where none do."""
    return mean_of_known(iou_per_class(confusion))


def mean_of_known(values: NDArray[np.float64]) -> float:
    """Mean of the values that are not NaN; NaN where none are left."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def or_none(value: float | None) -> float | None:
    """What JSON can hold of a figure: None for NaN."""
    return None if value is None or math.isnan(value) else float(value)


def _hits_and_areas(
    confusion: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    return confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)


def _ratio(parts: NDArray[np.int64], wholes: NDArray[np.int64]) -> NDArray[np.float64]:
    ratio = np.full(parts.shape, np.nan)
    np.divide(parts, wholes, out=ratio, where=wholes > 0)
    return ratio
