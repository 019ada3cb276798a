"""Figures with intervals: what they would be had other images of the kind been labelled.

Shapes: ``N`` images, ``R`` resamples, ``F`` figures.

Pixels of an image are alike, so that images, not pixels, are drawn anew: N of them with
replacement, R times, and every figure is computed from the sum of the drawn images' counts, as it
is for the whole data set. Percentiles of a figure's R values are its interval, widened for few
images as Hesterberg (The American Statistician 2015) has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
from scipy.stats import norm, t

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.evaluation.coverage import CoverageCounts, no_coverage
from segfit.evaluation.instances import InstanceFigures
from segfit.evaluation.report import GroupFigures
from segfit.metrics.calibration import CalibrationCounts, no_calibration

Counts = TypeVar("Counts")
Key = tuple[str, int | None]
"""A figure's title, and the index of its class, bin or group; None for a figure of all."""

RESAMPLES = 2000
LEVEL = 0.95
FEWEST_DRAWS = 200
"""Resamples in which a figure can be measured, for an interval to be made of them."""
FEWEST_IMAGES = 5
"""Of fewer, an interval holds the truth too seldom: see the decisions."""
_MOST_VALUES = 1 << 22  # of sums that are in memory at a time

ACCURACY: Key = ("pixel accuracy", None)
MEAN_IOU: Key = ("IoU", None)
CALIBRATION_ERROR: Key = ("expected calibration error", None)
OVERCONFIDENCE: Key = ("overconfidence", None)
RIGHT = "accuracy by confidence"
"""Title of the accuracy of each bin's pixels."""
WITHIN_ONE, WITHIN_TWO = "within 1 standard error", "within 2 standard errors"
"""Titles of shares of outlines' points, by the index of their group in ``CoverageCounts``."""


@dataclass(frozen=True)
class Interval:
    """Made so that it holds a figure's true value for 95 of 100 sets of images."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A figure, NaN where there is nothing to measure, and its interval where there is one.

    ``images``: how many have a part in it.
    """

    value: float
    interval: Interval | None
    images: int


@dataclass(frozen=True, eq=False)
class Resampled:
    """Figures of the images as they are, (F,), and of each resample, (R, F).

    ``images``: (F,), how many have a part in a figure.
    """

    keys: tuple[Key, ...]
    images: Int64Array
    value: Float64Array
    drawn: Float64Array

    def __sub__(self, other: Resampled) -> Resampled:
        """The differences, image drawn by image drawn."""
        return replace(self, value=self.value - other.value, drawn=self.drawn - other.drawn)

    def take(self, keys: Sequence[Key]) -> Resampled:
        """These figures alone."""
        places = [self.keys.index(key) for key in keys]
        return Resampled(
            tuple(keys), self.images[places], self.value[places], self.drawn[:, places]
        )

    def estimate(self) -> dict[Key, Estimate]:
        """Every figure with its interval."""
        columns = zip(
            self.keys, self.value.tolist(), self.drawn.T, self.images.tolist(), strict=True
        )
        return {
            key: Estimate(value, find_interval(value, drawn, images=images), images)
            for key, value, drawn, images in columns
        }


def resample(
    of_images: Sequence[GroupFigures], *, resamples: int = RESAMPLES, seed: int = 0
) -> Resampled:
    """Draw images anew and measure each time; the same seed and number draw the same images.

    A resample that lacks a class which the images have tells nothing of that class, nor of a mean
    over the classes: NaN there.
    """
    whole = add_up(of_images)
    figures = list_figures(whole, whole)
    count = len(of_images)
    draws = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    return Resampled(
        keys=tuple(figures),
        images=np.array([_count_images(key, of_images) for key in figures]),
        value=np.array(list(figures.values())),
        drawn=np.array(
            [list(list_figures(one, whole).values()) for one in weigh(of_images, draws)]
        ),
    )


def list_figures(figures: GroupFigures, whole: GroupFigures) -> dict[Key, float]:
    """Every figure by its title and class; means are NaN where a class of ``whole`` is missing."""
    of_classes = figures.figures
    is_complete = bool((figures.confusion.any(axis=1) >= whole.confusion.any(axis=1)).all())
    listed: dict[Key, float] = {ACCURACY: figures.pixel_accuracy}
    for one in of_classes:
        listed[one.title, None] = one.mean if is_complete else math.nan
        listed |= {(one.title, index): value for index, value in enumerate(one.values.tolist())}
    objects, all_objects = figures.instances, whole.instances
    if objects is not None and all_objects is not None:
        is_complete = bool(((objects.counts.true > 0) >= (all_objects.counts.true > 0)).all())
        of_objects = list_object_figures(objects)
        listed |= {(t, None): v if is_complete else math.nan for t, v in of_objects.items()}
    if figures.calibration is not None:
        listed |= list_calibration(figures.calibration)
    return listed if figures.coverage is None else listed | list_coverage(figures.coverage)


def list_object_figures(objects: InstanceFigures) -> dict[str, float]:
    """The figures of objects, by their titles."""
    precision = objects.average_precision
    return {
        "AP@0.5": precision[0.5],
        "AP@0.75": precision[0.75],
        "mean AP": objects.mean_average_precision,
        "PQ": objects.panoptic_quality,
        "AJI": objects.aggregated_jaccard,
    }


