"""A method over labelled images → report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from statistics import median
from typing import Any

import numpy as np

from segfit.basics.arrays import IntpArray
from segfit.basics.progress import OnProgress, Spread, do_in_order
from segfit.basics.show import show_briefly
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.evaluation.counting import count_images
from segfit.evaluation.coverage import CoverageCounts, count_coverage
from segfit.evaluation.examples import (
    LabelledExample,
    LabelledExamples,
    make_lookup,
    match_classes,
)
from segfit.evaluation.instances import CountedObjects, count_objects, join_objects
from segfit.evaluation.report import GroupFigures, ImageRow, Report
from segfit.metrics import CLASS_METRICS
from segfit.metrics.calibration import CalibrationCounts, count_calibration
from segfit.metrics.confusion import METRIC as CONFUSION
from segfit.metrics.confusion import mean_iou_of_image, pixel_accuracy
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation
from segfit.segmenter import take_read_images


def evaluate(
    method: Method,
    dataset: LabelledExamples,
    *,
    group_of: Callable[[str], str] | None = None,
    spread: Spread = do_in_order,
    on_progress: OnProgress | None = None,
) -> Report:
    """Segment labelled images and compare the result with their truth.

    ``group_of`` gives the group of an image's name, for figures by group; ``prefix_of`` is one.
    ``spread``: where images are segmented and compared, here or in other processes; figures do not
    depend on it.
    Raises ``SegfitError`` where there are no images, or where the method's classes are not those
    of the data (their order may differ).
    """
    classes = dataset.classes
    count = ImageCounter(
        take_read_images(method),
        dataset,
        match_classes(method.classes, classes),
        has_objects=bool(classes.object_classes and method.classes.object_classes),
    )
    counted = count_images(count, len(dataset), spread=spread, on_progress=on_progress)
    return _to_report(counted, classes, group_of)


def prefix_of(name: str) -> str:
    """What comes before the first ``_`` of an image's name, or all of it.

    >>> prefix_of("brightfield_4e07a653352b")
    'brightfield'
    """
    return name.partition("_")[0]


@dataclass(frozen=True, eq=False)
class CountedImage:
    """What an image adds to a report: ``counts`` by the names of ``CLASS_METRICS``.

    ``calibration``: None without probabilities; ``objects``: where the data or the method has none;
    ``coverage``: where outlines have no errors.
    """

    name: str
    counts: dict[str, Any]
    calibration: CalibrationCounts | None
    objects: CountedObjects | None
    coverage: CoverageCounts | None
    seconds: float
    surprise: float | None

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class ImageCounter:
    """Segments images of a data set and compares each with its truth.

    ``order``: (K,) the data's index of each of the method's classes.
    """

    method: Method
    dataset: LabelledExamples
    order: IntpArray
    has_objects: bool

    __repr__ = show_briefly

    def __call__(self, number: int) -> CountedImage:
        """What the image with a number, from 0, adds."""
        example = self.dataset[number]
        start = time.perf_counter()
        segmentation = self.method(example.image)
        seconds = time.perf_counter() - start
        return CountedImage(
            example.name,
            self._count_classes(example, segmentation),
            self._count_calibration(example, segmentation),
            self._count_objects(example, segmentation),
            self._count_coverage(example, segmentation),
            seconds,
            segmentation.surprise,
        )

    def _count_classes(
        self, example: LabelledExample, segmentation: Segmentation
    ) -> dict[str, Any]:
        predicted = make_lookup(self.order)[segmentation.labels]
        try:
            return {
                name: metric.count(example.labels, predicted, len(self.order))
                for name, metric in CLASS_METRICS.items()
            }
        except SegfitError as error:
            raise SegfitError(f"{example.name}: {error}") from error

    def _count_calibration(
        self, example: LabelledExample, segmentation: Segmentation
    ) -> CalibrationCounts | None:
        probabilities = segmentation.probabilities
        if probabilities is None:
            return None
        return count_calibration(example.labels, probabilities[np.argsort(self.order)])

    def _count_objects(
        self, example: LabelledExample, segmentation: Segmentation
    ) -> CountedObjects | None:
        if not self.has_objects or example.objects is None:
            return None
        return count_objects(
            example.labels, example.objects, segmentation, self.order, self.dataset.classes
        )

    def _count_coverage(
        self, example: LabelledExample, segmentation: Segmentation
    ) -> CoverageCounts | None:
        refined = segmentation.refined
        if refined is None or refined.error_px is None:
            return None
        return count_coverage(
            refined, segmentation.image, example.labels, example.objects, self.order
        )


def _to_report(
    images: Sequence[CountedImage], classes: ClassTable, group_of: Callable[[str], str] | None
) -> Report:
    groups: dict[str, list[CountedImage]] = {}
    if group_of is not None:
        for one in images:
            groups.setdefault(group_of(one.name), []).append(one)
    everything = _sum_up(images, classes, coco=True)
    return Report(
        class_names=everything.class_names,
        counts=everything.counts,
        images=everything.images,
        instances=everything.instances,
        calibration=everything.calibration,
        coverage=everything.coverage,
        rows=tuple(_list_rows(images, classes)),
        groups={
            group: _sum_up(members, classes, coco=False)
            for group, members in sorted(groups.items())
        },
        seconds_per_image=median(one.seconds for one in images),
    )


def _sum_up(images: Sequence[CountedImage], classes: ClassTable, *, coco: bool) -> GroupFigures:
    """Figures of some images, at least one; ``coco``: with COCO's AP, where it is there."""
    objects = [one.objects for one in images if one.objects is not None]
    known = [one.calibration for one in images if one.calibration is not None]
    covered = [one.coverage for one in images if one.coverage is not None]
    return GroupFigures(
        classes.names,
        {name: reduce(add, [one.counts[name] for one in images]) for name in CLASS_METRICS},
        len(images),
        join_objects(objects, classes, coco=coco) if objects else None,
        reduce(add, known) if known else None,
        reduce(add, covered) if covered else None,
    )


def _list_rows(images: Sequence[CountedImage], classes: ClassTable) -> list[ImageRow]:
    """The images, the worst first."""
    rows = []
    for one in images:
        confusion = one.counts[CONFUSION.name]
        objects = None
        if one.objects is not None:
            objects = join_objects([one.objects], classes, coco=False).objects
        worth = mean_iou_of_image(confusion)
        rows.append(ImageRow(one.name, worth, pixel_accuracy(confusion), objects, one.surprise))
    # NaN, an image without counted pixels, is neither good nor bad: last.
    return sorted(rows, key=lambda row: (math.isnan(row.worth), row.worth, row.name))
