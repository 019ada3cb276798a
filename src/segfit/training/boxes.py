"""Training of the box network, from the first step to the last; it needs no other regressor.

Shapes: ``B`` boxes; ``M`` matches; edges are top, right, bottom, left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segfit.arrays import BoolArray, Float64Array, Int32Array, Int64Array, UInt8Array
from segfit.classes import IGNORE
from segfit.classification.decision import Decision, decide_partition
from segfit.datasets import Dataset
from segfit.metrics.boxes import box_iou
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture
from segfit.networks.box_regressor import BoxRegressor
from segfit.partition import LabelGrid, Partition, partition_of, rasterize
from segfit.refinement.boxes import (
    LARGEST_INWARDS,
    MARGIN,
    BoxNetwork,
    BoxPatches,
    find_edge_offsets,
    fit_boxes,
    measure_sides,
    regress_boxes,
    sample_patches,
)
from segfit.refinement.outlines import OutlineNetwork, refine_outlines
from segfit.refinement.truth import draw_first_outlines
from segfit.result.regions import OrientedBox, fit_box
from segfit.result.scores import Scores
from segfit.training.data.perturbation import perturb_scores
from segfit.training.events import RectangleRound
from segfit.training.outlines import LARGEST_SURPRISE, fit_temperature
from segfit.training.plan.plan import Plan
from segfit.training.regression import RegressionTraining

DRAWS_PER_VIEW = 4
"""First outlines that a view is seen through; a view costs more than they do."""
BETA = 0.05
"""Of a side: from here on an offset's loss grows in proportion."""
ERROR_WEIGHT = 0.1
"""Of the likelihood of offset and error beside the distance and the overlap."""
SMALLEST_AREA_PX = 16.0
"""The rectangle of fewer labelled pixels says little about the object's."""


@dataclass(frozen=True)
class TrueBoxes:
    """Regions of first outlines whose true rectangle is known, (M,) each."""

    regions: list[int]
    boxes: list[OrientedBox]


def find_true_boxes(
    first: Partition,
    labels: UInt8Array,
    objects: Int32Array | None = None,
    *,
    background: int | None,
) -> TrueBoxes:
    """Match regions one to one with the labels' own, (H, W), and fit a rectangle to these.

    ``objects``: (H, W), those of different numbers are regions of their own. Two regions of a class
    match where they share more than half of each. Regions of the background, very small ones, and
    labelled ones beside ignored pixels are left out.
    """
    truth = partition_of(LabelGrid(labels, objects))
    matches = match_regions(first, truth)
    usable = truth.labels != IGNORE
    if background is not None:
        usable &= truth.labels != background
    usable &= truth.region_areas_px >= SMALLEST_AREA_PX
    usable &= ~_beside_ignored(truth)
    chosen = matches[usable[matches[:, 1]]]
    rings = [truth.points[truth.loop_points(truth.loops_of(int(r)).start)] for r in chosen[:, 1]]
    return TrueBoxes(chosen[:, 0].tolist(), [fit_box(halve_steps(ring)) for ring in rings])


def match_regions(first: Partition, second: Partition) -> Int64Array:
    """Pairs (M, 2) of regions of one class that share more than half of the pixels of each."""
    of_first, of_second = rasterize(first).ravel(), rasterize(second).ravel()
    pairs, shared = np.unique(
        of_first.astype(np.int64) * second.region_count + of_second, return_counts=True
    )
    mine, other = np.divmod(pairs, second.region_count)
    alike = first.labels[mine] == second.labels[other]
    most_of_both = np.maximum(np.bincount(of_first)[mine], np.bincount(of_second)[other])
    return np.asarray(np.stack([mine, other], axis=1)[alike & (2 * shared > most_of_both)])


