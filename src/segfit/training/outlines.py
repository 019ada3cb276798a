"""Training of the regression network, from the first step to the last.

Shapes: ``H, W`` a view of an image; ``V`` vertices of its outlines; ``T`` strip points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segfit.arrays import Float64Array, Int64Array, UInt8Array
from segfit.classification.decision import Decision, decide_partition
from segfit.datasets import Dataset
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.model.architecture import ClassifierArchitecture, OutlineArchitecture
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.partition import Partition, rasterize_labels
from segfit.partition.untangle import untangle
from segfit.refinement.outlines import (
    OutlineNetwork,
    Strips,
    choose_steps,
    move_vertices,
    open_scene,
    refine_outlines,
    sample_strips,
    start_walk,
)
from segfit.refinement.truth import draw_first_outlines, find_offsets, measure_errors, read_truth
from segfit.result.scores import Scores
from segfit.training.data.perturbation import perturb_scores
from segfit.training.data.views import View
from segfit.training.events import OutlineRound
from segfit.training.plan.plan import Plan
from segfit.training.regression import RegressionTraining

LOOKS_PER_VIEW = 3
"""Steps that learn from a view, its scores shaken anew: drawing and classifying one is dear."""
ERROR_WEIGHT = 0.3
"""Of the likelihood of offset and error beside the cross-entropy over strip points."""
TARGET_SPREAD = 0.7
"""Of what the network learns to answer, in steps. A bell has logits that are linear in its place;
those of a share between two points are not, and take long to learn to a hundredth of a pixel."""
LARGEST_SURPRISE = 6.0
"""Standard errors beyond which an offset pulls no harder: labels are wrong now and then."""
NORMAL_SHARES = {1: 0.683, 2: 0.954}
"""Of a normal distribution, within one and two standard deviations."""
LARGEST_LOSS_OF_IOU = 0.003


@dataclass
class Judgement:
    """Outlines of labelled images beside the truth's, before and after they were refined.

    A list's entry is an image's: signed errors and claimed standard errors of points in pixels,
    and confusion matrices.
    """

    before_px: list[Float64Array] = field(default_factory=list)
    after_px: list[Float64Array] = field(default_factory=list)
    claimed_px: list[Float64Array] = field(default_factory=list)
    confusions_before: list[Int64Array] = field(default_factory=list)
    confusions: list[Int64Array] = field(default_factory=list)

    @property
    def temperature(self) -> float:
        """What claimed errors must be multiplied by to be standard errors."""
        return fit_temperature(self.surprises)

    def to_dict(self) -> dict[str, float]:
        """Mean distances from the truth, mean IoUs, and the share of errors within the claim."""
        surprises = self.surprises
        return {
            "error_before_px": _mean_size(self.before_px),
            "error_px": _mean_size(self.after_px),
            "mean_iou_before": mean_iou(np.sum(self.confusions_before, axis=0)),
            "mean_iou": mean_iou(np.sum(self.confusions, axis=0)),
            "within_one": float((surprises < 1).mean()) if surprises.size else math.nan,
        }

    @property
    def surprises(self) -> Float64Array:
        """Errors after refinement in units of the errors claimed."""
        pieces = zip(self.after_px, self.claimed_px, strict=True)
        surprises = np.concatenate([np.abs(errors) / claimed for errors, claimed in pieces])
        return np.asarray(surprises[np.isfinite(surprises)])


class RegressorTraining(RegressionTraining[OutlineRound, OutlineRegressor]):
    """Training of the network that moves outlines."""

    round_type = OutlineRound
    _seen: tuple[int, View, Scores | None] | None = None

    def _build(self, classifier: ClassifierArchitecture | None, plan: Plan) -> OutlineRegressor:
        architecture = OutlineArchitecture(width=plan.regressor_width)
        if classifier is not None:
            architecture = replace(
                architecture,
                features=classifier.feature_width,
                has_objects=classifier.has_objects,
            )
        return OutlineRegressor(architecture)

    def judge(self, dataset: Dataset) -> Judgement:
        """Compare outlines before and after with the truth's."""
        network = as_outline_network(self.averaged)
        count = len(dataset.classes)
        judgement = Judgement()
        for number, example in enumerate(dataset):
            rng = np.random.default_rng((self.seed, number))
            scores = self.score(example.image) if self.score else None
            first, cell_px = self._begin(example.labels, count, scores, rng)
            refined, _ = refine_outlines(
                first, example.image, network=network, scores=scores, cell_px=cell_px
            )
            truth = read_truth(example.labels, count, objects=example.objects)
            judgement.before_px.append(measure_errors(first, truth)[0])
            errors_px, claimed_px = measure_errors(refined, truth)
            judgement.after_px.append(errors_px)
            judgement.claimed_px.append(claimed_px)
            for outlines, confusions in (
                (first, judgement.confusions_before),
                (refined, judgement.confusions),
            ):
                labels = rasterize_labels(outlines)
                confusions.append(confusion_matrix(example.labels, labels, count))
        return judgement

    def _learn(self) -> float:
        """All passes over one view, each from where the network's own last pass led.

        The network learns after every pass: several steps for the price of one view.
        """
        rng = np.random.default_rng((self.seed, self.step))
        view, scores = self._look(self.step // LOOKS_PER_VIEW)
        truth = view.truth
        if scores is not None:
            scores = perturb_scores(scores, rng)
        partition, cell_px = self._begin(view.labels, len(truth.shares), scores, rng)
        steps_px = choose_steps(cell_px)
        strip_points = self.network.architecture.strip_points
        scene = open_scene(
            partition, view.image, scores, cell_px=cell_px, strip_points=strip_points
        )
        losses = []
        for step_px in steps_px:
            walk = start_walk(partition, step_px)
            if len(walk.points) == 0:
                break
            logits, log_errors = self.network.answer(*as_tensors(sample_strips(walk, scene)))
            offsets = self.network.mean_near_mode(logits)
            targets = torch.from_numpy(find_offsets(truth, walk, reach_steps=scene.reach_steps))
            loss = outline_loss(logits, offsets, log_errors, targets)
            losses.append(self._descend(loss))
            with torch.no_grad():
                moved = move_vertices(walk, offsets.numpy(), log_errors.exp().numpy())
            partition, _ = untangle(partition, walk.partition, moved)
        self._average()
        return sum(losses) / max(1, len(losses))

    def _look(self, number: int) -> tuple[View, Scores | None]:
        """A view and the classifier's scores of it; the last one is kept."""
        if self._seen is None or self._seen[0] != number:
            view = self.views(number)
            self._seen = number, view, self.score(view.image) if self.score else None
        return self._seen[1:]

    def _begin(
        self, labels: UInt8Array, class_count: int, scores: Scores | None, rng: np.random.Generator
    ) -> tuple[Partition, float]:
        """Outlines to begin with, and about how far off they are, in pixels."""
        if scores is None:
            return draw_first_outlines(labels, class_count, rng)
        first = decide_partition(scores, Decision(self.threshold), self.validation.classes)
        return first, scores.cell_px


def outline_loss(logits: Tensor, offsets: Tensor, log_errors: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over the strip points, and the likelihood of offset and standard error.

    ``logits``: (V, T); ``offsets``, ``log_errors``, ``targets``: (V,), in steps. A target is a bell
    over the strip points; where it is NaN or beyond the strip, the vertex does not count.
    """
    points = logits.shape[1]
    reach = (points - 1) / 2
    known = torch.isfinite(targets) & (targets.abs() < reach)
    target = torch.where(known, targets, 0.0)
    distances = torch.arange(points) - reach - target[:, None]  # (V, T)
    bell = torch.softmax(-0.5 * (distances / TARGET_SPREAD).square(), dim=1)
    cross_entropy = -(bell * F.log_softmax(logits, dim=1)).sum(dim=1)
    surprise = (offsets - target) * torch.exp(-log_errors)
    bounded = surprise.clamp(-LARGEST_SURPRISE, LARGEST_SURPRISE)
    unlikelihood = log_errors + 0.5 * bounded.square()
    weights = known.float()
    total = ((cross_entropy + ERROR_WEIGHT * unlikelihood) * weights).sum()
    return total / weights.sum().clamp(min=1.0)


def as_tensors(strips: Strips) -> list[Tensor]:
    """The network's inputs, in its order."""
    return [torch.from_numpy(np.ascontiguousarray(array)) for array in strips.inputs().values()]


def as_outline_network(network: OutlineRegressor) -> OutlineNetwork:
    """A torch module as what ``refine_outlines`` runs."""
    return OutlineNetwork(network.run, network.architecture)


def is_better(figures: Mapping[str, Any]) -> bool:
    """Whether outlines came nearer to the truth, at no class's cost: see ``Judgement.to_dict``."""
    lost = figures["mean_iou_before"] - figures["mean_iou"]
    return bool(figures["error_px"] < figures["error_before_px"] and lost <= LARGEST_LOSS_OF_IOU)


def fit_temperature(surprises: Float64Array) -> float:
    """What claimed errors must be multiplied by, given errors in units of their claims, (V,).

    Labels are wrong now and then, so errors have longer tails than a normal distribution's: the
    factors for 68 % within one and for 95 % within two differ, and their geometric mean is taken.
    """
    if surprises.size == 0:
        return 1.0
    factors = [np.quantile(surprises, share) / n for n, share in NORMAL_SHARES.items()]
    return float(np.sqrt(np.prod(factors)))


def _mean_size(pieces: list[Float64Array]) -> float:
    values = np.concatenate(pieces)
    return float(np.abs(values).mean()) if values.size else math.nan
