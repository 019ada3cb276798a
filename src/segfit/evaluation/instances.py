"""How well the objects of labelled images are found, counted image by image.

Shapes: ``H, W`` an image; ``K`` classes, in the data's order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int32Array, IntpArray, UInt8Array
from segfit.basics.show import show_briefly
from segfit.classes import IGNORE, ClassTable
from segfit.evaluation.examples import make_lookup
from segfit.metrics.coco_ap import (
    EncodedImage,
    ScoredObjects,
    encode_image,
    is_installed,
    measure_coco,
)
from segfit.metrics.figures import format_figure, mean_of_known, or_none
from segfit.metrics.instances import (
    IOU_THRESHOLDS,
    InstanceCounts,
    count_instances,
    hide_ignored,
    no_instances,
)
from segfit.result.segmentation import Segmentation

SHOWN_IOUS = (0.5, 0.7, 0.8, 0.9)
"""The thresholds that tables show."""
STARDIST_IOU = 0.9
"""Up to which thresholds StarDist takes the mean."""


@dataclass(frozen=True)
class ImageCounts:
    """An image's true objects, those predicted, and pairs of both with an IoU of 0.5."""

    true: int
    predicted: int
    matched: int

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN); NaN without any object."""
        total = self.true + self.predicted - self.matched
        return self.matched / total if total else math.nan


@dataclass(frozen=True, eq=False, repr=False)
class InstanceFigures:
    """How well the objects of a data set, or of a group of its images, are found.

    ``object_classes``: the classes that may have any; figures are means over those of them of which
    the truth has one, and NaN where it has none.
    ``coco``: COCO's mask AP, see ``measure_coco``; None where it was not measured.
    """

    counts: InstanceCounts
    object_classes: tuple[int, ...]
    coco: dict[str, float] | None = None

    @property
    def average_precision(self) -> dict[float, float]:
        """TP / (TP + FP + FN) by IoU threshold: see ``InstanceCounts``."""
        chosen = list(self.object_classes)
        per_class = self._where_true(self.counts.average_precision)[chosen]
        return dict(zip(IOU_THRESHOLDS, map(mean_of_known, per_class.T), strict=True))

    @property
    def mean_average_precision(self) -> float:
        """Mean of ``average_precision`` over thresholds from 0.5 to 0.9, as StarDist reports it."""
        precision = self.average_precision
        return mean_of_known(np.array([precision[x] for x in precision if x <= STARDIST_IOU]))

    @property
    def panoptic_quality(self) -> float:
        """Mean over all classes that the truth has, stuff included, the background not."""
        return mean_of_known(self._where_true(self.counts.panoptic_quality))

    @property
    def aggregated_jaccard(self) -> float:
        """Aggregated Jaccard index."""
        chosen = list(self.object_classes)
        return mean_of_known(self._where_true(self.counts.aggregated_jaccard)[chosen])

    @property
    def objects(self) -> ImageCounts:
        """Numbers of objects, as an image has them."""
        chosen = list(self.object_classes)
        return ImageCounts(
            int(self.counts.true[chosen].sum()),
            int(self.counts.predicted[chosen].sum()),
            int(self.counts.matched[chosen, 0].sum()),
        )

    def _where_true(self, values: Float64Array) -> Float64Array:
        """Values (K, ...) of the classes of which there is a true object; NaN for the others."""
        found = values.copy()
        found[self.counts.true == 0] = np.nan
        return found

    def to_dict(self) -> dict[str, object]:
        """The figures as what JSON can hold; what is not known (NaN) is None."""
        objects = self.objects
        return {
            "average_precision": {
                f"{iou:g}": or_none(value) for iou, value in self.average_precision.items()
            },
            "mean_average_precision": or_none(self.mean_average_precision),
            "panoptic_quality": or_none(self.panoptic_quality),
            "aggregated_jaccard": or_none(self.aggregated_jaccard),
            "coco": self.coco and {name: or_none(value) for name, value in self.coco.items()},
            "true": objects.true,
            "predicted": objects.predicted,
        }

    def describe(self) -> str:
        """The figures on one line."""
        figures = {
            "AP@0.5": self.average_precision[0.5],
            "mean AP": self.mean_average_precision,
            "PQ": self.panoptic_quality,
        }
        counts = f"{self.objects.predicted} found, {self.objects.true} true"
        return ", ".join(
            [*(f"{name} {format_figure(value)}" for name, value in figures.items()), counts]
        )

    def __repr__(self) -> str:
        return f"<InstanceFigures: {self.describe()}>"


@dataclass(frozen=True, eq=False)
class CountedObjects:
    """What the objects of an image add to figures.

    ``coco``: None where pycocotools is not installed: COCO's AP is then left out.
    """

    counts: InstanceCounts
    coco: EncodedImage | None

    __repr__ = show_briefly


def count_objects(
    true_labels: UInt8Array,
    true: Int32Array,
    segmentation: Segmentation,
    order: IntpArray,
    classes: ClassTable,
) -> CountedObjects:
    """Compare the objects of an image with the true ones, labels and numbers (H, W) each.

    ``order``: (K,) the index, among ``classes``, of each of the method's.
    """
    counts = count_instances(
        true_labels,
        true,
        make_lookup(order)[segmentation.labels],
        segmentation.objects,
        class_count=len(classes),
        object_classes=classes.object_classes,
        background=classes.background,
    )
    if not is_installed():
        return CountedObjects(counts, None)
    known = true_labels != IGNORE
    return CountedObjects(
        counts,
        encode_image(
            _list_true(true_labels, true, classes),
            _list_predicted(segmentation, order, known, classes),
        ),
    )


def join_objects(
    images: Sequence[CountedObjects], classes: ClassTable, *, coco: bool
) -> InstanceFigures:
    """Figures of some images; ``coco``: with COCO's AP, where it can be had."""
    encoded = [one.coco for one in images if one.coco is not None]
    return InstanceFigures(
        sum((one.counts for one in images), no_instances(len(classes))),
        classes.object_classes,
        measure_coco(encoded, classes.object_classes) if coco and encoded else None,
    )


def _list_true(labels: UInt8Array, objects: Int32Array, table: ClassTable) -> ScoredObjects:
    numbers, first = np.unique(objects, return_index=True)
    classes = labels.ravel()[first]
    chosen = (numbers > 0) & np.isin(classes, table.object_classes)
    numbered = numbers[chosen].tolist(), classes[chosen].tolist()
    return ScoredObjects(objects, *numbered, [1.0] * len(numbered[0]))


def _list_predicted(
    segmentation: Segmentation, order: IntpArray, known: BoolArray, table: ClassTable
) -> ScoredObjects:
    shown = hide_ignored(segmentation.objects, known)
    present = np.bincount(shown.ravel(), minlength=len(segmentation.regions) + 1) > 0
    chosen = [
        region
        for region in segmentation.regions
        if region.object_number
        and present[region.object_number]
        and order[region.label] in table.object_classes
    ]
    return ScoredObjects(
        shown,
        [region.object_number or 0 for region in chosen],
        [int(order[region.label]) for region in chosen],
        [1.0 if region.score is None else region.score for region in chosen],
    )
