"""A method over labelled images → report."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from statistics import median
from typing import Any

import numpy as np

from segfit.basics.arrays import IntpArray
from segfit.basics.progress import OnProgress
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.evaluation.examples import LabelledExample, LabelledExamples, match_classes
from segfit.evaluation.instances import InstanceTally
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
    on_progress: OnProgress | None = None,
) -> Report:
    """Segment labelled images and compare the result with their truth.

    ``group_of`` gives the group of an image's name, for figures by group; ``prefix_of`` is one.
    Raises ``SegfitError`` where there are no images, or where the method's classes are not those
    of the data (their order may differ).
    """
    if len(dataset) == 0:
        raise SegfitError("the data set has no images: nothing can be evaluated")
    order = match_classes(method.classes, dataset.classes)
    tally, segment = _Tally(dataset.classes), take_read_images(method)
    if dataset.classes.object_classes and method.classes.object_classes:
        tally.instances = InstanceTally(dataset.classes)
    for number, example in enumerate(dataset, start=1):
        start = time.perf_counter()
        segmentation = segment(example.image)
        seconds = time.perf_counter() - start
        tally.add(example, segmentation, order, seconds)
        if on_progress is not None:
            on_progress(number, len(dataset))
    return tally.to_report(group_of)


def prefix_of(name: str) -> str:
    """What comes before the first ``_`` of an image's name, or all of it.

    >>> prefix_of("brightfield_4e07a653352b")
    'brightfield'
    """
    return name.partition("_")[0]


@dataclass(eq=False)
class _Tally:
    """Counts of every image: ``counts`` by the names of ``CLASS_METRICS``."""

    classes: ClassTable
    calibrations: list[CalibrationCounts | None] = field(default_factory=list)
    instances: InstanceTally | None = None
    names: list[str] = field(default_factory=list)
    counts: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    surprises: list[float | None] = field(default_factory=list)

    def add(
        self,
        example: LabelledExample,
        segmentation: Segmentation,
        order: IntpArray,
        seconds: float,
    ) -> None:
        """``order``: (K,) the data's index of each of the method's classes."""
        lookup = np.arange(256, dtype=np.uint8)
        lookup[: len(order)] = order
        predicted = lookup[segmentation.labels]
        try:
            self.counts.append(
                {
                    name: metric.count(example.labels, predicted, len(order))
                    for name, metric in CLASS_METRICS.items()
                }
            )
        except SegfitError as error:
            raise SegfitError(f"{example.name}: {error}") from error
        probabilities = segmentation.probabilities
        self.calibrations.append(
            None
            if probabilities is None
            else count_calibration(example.labels, probabilities[np.argsort(order)])
        )
        if self.instances is not None and example.objects is not None:
            self.instances.add(example.labels, example.objects, segmentation, order)
        self.names.append(example.name)
        self.seconds.append(seconds)
        self.surprises.append(segmentation.surprise)

    def to_report(self, group_of: Callable[[str], str] | None) -> Report:
        return Report(
            class_names=self.classes.names,
            counts=self._sum(range(len(self.names))),
            images=len(self.names),
            instances=None if self.instances is None else self.instances.figures(coco=True),
            calibration=self._sum_calibration(range(len(self.names))),
            rows=tuple(self._list_rows()),
            groups={} if group_of is None else self._group(group_of),
            seconds_per_image=median(self.seconds),
        )

    def _list_rows(self) -> list[ImageRow]:
        """The images, the worst first."""
        objects = [None] * len(self.names) if self.instances is None else self.instances.images()
        rows = []
        columns = zip(self.names, self.counts, objects, self.surprises, strict=True)
        for name, counts, of_image, surprise in columns:
            confusion = counts[CONFUSION.name]
            worth = mean_iou_of_image(confusion)
            accuracy = pixel_accuracy(confusion)
            rows.append(ImageRow(name, worth, accuracy, of_image, surprise))
        # NaN, an image without counted pixels, is neither good nor bad: last.
        return sorted(rows, key=lambda row: (math.isnan(row.worth), row.worth, row.name))

    def _group(self, group_of: Callable[[str], str]) -> dict[str, GroupFigures]:
        members: dict[str, list[int]] = {}
        for number, name in enumerate(self.names):
            members.setdefault(group_of(name), []).append(number)
        return {
            group: GroupFigures(
                self.classes.names,
                self._sum(numbers),
                len(numbers),
                None if self.instances is None else self.instances.figures(numbers),
                self._sum_calibration(numbers),
            )
            for group, numbers in sorted(members.items())
        }

    def _sum_calibration(self, numbers: Iterable[int]) -> CalibrationCounts | None:
        chosen = [self.calibrations[number] for number in numbers]
        known = [counts for counts in chosen if counts is not None]
        return reduce(add, known) if known else None

    def _sum(self, numbers: Iterable[int]) -> dict[str, Any]:
        """Counts of the images with these numbers, at least one, added up."""
        chosen = [self.counts[number] for number in numbers]
        return {name: reduce(add, [counts[name] for counts in chosen]) for name in CLASS_METRICS}