def halve_steps(ring: Float64Array) -> Float64Array:
    """Middles of all pixel sides along a ring of a label grid, (N, 2).

    The corners of its staircases stand out beyond a slanting edge, the middles lie about it.
    """
    ahead = np.roll(ring, -1, axis=0) - ring
    lengths = np.abs(ahead).sum(axis=1).round().astype(np.int64)
    corner = np.repeat(np.arange(len(ring)), lengths)
    number = np.arange(len(corner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(ring[corner] + ahead[corner] * ((number + 0.5) / lengths[corner])[:, None])


def _beside_ignored(truth: Partition) -> BoolArray:
    beside = np.zeros(truth.region_count, bool)
    inner = truth.sides[~truth.is_edge]
    ignored = truth.labels[inner] == IGNORE
    beside[inner[ignored.any(axis=1)]] = True
    return beside


@dataclass
class RectangleJudgement:
    """Rectangles beside the true ones, before and after their edges were moved.

    An entry is a rectangle's: its IoU with the true one, and (4,) signed errors of the edges and
    claimed standard errors in pixels. ``iou_of_outlines``: that of the rectangles of refined
    outlines.
    """

    iou_before: list[float] = field(default_factory=list)
    iou: list[float] = field(default_factory=list)
    errors_before_px: list[Float64Array] = field(default_factory=list)
    errors_px: list[Float64Array] = field(default_factory=list)
    claimed_px: list[Float64Array] = field(default_factory=list)
    iou_of_outlines: list[float] = field(default_factory=list)

    def add(self, first: OrientedBox, moved: OrientedBox, truth: OrientedBox) -> None:
        """Note a rectangle before and after; the true one is the same."""
        self.iou_before.append(box_iou(first, truth))
        self.iou.append(box_iou(moved, truth))
        self.errors_before_px.append(measure_edge_errors(first, truth))
        self.errors_px.append(measure_edge_errors(moved, truth))
        claimed = moved.error_px
        self.claimed_px.append(np.full(4, np.nan) if claimed is None else claimed)

    @property
    def mean_iou_of_outlines(self) -> float:
        """Mean IoU of the rectangles of refined outlines, NaN where none were judged."""
        return _mean(self.iou_of_outlines)

    @property
    def beats_outlines(self) -> bool:
        """Whether the moved rectangles are better than those of the refined outlines."""
        return _mean(self.iou) > self.mean_iou_of_outlines

    @property
    def temperature(self) -> float:
        """What claimed errors must be multiplied by to be standard errors."""
        return fit_temperature(self._surprises())

    def to_dict(self) -> dict[str, float]:
        """Mean IoUs, mean distances of the edges, and the share of them within the claim."""
        surprises = self._surprises()
        return {
            "iou_before": _mean(self.iou_before),
            "iou": _mean(self.iou),
            "edge_error_before_px": _mean(np.abs(self.errors_before_px)),
            "edge_error_px": _mean(np.abs(self.errors_px)),
            "within_one": _mean(surprises < 1),
        }

    def _surprises(self) -> Float64Array:
        surprises = np.abs(self.errors_px) / np.array(self.claimed_px)
        return np.asarray(surprises[np.isfinite(surprises)])


class RectangleTraining(RegressionTraining[RectangleRound, BoxRegressor]):
    """Training of the network that moves the edges of rectangles."""

    round_type = RectangleRound

    def _build(self, classifier: ClassifierArchitecture | None, plan: Plan) -> BoxRegressor:
        features = 0 if classifier is None else classifier.feature_width
        return BoxRegressor(BoxArchitecture(features=features))

    def judge(
        self, dataset: Dataset, *, outlines: OutlineNetwork | None = None
    ) -> RectangleJudgement:
        """Compare rectangles before and after with the true ones.

        ``outlines``: also those of the outlines that this network refines.
        """
        network = as_box_network(self.averaged)
        judgement = RectangleJudgement()
        for number, example in enumerate(dataset):
            rng = np.random.default_rng((self.seed, number))
            scores = self.score(example.image) if self.score else None
            first = self._begin(example.labels, scores, rng)
            true = find_true_boxes(
                first,
                example.labels,
                example.objects if tells_objects(scores) else None,
                background=self.validation.classes.background,
            )
            moved = regress_boxes(
                first, true.regions, example.image, network=network, scores=scores
            )
            for boxes in zip(fit_boxes(first, true.regions), moved, true.boxes, strict=True):
                judgement.add(*boxes)
            if outlines is not None:
                refined, _ = refine_outlines(first, example.image, network=outlines, scores=scores)
                of_outlines = zip(fit_boxes(refined, true.regions), true.boxes, strict=True)
                judgement.iou_of_outlines += [box_iou(box, truth) for box, truth in of_outlines]
        return judgement

    def _learn(self) -> float:
        """Look at one view through several first outlines, and learn from each."""
        rng = np.random.default_rng((self.seed, self.step))
        view = self.views(self.step)
        seen = self.score(view.image) if self.score else None
        background = self.validation.classes.background
        losses = []
        for _ in range(DRAWS_PER_VIEW):
            scores = None if seen is None else perturb_scores(seen, rng)
            first = self._begin(view.labels, scores, rng)
            objects = view.objects if tells_objects(scores) else None
            true = find_true_boxes(first, view.labels, objects, background=background)
            if not true.regions:
                continue
            boxes = fit_boxes(first, true.regions)
            grid_points = self.network.architecture.grid_points
            patches = sample_patches(
                boxes, true.regions, first, view.image, scores, grid_points=grid_points
            )
            offsets, log_errors = self.network.answer(*as_tensors(patches))
            targets = torch.from_numpy(find_edge_offsets(boxes, true.boxes)).float()
            loss = box_loss(offsets, log_errors, targets)
            losses.append(self._descend(loss))
        self._average()
        return sum(losses) / max(1, len(losses))

    def _begin(
        self, labels: UInt8Array, scores: Scores | None, rng: np.random.Generator
    ) -> Partition:
        """Regions whose rectangles are to be moved."""
        if scores is None:
            return draw_first_outlines(labels, len(self.validation.classes), rng)[0]
        return decide_partition(scores, Decision(self.threshold), self.validation.classes)


def tells_objects(scores: Scores | None) -> bool:
    """Whether first outlines are those of objects and not of whatever touches."""
    return scores is not None and scores.object_maps is not None


def box_loss(offsets: Tensor, log_errors: Tensor, targets: Tensor) -> Tensor:
    """Distance of the edges, overlap of the rectangles, and likelihood of offset and error.

    All (B, 4), in shares of the sides; a target that the network cannot say counts as the nearest
    that it can.
    """
    reached = targets.clamp(-LARGEST_INWARDS, MARGIN)
    distance = F.smooth_l1_loss(offsets, reached, beta=BETA)
    overlap = frame_iou(offsets, reached).mean()
    surprise = (offsets - reached) * torch.exp(-log_errors)
    bounded = surprise.clamp(-LARGEST_SURPRISE, LARGEST_SURPRISE)
    unlikelihood = (log_errors + 0.5 * bounded.square()).mean()
    return distance + (1 - overlap) + ERROR_WEIGHT * unlikelihood


def frame_iou(offsets: Tensor, targets: Tensor) -> Tensor:
    """IoU (B,) of rectangles given by the offsets (B, 4) of their edges in a common frame."""
    shared = 1 + torch.minimum(offsets, targets)
    shared = shared[:, :2] + shared[:, 2:] - 1
    sides, target_sides = (1 + x[:, :2] + x[:, 2:] for x in (offsets, targets))
    area = shared.clamp(min=0).prod(dim=1)
    return area / (sides.prod(dim=1) + target_sides.prod(dim=1) - area)


def measure_edge_errors(box: OrientedBox, truth: OrientedBox) -> Float64Array:
    """How far outwards the edges of the true rectangle are, rotated as the box is, (4,), in pixels.

    Top, right, bottom, left of the box.
    """
    across = measure_sides([box])[0, [1, 0, 1, 0]]
    return np.asarray(find_edge_offsets([box], [truth])[0] * across)


def as_tensors(patches: BoxPatches) -> list[Tensor]:
    """The network's inputs, in its order."""
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in patches.inputs().values()]


def as_box_network(network: BoxRegressor) -> BoxNetwork:
    """A torch module as what ``regress_boxes`` runs."""
    return BoxNetwork(network.run, network.architecture)


def _mean(values: Any) -> float:
    return float(np.mean(values)) if np.size(values) else math.nan
