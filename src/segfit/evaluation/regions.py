"""A method over labelled images → report.

Shapes: ``K`` classes, in the data's order; ``T`` tolerances of the boundary F.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, field
from statistics import median
from typing import Protocol

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from segfit.arrays import Float64Array, Int32Array, Int64Array, IntpArray, UInt8Array
from segfit.classes import FOREGROUND, ClassTable
from segfit.errors import SegfitError
from segfit.evaluation.instances import ImageCounts, InstanceFigures, InstanceTally
from segfit.metrics.boundary import BoundaryCounts, count_boundaries, no_boundaries
from segfit.metrics.calibration import (
    CalibrationCounts,
    ReliabilityRow,
    count_calibration,
    no_calibration,
)
from segfit.metrics.confusion import (
    confusion_matrix,
    dice_per_class,
    iou_per_class,
    mean_iou,
    mean_of_known,
    or_none,
    pixel_accuracy,
)
from segfit.progress import OnProgress
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation

_WORST_SHOWN = 3
SHOWN_IOUS = (0.5, 0.7, 0.8, 0.9)


class LabelledExample(Protocol):
    """An image and its truth: (H, W, 3) uint8 RGB and (H, W) uint8."""

    @property
    def name(self) -> str:
        """What the report calls it."""
        ...

    @property
    def image(self) -> UInt8Array:
        """The image, (H, W, 3) uint8 RGB."""
        ...

    @property
    def labels(self) -> UInt8Array:
        """Its truth, (H, W) uint8 indices into the data's classes, or ``IGNORE``."""
        ...

    @property
    def objects(self) -> Int32Array | None:
        """Numbers of its objects, (H, W) int32, 0 for none; None where no class has objects."""
        ...


class LabelledExamples(Protocol):
    """Labelled images of one class table; ``segfit.datasets.Dataset`` is one."""

    @property
    def classes(self) -> ClassTable:
        """What the labels mean."""
        ...

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[LabelledExample]: ...


@dataclass(frozen=True)
class ImageRow:
    """One image's figures; NaN where all of its pixels are ignored.

    ``instances``: how many, None where the data or the method has none.
    """

    name: str
    mean_iou: float
    pixel_accuracy: float
    instances: ImageCounts | None = None

    @property
    def worth(self) -> float:
        """What the images are ordered by: AP at an IoU of 0.5, or else mean IoU."""
        return self.mean_iou if self.instances is None else self.instances.average_precision


