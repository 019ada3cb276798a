"""How well the objects of labelled images are found, counted image by image.

Shapes: ``H, W`` an image; ``K`` classes, in the data's order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int32Array, IntpArray, UInt8Array
from segfit.classes import IGNORE, ClassTable
from segfit.metrics.coco_ap import CocoTally, ScoredObjects, is_installed
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
    ``coco``: COCO's mask AP, see ``CocoTally.measure``; None where it was not measured.
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


@dataclass(eq=False)
class InstanceTally:
    """Counts that grow image by image.

    ``coco``: None where pycocotools is not installed: COCO's AP is then left out.
    """

    classes: ClassTable
    counts: list[InstanceCounts] = field(default_factory=list)
    coco: CocoTally | None = field(default_factory=lambda: CocoTally() if is_installed() else None)

    def add(
        self,
        true_labels: UInt8Array,
        true: Int32Array,
        segmentation: Segmentation,
        order: IntpArray,
    ) -> None:
        """Compare an image with its truth, (H, W) each.

        ``order``: (K,) the data's index of each of the method's classes.
        """
        lookup = np.arange(256, dtype=np.uint8)
        lookup[: len(order)] = order
        self.counts.append(
            count_instances(
                true_labels,
                true,
                lookup[segmentation.labels],
                segmentation.objects,
                class_count=len(self.classes),
                object_classes=self.classes.object_classes,
                background=self.classes.background,
            )
        )
        if self.coco is not None:
            self.coco.add(
                self._list_true(true_labels, true),
                self._list_predicted(segmentation, order, true_labels != IGNORE),
            )

    def images(self) -> list[ImageCounts]:
        """Counts of each image."""
        return [
            InstanceFigures(counts, self.classes.object_classes).objects for counts in self.counts
        ]

    def figures(
        self, numbers: Iterable[int] | None = None, *, coco: bool = False
    ) -> InstanceFigures:
        """Figures of all images, or of those with these numbers; ``coco``: of all alone."""
        chosen = self.counts if numbers is None else [self.counts[number] for number in numbers]
        object_classes = self.classes.object_classes
        measured = self.coco.measure(object_classes) if coco and self.coco is not None else None
        return InstanceFigures(
            sum(chosen, no_instances(len(self.classes))), object_classes, measured
        )

    def _list_true(self, labels: UInt8Array, objects: Int32Array) -> ScoredObjects:
        numbers, first = np.unique(objects, return_index=True)
        classes = labels.ravel()[first]
        chosen = (numbers > 0) & np.isin(classes, self.classes.object_classes)
        numbered = numbers[chosen].tolist(), classes[chosen].tolist()
        return ScoredObjects(objects, *numbered, [1.0] * len(numbered[0]))

    def _list_predicted(
        self, segmentation: Segmentation, order: IntpArray, known: BoolArray
    ) -> ScoredObjects:
        shown = hide_ignored(segmentation.objects, known)
        present = np.bincount(shown.ravel(), minlength=len(segmentation.regions) + 1) > 0
        chosen = [
            region
            for region in segmentation.regions
            if region.object_number
            and present[region.object_number]
            and order[region.label] in self.classes.object_classes
        ]
        return ScoredObjects(
            shown,
            [region.object_number or 0 for region in chosen],
            [int(order[region.label]) for region in chosen],
            [1.0 if region.score is None else region.score for region in chosen],
        )
