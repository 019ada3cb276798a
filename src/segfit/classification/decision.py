"""Scores → labels and objects: what counts as what.

Shapes: ``H, W`` the image; ``h, w`` the score grid; ``K`` classes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.classes import ClassTable
from segfit.classification.grouping import group_objects
from segfit.errors import SegfitError
from segfit.partition import LabelGrid, Partition, merge_small_regions, partition_of
from segfit.result.scores import Scores

EVEN_CHANCE = 0.5


@dataclass(frozen=True)
class Decision:
    """When a probability is enough: the settings of a prediction.

    ``threshold``, for models of background and foreground: the probability from which on a pixel is
    foreground; None for the model's own. ``reject``, for models of several classes: pixels whose
    best class has a lower probability become background. ``min_area_px``: regions and objects
    smaller than that, in pixels of the image, go to a neighbour. ``certainty``, for models of
    background and foreground that tell objects apart: how far from the threshold (0) to 1 the mean
    probability of an object's pixels has to lie; None for the model's own.

    Raises ``SegfitError`` for what is not a probability, and for an area below 0.
    """

    threshold: float | None = None
    reject: float = 0.0
    min_area_px: float = 0.0
    certainty: float | None = None

    def __post_init__(self) -> None:
        for name, value in (
            ("threshold", self.threshold),
            ("reject", self.reject),
            ("certainty", self.certainty),
        ):
            if value is not None and not 0 <= value <= 1:
                raise SegfitError(f"{name} is a probability from 0 to 1, given {value}")
        if not 0 <= self.min_area_px < math.inf:
            raise SegfitError(f"min_area_px is 0 px or more, given {self.min_area_px}")

    @property
    def least_certain(self) -> float:
        """The mean probability that the pixels of an object must have."""
        threshold = EVEN_CHANCE if self.threshold is None else self.threshold
        return threshold + (self.certainty or 0) * (1 - threshold)

    def check_use(self, classes: ClassTable, *, tells_objects_apart: bool, model: str) -> None:
        """Raise ``SegfitError`` for a setting that a model of these classes has no use for."""
        if self.threshold is not None and not classes.is_binary:
            raise SegfitError(
                f"{model} tells {len(classes)} classes apart ({', '.join(classes.names)}), and a "
                "threshold is for background and one foreground class: leave it out, or give "
                "reject instead"
            )
        if self.reject > 0 and (classes.is_binary or classes.background is None):
            remedy = "give threshold instead" if classes.is_binary else "it has no background class"
            raise SegfitError(
                f"{model} has no use for reject, which gives the unsure pixels of several classes "
                f"to their background: {remedy}"
            )
        if self.certainty is not None and not (tells_objects_apart and classes.is_binary):
            raise SegfitError(
                f"{model} has no use for certainty, which is for models of background and "
                "foreground with a network that tells objects apart: leave it out"
            )


def decide(
    scores: Scores,
    decision: Decision,
    classes: ClassTable,
    *,
    shape: tuple[int, int] | None = None,
    radii_cells: Mapping[int, float] | None = None,
) -> LabelGrid:
    """Labels of every pixel, (H, W), and the objects of classes that have any.

    Objects are told apart where the network has maps for them, see ``group_objects``, and those of
    which a model of background and foreground is unsure are left out, see ``drop_unsure``; without
    such maps there are none. ``shape``: of another grid over the image, such as
    ``scores.outline_shape``. ``radii_cells``: see ``group_objects``.
    """
    grid = LabelGrid(decide_labels(scores, decision, background=classes.background, shape=shape))
    height, width = scores.image_shape
    if classes.object_classes and scores.offsets is not None:
        cells_per_label, origin_cells = scores.relate_to(grid.shape)
        grid = group_objects(
            grid.labels,
            classes.object_classes,
            scores.offsets,
            cells_per_label=cells_per_label,
            origin_cells=origin_cells,
            radii_cells=radii_cells,
        )
        if decision.certainty:
            grid = drop_unsure(grid, scores, decision)
    least = decision.min_area_px * grid.labels.size / (height * width)
    return merge_small_regions(grid, least) if least > 0 else grid


def drop_unsure(grid: LabelGrid, scores: Scores, decision: Decision) -> LabelGrid:
    """The same without objects of whose pixels a model is less sure, on the whole, than it has to.

    A true object is sure but for its border; what is taken for one by mistake is unsure throughout.
    ``scores``: of a model of background and foreground. ``decision``: see its ``certainty``.
    """
    assert grid.objects is not None
    pixels = np.flatnonzero(grid.objects).astype(np.int32)
    if len(pixels) == 0:
        return grid
    numbers = grid.objects.ravel()[pixels]
    chances = scores.to_probabilities(shape=grid.shape, pixels=pixels)[1]
    means = np.bincount(numbers, weights=chances) / np.maximum(np.bincount(numbers), 1)
    is_sure = means >= decision.least_certain
    is_sure[0] = False
    if is_sure[1:].all():
        return grid
    kept = (np.cumsum(is_sure) * is_sure).astype(np.int32)[grid.objects]
    dropped = (grid.objects > 0) & (kept == 0)
    return LabelGrid(np.where(dropped, np.uint8(0), grid.labels), kept)


def decide_partition(scores: Scores, decision: Decision, classes: ClassTable) -> Partition:
    """Regions of the image and their first outlines, from labels on ``scores.outline_shape``.

    Touching objects are regions of their own.
    """
    grid = decide(scores, decision, classes, shape=scores.outline_shape)
    return partition_of(grid).stretch(scores.image_shape)


def decide_labels(
    scores: Scores,
    decision: Decision,
    *,
    background: int | None = 0,
    shape: tuple[int, int] | None = None,
) -> UInt8Array:
    """Most probable class of every pixel, (H, W) uint8, or on another grid over the image.

    With one output, a pixel is foreground where its probability exceeds the threshold, 0.5 if none
    is given. With K outputs, pixels whose best class is less probable than ``reject`` become
    ``background``. ``shape``: the image's, if not given.
    """
    shape = shape or scores.image_shape
    if len(scores.logits) == 1:
        (plane,) = scores.upsample(shape)
        threshold = EVEN_CHANCE if decision.threshold is None else decision.threshold
        return (plane > find_logit(threshold)).view(np.uint8)
    labels, best = _best_class(scores, shape)
    if decision.reject > 0 and background is not None:
        labels[_measure_confidence(scores, best) < decision.reject] = background
    return labels


def _best_class(scores: Scores, shape: tuple[int, int]) -> tuple[UInt8Array, Float32Array]:
    """Class of the highest logit, and that logit, (H, W) each."""
    planes = scores.upsample(shape)
    best = next(planes)
    labels = np.zeros(best.shape, np.uint8)
    for index, plane in enumerate(planes, start=1):
        is_better = plane > best
        # Indices rise, so the larger of old and new label is the newer one.
        np.maximum(labels, is_better.view(np.uint8) * np.uint8(index), out=labels)
        cv2.max(best, plane, dst=best)
    return labels, best


def _measure_confidence(scores: Scores, best: Float32Array) -> Float32Array:
    """Softmax probability of the best class, of the shape of its logit ``best``."""
    total = np.zeros_like(best)
    height, width = best.shape
    for plane in scores.upsample((height, width)):
        total += np.exp(plane - best)
    return np.reciprocal(total)


def find_logit(probability: float) -> float:
    """The logit whose sigmoid a probability is; infinite for 0 and 1."""
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