@dataclass(frozen=True)
class RegionFigures:
    """What a confusion matrix says: of a whole data set or of a group of its images.

    ``confusion``: (K, K) int64, rows the truth. A class in neither truth nor prediction has NaN.
    ``instances``: None where the data or the method has none.
    """

    class_names: tuple[str, ...]
    confusion: Int64Array
    images: int
    instances: InstanceFigures | None

    @property
    def mean_iou(self) -> float:
        """Mean of ``iou`` over the classes that appear."""
        return mean_iou(self.confusion)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels whose class is right."""
        return pixel_accuracy(self.confusion)

    @property
    def iou(self) -> Float64Array:
        """Intersection over union of every class, (K,)."""
        return iou_per_class(self.confusion)

    @property
    def dice(self) -> Float64Array:
        """Dice coefficient of every class, (K,)."""
        return dice_per_class(self.confusion)


@dataclass(frozen=True)
class Report(RegionFigures):
    """How well a method does on labelled images; all figures are those of the summed counts.

    ``boundaries``: see ``metrics.boundary``. ``calibration``: None for a method without
    probabilities. ``rows``: one per image, the worst first. ``groups``: the same figures for
    groups of images, empty if none were asked for. ``seconds_per_image``: the median.
    """

    boundaries: BoundaryCounts
    calibration: CalibrationCounts | None
    rows: tuple[ImageRow, ...]
    groups: dict[str, RegionFigures]
    seconds_per_image: float

    @property
    def boundary_f(self) -> dict[float, float]:
        """Boundary F by tolerance in pixels: the mean over the classes that have boundaries."""
        return {
            tolerance_px: mean_of_known(values)
            for tolerance_px, values in self.boundary_f_per_class.items()
        }

    @property
    def boundary_f_per_class(self) -> dict[float, Float64Array]:
        """Boundary F of every class, (K,), by tolerance in pixels."""
        tolerances_px = self.boundaries.tolerances_px
        return dict(zip(tolerances_px, self.boundaries.f_per_class(), strict=True))

    @property
    def expected_calibration_error(self) -> float | None:
        """Mean gap between confidence and accuracy; None for a method without probabilities."""
        return None if self.calibration is None else self.calibration.expected_error

    @property
    def reliability(self) -> tuple[ReliabilityRow, ...] | None:
        """Confidence and accuracy by bin; None for a method without probabilities."""
        return None if self.calibration is None else self.calibration.rows()

    def to_dict(self) -> dict[str, object]:
        """The report as what JSON can hold; what is not known (NaN) is None."""
        per_class = self.boundary_f_per_class
        classes = _classes_to_dict(self)
        for index, entry in enumerate(classes.values()):
            entry["boundary_f"] = {
                f"{px:g}": or_none(values[index]) for px, values in per_class.items()
            }
        return {
            "mean_iou": or_none(self.mean_iou),
            "pixel_accuracy": or_none(self.pixel_accuracy),
            "boundary_f": {f"{px:g}": or_none(value) for px, value in self.boundary_f.items()},
            "expected_calibration_error": or_none(self.expected_calibration_error),
            "images": self.images,
            "seconds_per_image": self.seconds_per_image,
            "instances": self.instances and self.instances.to_dict(),
            "classes": classes,
            "groups": {
                name: {
                    "mean_iou": or_none(group.mean_iou),
                    "pixel_accuracy": or_none(group.pixel_accuracy),
                    "images": group.images,
                    "instances": group.instances and group.instances.to_dict(),
                    "classes": _classes_to_dict(group),
                }
                for name, group in self.groups.items()
            },
            "confusion": self.confusion.tolist(),
            "reliability": None
            if self.reliability is None
            else [
                {
                    "low": row.low,
                    "high": row.high,
                    "count": row.count,
                    "confidence": or_none(row.confidence),
                    "accuracy": or_none(row.accuracy),
                }
                for row in self.reliability
            ],
            "per_image": [
                {
                    "name": row.name,
                    "mean_iou": or_none(row.mean_iou),
                    "pixel_accuracy": or_none(row.pixel_accuracy),
                    "instances": row.instances and asdict(row.instances),
                }
                for row in self.rows
            ],
        }

    def to_table(self) -> RenderableType:
        """The report for a terminal: classes, groups where there are any, worst images."""
        parts: list[RenderableType] = [self._class_table()]
        if self.instances is not None:
            parts.append(self._instance_table(self.instances))
        if self.groups:
            parts.append(self._group_table())
        parts.append(self._figure_table())
        if self.images > 1:
            parts.append(self._worst_table())
        return Group(*parts)

    def _class_table(self) -> Table:
        per_class = self.boundary_f_per_class
        table = _plain_table("class", "share of truth", "IoU", "Dice", *_boundary_titles(per_class))
        shares = self.confusion.sum(axis=1) / max(1, self.confusion.sum())
        for index, name in enumerate(self.class_names):
            table.add_row(
                escape(name),
                f"{shares[index]:.1%}",
                format_figure(self.iou[index]),
                format_figure(self.dice[index]),
                *(format_figure(values[index]) for values in per_class.values()),
            )
        table.add_section()
        boundary_f = [format_figure(value) for value in self.boundary_f.values()]
        mean_dice = mean_of_known(self.dice)
        table.add_row(
            "mean", "", format_figure(self.mean_iou), format_figure(mean_dice), *boundary_f
        )
        return table

    def _instance_table(self, all_images: InstanceFigures) -> Table:
        """Average precision at some thresholds, of all images and of each group."""
        titles = [f"AP@{iou:g}" for iou in SHOWN_IOUS]
        last = ("mean AP", "PQ", "AJI", "true", "found")
        table = _plain_table("instances", *titles, *last)
        groups = {name: group.instances for name, group in self.groups.items()}
        for name, figures in {"all images": all_images, **groups}.items():
            if figures is None:
                continue
            precision = figures.average_precision
            values = [
                *(precision[iou] for iou in SHOWN_IOUS),
                figures.mean_average_precision,
                figures.panoptic_quality,
                figures.aggregated_jaccard,
            ]
            objects = figures.objects
            table.add_row(
                escape(name),
                *(format_figure(value) for value in values),
                str(objects.true),
                str(objects.predicted),
            )
        return table

    def _group_table(self) -> Table:
        table = _plain_table("group", "images", "mean IoU", *self.class_names)
        for name, group in self.groups.items():
            ious = [format_figure(value) for value in group.iou]
            table.add_row(escape(name), str(group.images), format_figure(group.mean_iou), *ious)
        return table

    def _figure_table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_row("mean IoU", format_figure(self.mean_iou))
        table.add_row("pixel accuracy", format_figure(self.pixel_accuracy))
        if self.expected_calibration_error is not None:
            table.add_row("calibration error", format_figure(self.expected_calibration_error))
        if self.instances is not None and self.instances.coco is not None:
            ap, ap50, ap75 = (format_figure(self.instances.coco[f"ap{n}"]) for n in ("", 50, 75))
            table.add_row("COCO mask AP", f"{ap}, at IoU 0.5 {ap50}, at 0.75 {ap75}")
        table.add_row("images", str(self.images))
        table.add_row("time per image", f"{1000 * self.seconds_per_image:.1f} ms (median)")
        return table

    def _worst_table(self) -> Table:
        counts = ("true", "found", "matched") if self.instances is not None else ()
        table = _plain_table("worst images", "mean IoU", "pixel accuracy", *counts)
        for row in self.rows[:_WORST_SHOWN]:
            table.add_row(
                escape(row.name),
                format_figure(row.mean_iou),
                format_figure(row.pixel_accuracy),
                *(map(str, astuple(row.instances)) if row.instances else ()),
            )
        return table


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
    tally = _Tally(dataset.classes, boundaries=no_boundaries(len(dataset.classes)))
    if dataset.classes.object_classes and method.classes.object_classes:
        tally.instances = InstanceTally(dataset.classes)
    for number, example in enumerate(dataset, start=1):
        start = time.perf_counter()
        segmentation = method(example.image)
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


@dataclass
class _Tally:
    """Counts that grow image by image."""

    classes: ClassTable
    boundaries: BoundaryCounts
    calibration: CalibrationCounts | None = None
    instances: InstanceTally | None = None
    names: list[str] = field(default_factory=list)
    confusions: list[Int64Array] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(
        self,
        example: LabelledExample,
        segmentation: Segmentation,
        order: IntpArray,
        seconds: float,
    ) -> None:
        """``order``: (K,) the data's index of each of the method's classes."""
        class_count = len(order)
        lookup = np.arange(256, dtype=np.uint8)
        lookup[:class_count] = order
        predicted = lookup[segmentation.labels]
        try:
            self.confusions.append(confusion_matrix(example.labels, predicted, class_count))
        except SegfitError as error:
            raise SegfitError(f"{example.name}: {error}") from error
        self.boundaries += count_boundaries(example.labels, predicted, class_count)
        if segmentation.probabilities is not None:
            probabilities = segmentation.probabilities[np.argsort(order)]
            counts = count_calibration(example.labels, probabilities)
            self.calibration = counts + (self.calibration or no_calibration())
        if self.instances is not None and example.objects is not None:
            self.instances.add(example.labels, example.objects, segmentation, order)
        self.names.append(example.name)
        self.seconds.append(seconds)

    def to_report(self, group_of: Callable[[str], str] | None) -> Report:
        counts = [None] * len(self.names) if self.instances is None else self.instances.images()
        rows = [
            ImageRow(name, mean_iou(confusion), pixel_accuracy(confusion), counted)
            for name, confusion, counted in zip(self.names, self.confusions, counts, strict=True)
        ]
        # NaN, an image without counted pixels, is neither good nor bad: last.
        rows.sort(key=lambda row: (math.isnan(row.worth), row.worth, row.name))
        return Report(
            class_names=self.classes.names,
            confusion=_sum(self.confusions),
            images=len(self.names),
            instances=None if self.instances is None else self.instances.figures(coco=True),
            boundaries=self.boundaries,
            calibration=self.calibration,
            rows=tuple(rows),
            groups={} if group_of is None else self._group(group_of),
            seconds_per_image=median(self.seconds),
        )

    def _group(self, group_of: Callable[[str], str]) -> dict[str, RegionFigures]:
        members: dict[str, list[int]] = {}
        for number, name in enumerate(self.names):
            members.setdefault(group_of(name), []).append(number)
        return {
            group: RegionFigures(
                self.classes.names,
                _sum([self.confusions[number] for number in numbers]),
                len(numbers),
                None if self.instances is None else self.instances.figures(numbers),
            )
            for group, numbers in sorted(members.items())
        }


def _sum(confusions: Sequence[Int64Array]) -> Int64Array:
    return np.asarray(np.sum(confusions, axis=0), dtype=np.int64)


def match_classes(method_classes: ClassTable, data_classes: ClassTable) -> IntpArray:
    """The data's index of each of the method's classes, (K,).

    The foreground of a method without names of its own is what the data has beside its background.
    Raises ``SegfitError`` where they are not the same classes.
    """
    background = data_classes.background
    if method_classes == FOREGROUND and len(data_classes) == 2 and background is not None:
        return np.array([background, 1 - background], np.intp)
    if set(method_classes.names) != set(data_classes.names):
        raise SegfitError(
            f"the model's classes ({', '.join(method_classes.names)}) are not the data's "
            f"({', '.join(data_classes.names)}): evaluate on data labelled with the model's "
            "classes, or name the data's classes so in its classes.json"
        )
    return np.array([data_classes.names.index(name) for name in method_classes.names], np.intp)


def _classes_to_dict(figures: RegionFigures) -> dict[str, dict[str, object]]:
    areas_px = figures.confusion.sum(axis=1)
    return {
        name: {"iou": or_none(iou), "dice": or_none(dice), "truth_px": int(area_px)}
        for name, iou, dice, area_px in zip(
            figures.class_names, figures.iou, figures.dice, areas_px, strict=True
        )
    }


def _plain_table(first: str, *others: str) -> Table:
    table = Table(first)
    for title in others:
        table.add_column(escape(title), justify="right")
    return table


def _boundary_titles(tolerances_px: dict[float, Float64Array]) -> list[str]:
    return [f"F@{tolerance_px:g} px" for tolerance_px in tolerances_px]


def format_figure(value: float) -> str:
    """A figure for a table: a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.3f}"