def list_calibration(counts: CalibrationCounts) -> dict[Key, float]:
    """How far probabilities are off, and how often the pixels of each bin are right."""
    rows = enumerate(counts.rows())
    return {
        CALIBRATION_ERROR: counts.expected_error,
        OVERCONFIDENCE: counts.overconfidence,
        **{(RIGHT, index): row.accuracy for index, row in rows},
    }


def list_coverage(counts: CoverageCounts) -> dict[Key, float]:
    """How often the points of each group are within one and two of their standard errors."""
    return {
        key: share
        for group, one in enumerate(counts.groups)
        for key, share in (
            ((WITHIN_ONE, group), one.within_one),
            ((WITHIN_TWO, group), one.within_two),
        )
    }


def add_up(of_images: Sequence[GroupFigures]) -> GroupFigures:
    """The figures of all images together."""
    (whole,) = weigh(of_images, np.ones((1, len(of_images)), np.int64))
    return whole


def weigh(of_images: Sequence[GroupFigures], weights: Int64Array) -> Iterator[GroupFigures]:
    """Figures of the images' sum, each as often in it as a row of ``weights`` (R, N) says."""
    first = of_images[0]
    metrics = {name: [one.counts[name] for one in of_images] for name in first.counts}
    sums = {name: sum_counts(counts, weights) for name, counts in metrics.items()}
    objects = [one.instances.counts for one in of_images if one.instances is not None]
    object_sums = sum_counts(objects, weights) if first.instances is not None else None
    sure = [one.calibration or no_calibration() for one in of_images]
    sure_sums = sum_counts(sure, weights) if first.calibration is not None else None
    outlined = [one.coverage or no_coverage(len(one.class_names)) for one in of_images]
    has_outlines = any(one.coverage is not None for one in of_images)
    outline_sums = sum_counts(outlined, weights) if has_outlines else None
    for row in weights:
        instances = None
        if object_sums is not None and first.instances is not None:
            instances = InstanceFigures(next(object_sums), first.instances.object_classes)
        counts = {name: next(of_metric) for name, of_metric in sums.items()}
        calibration = None if sure_sums is None else next(sure_sums)
        coverage = None if outline_sums is None else next(outline_sums)
        yield GroupFigures(
            first.class_names, counts, int(row.sum()), instances, calibration, coverage
        )


def sum_counts(counts: Sequence[Counts], weights: Int64Array) -> Iterator[Counts]:
    """Sums of images' counts, arrays or dataclasses of arrays, one for each row of ``weights``."""
    arrays = [_take_arrays(one) for one in counts]
    flat = {name: np.stack([one[name].ravel() for one in arrays]) for name in arrays[0]}
    of_images = np.concatenate(list(flat.values()), axis=1).astype(np.float64)
    at_a_time = max(1, _MOST_VALUES // max(1, of_images.shape[1]))
    for start in range(0, len(weights), at_a_time):
        for row in weights[start : start + at_a_time].astype(np.float64) @ of_images:
            parts: dict[str, Float64Array | Int64Array] = {}
            at = 0
            for name, example in arrays[0].items():
                part = row[at : at + example.size].reshape(example.shape)
                at += example.size
                is_whole = np.issubdtype(example.dtype, np.integer)
                parts[name] = np.rint(part).astype(np.int64) if is_whole else part
            yield _put_arrays(counts[0], parts)


def find_interval(
    value: float, drawn: Float64Array, *, images: int, level: float = LEVEL
) -> Interval | None:
    """The interval of a figure; None where too few images or resamples have it.

    ``drawn``: (R,), the figure of every resample, NaN where it could not be measured. ``images``:
    how many have a part in it.
    """
    known = drawn[~np.isnan(drawn)]
    if math.isnan(value) or images < FEWEST_IMAGES or len(known) < FEWEST_DRAWS:
        return None
    if (known == value).all():
        return Interval(value, value)
    far = math.sqrt(images / (images - 1)) * t.ppf((1 + level) / 2, images - 1)
    low, high = np.quantile(known, norm.cdf([-far, far])).tolist()
    return Interval(low, high)


def _count_images(key: Key, of_images: Sequence[GroupFigures]) -> int:
    """How many images have the class, bin or group of a figure; all of them for a figure of all."""
    title, index = key
    if index is None:
        return sum(bool(one.confusion.any()) for one in of_images)
    if title == RIGHT:
        known = [one.calibration for one in of_images if one.calibration is not None]
        return sum(bool(one.count[index]) for one in known)
    if title in (WITHIN_ONE, WITHIN_TWO):
        outlined = [one.coverage for one in of_images if one.coverage is not None]
        return sum(bool(one.points[index]) for one in outlined)
    return sum(bool(one.confusion[index].any()) for one in of_images)


def _take_arrays(counts: object) -> Mapping[str, Float64Array | Int64Array]:
    if isinstance(counts, np.ndarray):
        return {"": counts}
    named = {one.name: getattr(counts, one.name) for one in fields(counts)}  # type: ignore[arg-type]
    return {name: value for name, value in named.items() if isinstance(value, np.ndarray)}


def _put_arrays(example: Counts, parts: Mapping[str, Float64Array | Int64Array]) -> Counts:
    if isinstance(example, np.ndarray):
        return parts[""]  # type: ignore[return-value]
    return replace(example, **parts)  # type: ignore[type-var]
