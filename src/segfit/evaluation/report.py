"""How well a method segments labelled images: the figures, and what they are in JSON and as text.

Shapes: ``K`` classes, in the data's order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

import numpy as np

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.basics.text import count_noun, list_first
from segfit.evaluation.coverage import CoverageCounts
from segfit.evaluation.instances import ImageCounts, InstanceFigures
from segfit.metrics import CLASS_METRICS, ClassFigure
from segfit.metrics.boundary import KEY as BOUNDARY_KEY
from segfit.metrics.calibration import CalibrationCounts, ReliabilityRow
from segfit.metrics.confusion import METRIC as CONFUSION
from segfit.metrics.confusion import dice_per_class, iou_per_class, mean_iou, pixel_accuracy
from segfit.metrics.figures import format_figure, or_none

LINE_LENGTH = 96
"""Of a report as text, in characters."""


@dataclass(frozen=True)
class ImageRow:
    """One image's figures; NaN where all of its pixels are ignored.

    ``instances``: how many, None where the data or the method has none. ``surprise``: as in
    ``Segmentation``.
    """

    name: str
    mean_iou: float
    pixel_accuracy: float
    instances: ImageCounts | None = None
    surprise: float | None = None

    @property
    def worth(self) -> float:
        """What the images are ordered by: AP at an IoU of 0.5, or else mean IoU."""
        return self.mean_iou if self.instances is None else self.instances.average_precision


@dataclass(frozen=True, eq=False, repr=False)
class GroupFigures:
    """How well a method does on a group of images, or on all; figures of the summed counts.

    ``counts``: the sum of the images' counts by the names of ``CLASS_METRICS``. ``instances``: None
    where the data or the method has none. ``calibration``: None for a method without probabilities,
    ``coverage``: for one whose outlines have no errors.
    """

    class_names: tuple[str, ...]
    counts: dict[str, Any]
    images: int
    instances: InstanceFigures | None
    calibration: CalibrationCounts | None
    coverage: CoverageCounts | None

    @property
    def figures(self) -> tuple[ClassFigure, ...]:
        """The figures of every metric of classes; NaN for classes that the truth does not have."""
        present = self.confusion.any(axis=1)
        return tuple(
            replace(figure, values=np.where(present, figure.values, np.nan))
            for name, metric in CLASS_METRICS.items()
            for figure in metric.figures(self.counts[name])
        )

    @property
    def not_counted(self) -> dict[str, int]:
        """Classes without a pixel in the truth, and how many pixels were taken for each."""
        truth_px, taken_px = (self.confusion.sum(axis=axis).tolist() for axis in (1, 0))
        of_classes = zip(self.class_names, truth_px, taken_px, strict=True)
        return {name: taken for name, true, taken in of_classes if not true}

    @property
    def confusion(self) -> Int64Array:
        """Pixels by their class and the class that they were taken for, (K, K), rows the truth."""
        confusion: Int64Array = self.counts[CONFUSION.name]
        return confusion

    @property
    def mean_iou(self) -> float:
        """Mean of ``iou`` over the classes that the truth has; NaN for fewer than two of them."""
        return mean_iou(self.confusion)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels whose class is right."""
        return pixel_accuracy(self.confusion)

    @property
    def iou(self) -> Float64Array:
        """Intersection over union of every class, (K,); NaN where the truth has none."""
        return iou_per_class(self.confusion)

    @property
    def dice(self) -> Float64Array:
        """Dice coefficient of every class, (K,); NaN where the truth has none."""
        return dice_per_class(self.confusion)

    @property
    def boundary_f(self) -> dict[float, float]:
        """Boundary F by tolerance in pixels: the mean over the classes that have boundaries."""
        return {
            float(figure.variant): figure.mean
            for figure in self.figures
            if figure.key == BOUNDARY_KEY and figure.variant is not None
        }

    def describe_not_counted(self) -> str:
        """What is missing in the truth, as a sentence; empty where nothing is."""
        absent = self.not_counted
        if not absent:
            return ""
        taken_px = sum(absent.values())
        mistaken = f" (taken for them: {count_noun(taken_px, 'pixel')})" if taken_px else ""
        alone = len(self.class_names) - len(absent) < 2
        return f"No pixel of {list_first(list(absent), limit=5)} in these images: not counted" + (
            f"{mistaken}. One class alone has no mean." if alone else f"{mistaken}."
        )

    def to_dict(self) -> dict[str, object]:
        """The figures as what JSON can hold; what is not known (NaN) is None."""
        written: dict[str, Any] = {"pixel_accuracy": or_none(self.pixel_accuracy)}
        areas_px = self.confusion.sum(axis=1).tolist()
        classes: list[dict[str, Any]] = [{"truth_px": area_px} for area_px in areas_px]
        for one in self.figures:
            if one.variant is None:
                written[f"mean_{one.key}"] = or_none(one.mean)
            else:
                written.setdefault(one.key, {})[one.variant] = or_none(one.mean)
            for of_class, value in zip(classes, one.values.tolist(), strict=True):
                if one.variant is None:
                    of_class[one.key] = or_none(value)
                else:
                    of_class.setdefault(one.key, {})[one.variant] = or_none(value)
        return {
            **written,
            "not_counted": list(self.not_counted),
            "images": self.images,
            "instances": self.instances and self.instances.to_dict(),
            "coverage": self.coverage and self.coverage.to_dict(self.class_names),
            "classes": dict(zip(self.class_names, classes, strict=True)),
        }

    def __repr__(self) -> str:
        """The figures on a few lines."""
        return "\n  ".join([f"<GroupFigures of {self.images} images", *self._describe()]) + ">"

    def _describe(self) -> list[str]:
        """Means of all metrics, IoU of the classes, and objects where there are any."""
        means = [f"{one.title} {format_figure(one.mean)}" for one in self.figures]
        ious = [
            f"{name} {format_figure(value)}"
            for name, value in zip(self.class_names, self.iou, strict=True)
        ]
        return [
            f"mean {', '.join(means)}",
            f"pixel accuracy {format_figure(self.pixel_accuracy)}",
            join_briefly("IoU", ious),
            *filter(None, [self.describe_not_counted()]),
            *([] if self.instances is None else [f"objects: {self.instances.describe()}"]),
        ]


