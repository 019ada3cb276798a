"""How well objects are found: matches of true and predicted ones, and what follows from them.

Shapes: ``H, W`` an image; ``T`` thresholds of the intersection over union (IoU); ``K`` classes;
``P`` pairs of a true and a predicted object that share a pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from segfit.basics.arrays import BoolArray, Float64Array, Int32Array, Int64Array, UInt8Array
from segfit.basics.runs import count_values
from segfit.classes import IGNORE
from segfit.errors import SegfitError

IOU_THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""0.5 to 0.95, as COCO has them."""
PANOPTIC_IOU = 0.5
"""Pairs above it are unique (Kirillov et al., CVPR 2019)."""
MOSTLY_IGNORED = 0.5
"""Predicted objects of which more is ignored count neither as right nor as wrong."""


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Pairs of objects of one class that share pixels, (P,) each; and every object's area.

    ``true``, ``predicted``: the pair's places in ``true_px`` and ``predicted_px``, the areas.
    """

    true: Int64Array
    predicted: Int64Array
    shared_px: Int64Array
    true_px: Int64Array
    predicted_px: Int64Array

    @property
    def union_px(self) -> Int64Array:
        """Area that either of a pair has, (P,)."""
        both = self.true_px[self.true] + self.predicted_px[self.predicted]
        return np.asarray(both - self.shared_px)

    @property
    def iou(self) -> Float64Array:
        """Intersection over union of the pairs, (P,)."""
        return np.asarray(self.shared_px / self.union_px)


@dataclass(frozen=True, eq=False)
class InstanceCounts:
    """Counts of an image, or of many: they can be added.

    ``matched``: (K, T) pairs of one true and one predicted object whose IoU is the threshold at
    least. ``true``, ``predicted``: (K,) objects. ``panoptic_matched``, ``panoptic_iou``: (K,) pairs
    above an IoU of 0.5, and the sum of their IoUs. ``joined_px``, ``united_px``: (K,) intersection
    and union of the aggregated Jaccard index.
    """

    matched: Int64Array
    true: Int64Array
    predicted: Int64Array
    panoptic_matched: Int64Array
    panoptic_iou: Float64Array
    joined_px: Int64Array
    united_px: Int64Array

    def __add__(self, other: InstanceCounts) -> InstanceCounts:
        return InstanceCounts(
            self.matched + other.matched,
            self.true + other.true,
            self.predicted + other.predicted,
            self.panoptic_matched + other.panoptic_matched,
            self.panoptic_iou + other.panoptic_iou,
            self.joined_px + other.joined_px,
            self.united_px + other.united_px,
        )

    @property
    def average_precision(self) -> Float64Array:
        """TP / (TP + FP + FN) of every class and threshold, (K, T); NaN without any object.

        As the 2018 Data Science Bowl and StarDist (Schmidt et al., MICCAI 2018) have it; it is not
        COCO's, which is an area under a curve.
        """
        total = (self.true + self.predicted)[:, None] - self.matched
        return _divide(self.matched, total)

    @property
    def panoptic_quality(self) -> Float64Array:
        """Sum of the matched IoUs / (TP + FP/2 + FN/2), (K,); Kirillov et al., CVPR 2019."""
        return _divide(2 * self.panoptic_iou, self.true + self.predicted)

    @property
    def aggregated_jaccard(self) -> Float64Array:
        """Aggregated Jaccard index of every class, (K,); Kumar et al., IEEE TMI 2017."""
        return _divide(self.joined_px, self.united_px)


def no_instances(class_count: int) -> InstanceCounts:
    """Counts of no image."""
    zeros = np.zeros(class_count, np.int64)
    matched = np.zeros((class_count, len(IOU_THRESHOLDS)), np.int64)
    return InstanceCounts(matched, zeros, zeros, zeros, zeros.astype(np.float64), zeros, zeros)


def count_instances(
    true_labels: UInt8Array,
    true_objects: Int32Array,
    labels: UInt8Array,
    objects: Int32Array,
    *,
    class_count: int,
    object_classes: Sequence[int],
    background: int | None = None,
) -> InstanceCounts:
    """Match the objects of an image with the true ones, class by class; grids (H, W) each.

    Objects are numbers, 0 for none. A class that is not among ``object_classes`` is one object in
    every image, unless it is the ``background``, which is none. Where the true label is ``IGNORE``,
    nothing counts, nor do predicted objects of which most lies there. Raises ``SegfitError`` where
    the grids differ in shape.
    """
    if not true_labels.shape == true_objects.shape == labels.shape == objects.shape:
        raise SegfitError(
            f"truth is {true_labels.shape[0]}×{true_labels.shape[1]} but the prediction is "
            f"{labels.shape[0]}×{labels.shape[1]}: resize one of them"
        )
    nothing = np.zeros((1, 1), np.int32)
    counts = [_count_class(nothing, nothing)] * class_count
    known = true_labels != IGNORE
    objects = hide_ignored(objects, known)
    present = np.bincount(true_labels.ravel(), minlength=256)
    present += np.bincount(labels.ravel(), minlength=256)
    for index in np.flatnonzero(present[:class_count]).tolist():
        if index == background:
            continue
        true = np.where(true_labels == index, true_objects if index in object_classes else 1, 0)
        predicted = np.where(
            known & (labels == index), objects if index in object_classes else 1, 0
        )
        counts[index] = _count_class(true, predicted)
    columns = (np.array(column) for column in zip(*counts, strict=True))
    return InstanceCounts(*columns)


def hide_ignored(objects: Int32Array, known: BoolArray) -> Int32Array:
    """Objects (H, W) where something is known, those left out of which most lies elsewhere."""
    if known.all():
        return objects
    areas = np.bincount(objects.ravel())
    seen = np.bincount(objects[known], minlength=len(areas))
    counts = seen >= (1 - MOSTLY_IGNORED) * areas
    return np.where(counts[objects] & known, objects, 0)


def find_overlaps(true: Int32Array, predicted: Int32Array) -> Overlaps:
    """Objects of two grids (H, W), and which of them share pixels."""
    count = int(predicted.max()) + 1
    codes = true.ravel().astype(np.int64) * count + predicted.ravel()
    pairs, shared_px = count_values(codes)
    true_numbers, row = np.unique(pairs // count, return_inverse=True)
    predicted_numbers, column = np.unique(pairs % count, return_inverse=True)
    true_px = np.bincount(row, weights=shared_px).astype(np.int64)
    predicted_px = np.bincount(column, weights=shared_px).astype(np.int64)
    # Number 0, where there is one, is the first and no object.
    skip, skip_predicted = int(true_numbers[0] == 0), int(predicted_numbers[0] == 0)
    inside = (row >= skip) & (column >= skip_predicted)
    return Overlaps(
        true=row[inside] - skip,
        predicted=column[inside] - skip_predicted,
        shared_px=shared_px[inside],
        true_px=true_px[skip:],
        predicted_px=predicted_px[skip_predicted:],
    )


def count_matches(overlaps: Overlaps, threshold: float) -> int:
    """The most pairs whose IoU is at least the threshold, no object being in two of them."""
    chosen = overlaps.iou >= threshold
    shape = len(overlaps.true_px), len(overlaps.predicted_px)
    if not chosen.any():
        return 0
    where = overlaps.true[chosen], overlaps.predicted[chosen]
    graph = csr_array((np.ones(len(where[0]), np.int8), where), shape)
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())


def _count_class(
    true: Int32Array, predicted: Int32Array
) -> tuple[list[int], int, int, int, float, int, int]:
    """What ``InstanceCounts`` has, of one class, in its order."""
    overlaps = find_overlaps(true, predicted)
    iou = overlaps.iou
    above = iou > PANOPTIC_IOU
    joined_px, united_px = _aggregate(overlaps)
    return (
        [count_matches(overlaps, threshold) for threshold in IOU_THRESHOLDS],
        len(overlaps.true_px),
        len(overlaps.predicted_px),
        int(above.sum()),
        float(iou[above].sum()),
        joined_px,
        united_px,
    )


def _aggregate(overlaps: Overlaps) -> tuple[int, int]:
    """Intersection and union over all true objects, each with the predicted one most like it.

    True objects that meet none, and predicted ones that no true one is most like, count to the
    union with their whole area.
    """
    order = np.argsort(overlaps.iou, kind="stable")
    best = np.full(len(overlaps.true_px), -1)
    best[overlaps.true[order]] = order  # the last written is the best
    chosen = best[best >= 0]
    alone_px = overlaps.true_px[best < 0].sum()
    is_used = np.zeros(len(overlaps.predicted_px), bool)
    is_used[overlaps.predicted[chosen]] = True
    spare_px = overlaps.predicted_px[~is_used].sum()
    united_px = overlaps.union_px[chosen].sum() + alone_px + spare_px
    return int(overlaps.shared_px[chosen].sum()), int(united_px)


def _divide(above: NDArray[np.number], below: NDArray[np.number]) -> Float64Array:
    ratio = np.full(below.shape, np.nan)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio
