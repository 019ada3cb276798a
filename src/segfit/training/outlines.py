"""What the outline regressor learns: to move outlines to where the truth has them.

Shapes: ``H, W`` a view of an image; ``V`` vertices of its outlines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segfit.basics.arrays import Float64Array, Int64Array, UInt8Array
from segfit.datasets import Dataset
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.model.architecture import OutlineArchitecture
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.partition import Partition, rasterize_labels
from segfit.partition.untangle import untangle
from segfit.refinement.outlines import (
    choose_steps,
    move_vertices,
    open_scene,
    refine_outlines,
    sample_strips,
    start_walk,
)
from segfit.refinement.truth import Truth, find_offsets, measure_errors, read_truth
from segfit.result.scores import Scores
from segfit.training.data.first_outlines import FinishedClassifier
from segfit.training.data.perturbation import perturb_scores
from segfit.training.data.views import View
from segfit.training.events import OutlineRound
from segfit.training.inference import as_outline_network, as_tensors
from segfit.training.plan.plan import Plan
from segfit.training.refining import RefiningTraining
from segfit.training.regression_losses import outline_loss
from segfit.training.residuals import fit_temperature, mean_size, share_within_one, standardise

LOOKS_PER_VIEW = 3
"""Steps that learn from a view, its scores perturbed anew: drawing and classifying one is dear."""
LARGEST_DROP_OF_IOU = 0.003


@dataclass(eq=False)
class OutlineValidation:
    """Outlines of labelled images beside the truth's, before and after they were refined.

    A list's entry is an image's: signed errors and claimed standard errors of points in pixels,
    and confusion matrices.
    """

    before_px: list[Float64Array] = field(default_factory=list)
    after_px: list[Float64Array] = field(default_factory=list)
    claimed_px: list[Float64Array] = field(default_factory=list)
    confusions_before: list[Int64Array] = field(default_factory=list)
    confusions: list[Int64Array] = field(default_factory=list)

    def add(
        self, first: Partition, refined: Partition, *, truth: Truth, labels: UInt8Array
    ) -> None:
        """Compare outlines of an image before and after with the truth; ``labels``: (H, W)."""
        self.before_px.append(measure_errors(first, truth)[0])
        errors_px, claimed_px = measure_errors(refined, truth)
        self.after_px.append(errors_px)
        self.claimed_px.append(claimed_px)
        for outlines, confusions in (
            (first, self.confusions_before),
            (refined, self.confusions),
        ):
            found = rasterize_labels(outlines)
            confusions.append(confusion_matrix(labels, found, len(truth.shares)))

    @property
    def residuals(self) -> Float64Array:
        """Sizes of the standardised residuals after refinement."""
        return standardise(self.after_px, self.claimed_px)

    @property
    def temperature(self) -> float:
        """What claimed errors must be multiplied by to be standard errors."""
        return fit_temperature(self.residuals)

    def to_dict(self) -> dict[str, float]:
        """Mean distances from the truth, mean IoUs, and the share of errors within the claim."""
        return {
            "error_before_px": mean_size(self.before_px),
            "error_px": mean_size(self.after_px),
            "mean_iou_before": mean_iou(np.sum(self.confusions_before, axis=0)),
            "mean_iou": mean_iou(np.sum(self.confusions, axis=0)),
            "within_one": share_within_one(self.residuals),
        }


class OutlineTraining(RefiningTraining[OutlineRegressor, OutlineRound]):
    """Training of the network that moves outlines."""

    round_type = OutlineRound
    _seen: tuple[int, View, Scores | None] | None = None

    def build(self, plan: Plan, classifier: FinishedClassifier | None) -> OutlineRegressor:
        """The network, before it has learned anything."""
        architecture = OutlineArchitecture(width=plan.regressor_width)
        if classifier is not None:
            architecture = replace(
                architecture,
                features=classifier.architecture.feature_width,
                has_objects=classifier.architecture.has_objects,
            )
        return OutlineRegressor(architecture)

    def losses(self, step: int, *, coarse: bool) -> Iterator[Tensor]:
        """All passes over one view, each from where the network's own last pass led.

        The network learns after every pass: several steps for the price of one view.
        """
        rng = np.random.default_rng((self.seed, step))
        view, scores = self._look(step // LOOKS_PER_VIEW)
        truth = view.truth
        if scores is not None:
            scores = perturb_scores(scores, rng)
        partition, cell_px = self.first_outlines.draw(view.labels, len(truth.shares), scores, rng)
        scene = open_scene(
            partition, view.image, scores, cell_px=cell_px, architecture=self.network.architecture
        )
        for step_px in choose_steps(cell_px):
            walk = start_walk(partition, step_px)
            if len(walk.points) == 0:
                break
            seen = as_tensors(sample_strips(walk, scene).inputs(), self.placement.device)
            logits, log_errors = self.network.answer(*seen)
            offsets = self.network.mean_near_mode(logits)
            targets = torch.from_numpy(find_offsets(truth, walk, reach_steps=scene.reach_steps))
            yield outline_loss(logits, offsets, log_errors, self.placement.send(targets))
            answers = (offsets.detach(), log_errors.detach().exp())
            moved = move_vertices(walk, *(answer.cpu().numpy() for answer in answers))
            partition, _ = untangle(partition, walk.partition, moved)

    def _look(self, number: int) -> tuple[View, Scores | None]:
        """A view and the classifier's scores of it; the last one is kept."""
        if self._seen is None or self._seen[0] != number:
            view = self.views(number)
            self._seen = number, view, self.first_outlines.score(view.image)
        return self._seen[1:]

    def validate(self, network: OutlineRegressor, dataset: Dataset) -> OutlineValidation:
        """Compare outlines before and after with the truth's."""
        run, count = as_outline_network(network), len(dataset.classes)
        found = OutlineValidation()
        for number, example in enumerate(dataset):
            rng = np.random.default_rng((self.seed, number))
            scores = self.first_outlines.score(example.image)
            first, cell_px = self.first_outlines.draw(example.labels, count, scores, rng)
            refined, _ = refine_outlines(
                first, example.image, network=run, scores=scores, cell_px=cell_px
            )
            truth = read_truth(example.labels, count, objects=example.objects)
            found.add(first, refined, truth=truth, labels=example.labels)
        return found


def is_better(figures: Mapping[str, Any]) -> bool:
    """Whether outlines came nearer to the truth, at no class's cost.

    ``figures``: see ``OutlineValidation.to_dict``.
    """
    lost = figures["mean_iou_before"] - figures["mean_iou"]
    return bool(figures["error_px"] < figures["error_before_px"] and lost <= LARGEST_DROP_OF_IOU)