@dataclass(frozen=True, eq=False, repr=False)
class Report(GroupFigures):
    """How well a method does on labelled images; all figures are those of the summed counts.

    ``rows``: one per image, the worst first. ``groups``: the same figures for groups of images,
    empty if none were asked for. ``seconds_per_image``: the median.
    """

    rows: tuple[ImageRow, ...]
    groups: dict[str, GroupFigures]
    seconds_per_image: float

    @property
    def unlike(self) -> int | None:
        """How many images are unlike the model's own; None for a method that does not know."""
        surprises = [row.surprise for row in self.rows if row.surprise is not None]
        return sum(surprise > 1 for surprise in surprises) if surprises else None

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
        return {
            **super().to_dict(),
            "expected_calibration_error": or_none(self.expected_calibration_error),
            "unlike": self.unlike,
            "seconds_per_image": self.seconds_per_image,
            "groups": {name: group.to_dict() for name, group in self.groups.items()},
            "confusion": self.confusion.tolist(),
            "reliability": self.reliability and [_bin_to_dict(row) for row in self.reliability],
            "per_image": [
                {
                    "name": row.name,
                    "mean_iou": or_none(row.mean_iou),
                    "pixel_accuracy": or_none(row.pixel_accuracy),
                    "instances": row.instances and asdict(row.instances),
                    "surprise": row.surprise,
                }
                for row in self.rows
            ],
        }

    def __repr__(self) -> str:
        """The figures on at most ten lines."""
        lines = [
            f"<Report on {self.images} images, {1000 * self.seconds_per_image:.1f} ms each",
            *self._describe(),
        ]
        if self.groups:
            groups = [
                f"{name} {format_figure(group.mean_iou)}" for name, group in self.groups.items()
            ]
            lines.append(join_briefly("mean IoU by group", groups))
        if self.images > 1:
            lines.append(
                f"worst image: {self.rows[0].name}, mean IoU {format_figure(self.rows[0].mean_iou)}"
            )
        return "\n  ".join(lines) + ">"

    def _repr_html_(self) -> str:
        """What ``repr`` says, and the figures of every class as a table, for a notebook."""
        columns = {one.title: one.values for one in self.figures}
        rows = [
            (name, *(format_figure(values[index]) for values in columns.values()))
            for index, name in enumerate(self.class_names)
        ]
        heads = "".join(f"<th>{escape(title)}</th>" for title in columns)
        head = f'<tr><th style="text-align:left">class</th>{heads}</tr>'
        body = "".join(
            f'<tr><td style="text-align:left">{escape(name)}</td>'
            f"{''.join(f'<td>{figure}</td>' for figure in figures)}</tr>"
            for name, *figures in rows
        )
        return f"<pre>{escape(repr(self))}</pre><table>{head}{body}</table>"


def join_briefly(title: str, entries: Sequence[str]) -> str:
    """Entries on one line, and how many more there are where they do not fit.

    >>> join_briefly("IoU", ["sky 0.912"] * 12)
    'IoU: sky 0.912, sky 0.912, sky 0.912, sky 0.912, sky 0.912, sky 0.912, sky 0.912 and 5 more'
    """
    line = f"{title}: {', '.join(entries)}"
    shown = len(entries)
    while len(line) > LINE_LENGTH and shown > 1:
        shown -= 1
        line = f"{title}: {', '.join(entries[:shown])} and {len(entries) - shown} more"
    return line


def _bin_to_dict(row: ReliabilityRow) -> dict[str, object]:
    return {
        "low": row.low,
        "high": row.high,
        "count": row.count,
        "confidence": or_none(row.confidence),
        "accuracy": or_none(row.accuracy),
    }
