"""A regression network over labelled images → how far off outlines are, before and after.

Shapes: ``V`` points of outlines, those on the images' edges left out.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

import numpy as np

from segfit.basics.arrays import Float64Array, Int64Array, UInt8Array
from segfit.basics.progress import OnProgress, Spread, do_in_order
from segfit.basics.show import show_briefly
from segfit.classes import ClassTable
from segfit.evaluation.counting import count_images
from segfit.evaluation.examples import LabelledExamples, make_lookup, match_classes
from segfit.metrics.boundary import BoundaryCounts, count_boundaries, no_boundaries
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.metrics.figures import mean_of_known, or_none
from segfit.partition import Partition, rasterize_labels
from segfit.refinement.truth import Truth, draw_first_outlines, measure_errors, read_truth


class OutlineMethod(Protocol):
    """Moves outlines; a ``Refiner`` is one, and a ``Segmenter`` with a regression network."""

    def refine(self, partition: Partition, image: UInt8Array, *, cell_px: float) -> Partition:
        """Move outlines that are about ``cell_px`` off, over an image (H, W, 3) uint8 RGB."""
        ...


@dataclass(frozen=True, eq=False, repr=False)
class OutlineFigures:
    """How far outlines are from the truth's.

    ``errors_px``: (V,) signed distances along the normals of those points that have a true border
    of their two classes within 16 px. ``claimed_px``: (V,) their standard errors, NaN where nobody
    knows them. ``points``: how many there are, with those that have no such border.
    """

    errors_px: Float64Array
    claimed_px: Float64Array
    points: int
    boundaries: BoundaryCounts
    confusion: Int64Array

    @property
    def mean_px(self) -> float:
        """Mean distance from the truth; NaN without points, like the others."""
        return mean_of_known(np.abs(self.errors_px))

    @property
    def rms_px(self) -> float:
        """Root of the mean square distance."""
        return math.sqrt(mean_of_known(self.errors_px**2))

    @property
    def median_px(self) -> float:
        """Median distance."""
        return float(np.median(np.abs(self.errors_px))) if self.errors_px.size else math.nan

    @property
    def boundary_f(self) -> dict[float, float]:
        """Boundary F by tolerance in pixels: the mean over the classes that have boundaries."""
        return self.boundaries.mean_f()

    @property
    def mean_iou(self) -> float:
        """Mean IoU over the classes that appear."""
        return mean_iou(self.confusion)

    def share_within(self, standard_errors: float) -> float:
        """Share of the points that are at most so many of their standard errors off."""
        known = np.isfinite(self.claimed_px)
        sizes_px, claimed_px = np.abs(self.errors_px[known]), self.claimed_px[known]
        return mean_of_known((sizes_px <= standard_errors * claimed_px).astype(np.float64))

    def to_dict(self) -> dict[str, object]:
        """The figures as what JSON can hold; what is not known (NaN) is None."""
        return {
            "error_px_mean": or_none(self.mean_px),
            "error_px_rms": or_none(self.rms_px),
            "error_px_median": or_none(self.median_px),
            "within_1_error_px": or_none(self.share_within(1)),
            "within_2_error_px": or_none(self.share_within(2)),
            "boundary_f": {f"{px:g}": or_none(value) for px, value in self.boundary_f.items()},
            "mean_iou": or_none(self.mean_iou),
            "points": self.points,
            "points_without_truth": self.points - len(self.errors_px),
        }


@dataclass(frozen=True, eq=False, repr=False)
class OutlineReport:
    """Outlines before and after they were refined; ``seconds_per_image``: the median."""

    before: OutlineFigures
    after: OutlineFigures
    images: int
    seconds_per_image: float

    def to_dict(self) -> dict[str, object]:
        """The report as what JSON can hold."""
        return {
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "images": self.images,
            "seconds_per_image": self.seconds_per_image,
        }

    def __repr__(self) -> str:
        """How far off outlines were before and after, on a few lines."""
        lines = [
            f"<OutlineReport on {self.images} images, {1000 * self.seconds_per_image:.1f} ms each"
        ]
        lines += [
            f"{title}: mean distance {one.mean_px:.3f} px, mean IoU {one.mean_iou:.3f}, "
            + ", ".join(f"F@{px:g} px {value:.3f}" for px, value in one.boundary_f.items())
            for title, one in (("before", self.before), ("after", self.after))
        ]
        within = " and ".join(f"{self.after.share_within(errors):.1%}" for errors in (1, 2))
        lines.append(f"within 1 and 2 of their standard errors: {within}")
        return "\n  ".join(lines) + ">"


def evaluate_outlines(
    method: OutlineMethod,
    dataset: LabelledExamples,
    *,
    classes: ClassTable | None = None,
    seed: int = 0,
    spread: Spread = do_in_order,
    on_progress: OnProgress | None = None,
) -> OutlineReport:
    """Refine outlines made coarse from the truth, and compare them with it before and after.

    The first outlines (``outlines.draw_first_outlines``) depend on ``seed`` and an image's place
    in the data, not on the method. ``classes``: the method's, where it tells classes apart.
    ``spread``: as in ``regions.evaluate``. Raises ``SegfitError`` where there are no images, or
    where such classes are not those of the data.
    """
    class_count = len(dataset.classes)
    order = match_classes(dataset.classes if classes is None else classes, dataset.classes)
    count = OutlineCounter(method, dataset, make_lookup(np.argsort(order)), seed)
    counted = count_images(count, len(dataset), spread=spread, on_progress=on_progress)
    return OutlineReport(
        _join([one.before for one in counted], class_count),
        _join([one.after for one in counted], class_count),
        len(dataset),
        median(one.seconds for one in counted),
    )


@dataclass(frozen=True, eq=False)
class CountedOutlines:
    """Figures of an image's outlines before and after, and the seconds between."""

    before: OutlineFigures
    after: OutlineFigures
    seconds: float

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class OutlineCounter:
    """Refines coarse outlines of images of a data set, and compares them with the truth.

    ``numbers``: (256,) the method's index of each of the data's classes.
    """

    method: OutlineMethod
    dataset: LabelledExamples
    numbers: UInt8Array
    seed: int

    __repr__ = show_briefly

    def __call__(self, number: int) -> CountedOutlines:
        """Figures of the image with a number, from 0."""
        example, class_count = self.dataset[number], len(self.dataset.classes)
        labels = self.numbers[example.labels]
        rng = np.random.default_rng((self.seed, number))
        first, cell_px = draw_first_outlines(labels, class_count, rng)
        start = time.perf_counter()
        refined = self.method.refine(first, example.image, cell_px=cell_px)
        seconds = time.perf_counter() - start
        truth = read_truth(labels, class_count)
        return CountedOutlines(
            _compare(first, truth, labels, class_count),
            _compare(refined, truth, labels, class_count),
            seconds,
        )


def _compare(
    outlines: Partition, truth: Truth, labels: UInt8Array, class_count: int
) -> OutlineFigures:
    errors_px, claimed_px = measure_errors(outlines, truth)
    filled = rasterize_labels(outlines)
    return OutlineFigures(
        errors_px=errors_px,
        claimed_px=claimed_px,
        points=int(np.count_nonzero(~outlines.is_edge[outlines.arc_of_point])),
        boundaries=count_boundaries(labels, filled, class_count),
        confusion=confusion_matrix(labels, filled, class_count),
    )


def _join(images: Sequence[OutlineFigures], class_count: int) -> OutlineFigures:
    return OutlineFigures(
        errors_px=np.concatenate([one.errors_px for one in images]),
        claimed_px=np.concatenate([one.claimed_px for one in images]),
        points=sum(one.points for one in images),
        boundaries=sum((one.boundaries for one in images), no_boundaries(class_count)),
        confusion=np.sum([one.confusion for one in images], axis=0),
    )
