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
from segfit.basics.show import show_briefly
from segfit.datasets import Dataset, LabelledImage
from segfit.metrics.confusion import confusion_matrix, mean_iou
from segfit.model.architecture import OutlineArchitecture
from segfit.networks.outline_regressor import OutlineRegressor, shrink
from segfit.partition import Partition, rasterize_labels
from segfit.partition.untangle import untangle
from segfit.refinement.outlines import (
    Scene,
    Walk,
    choose_steps,
    move_vertices,
    open_scene,
    refine_outlines,
    sample_strips,
    start_walk,
)
from segfit.refinement.truth import (
    MEASURED_STEPS,
    MEASURING_STEP_PX,
    Truth,
    find_offsets,
    measure_errors,
    read_truth,
)
from segfit.result.scores import Scores
from segfit.training.claims import FEWEST_IMAGES, fit_claims, fit_shrinkage
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
FEWEST_POINTS = 1000
"""Of outlines, from which on what is claimed of errors can be fitted."""


@dataclass(eq=False)
class OutlineValidation:
    """Outlines of labelled images beside the truth's, before and after they were refined.

    A list's entry is an image's: signed errors and claimed standard errors of points in pixels,
    and confusion matrices. ``claims_are_fitted``: see ``OutlineTraining.fit_claims``.
    """

    claims_are_fitted: bool = False
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
        return 1.0 if self.claims_are_fitted else fit_temperature(self.residuals)

    def to_dict(self) -> dict[str, float]:
        """Mean distances from the truth, mean IoUs, and the share of errors within the claim."""
        return {
            "error_before_px": mean_size(self.before_px),
            "error_px": mean_size(self.after_px),
            "mean_iou_before": mean_iou(np.sum(self.confusions_before, axis=0)),
            "mean_iou": mean_iou(np.sum(self.confusions, axis=0)),
            "within_one": share_within_one(self.residuals),
        }


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network says of the vertices of a pass: see ``OutlineRegressor.answer``."""

    walk: Walk
    logits: Tensor
    offsets: Tensor
    log_errors: Tensor

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class Known:
    """Vertices (V,) that have a true border near, in the last pass, in its steps.

    ``features``: (V, C) that the last layer was given. ``targets``: the true offsets, ``offsets``:
    those of the network before they are shrunk.
    """

    features: Float64Array
    targets: Float64Array
    offsets: Float64Array

    __repr__ = show_briefly


class OutlineTraining(RefiningTraining[OutlineRegressor, OutlineRound]):
    """Training of the network that moves outlines."""

    round_type = OutlineRound
    final_looks = 3  # two for what is fitted at the end, and then all is measured
    _seen: tuple[int, View, Scores | None] | None = None
    _claims_are_fitted = False

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
        for seen in self._pass_over(self.network, partition, scene):
            targets = torch.from_numpy(
                find_offsets(truth, seen.walk, reach_steps=scene.reach_steps)
            )
            yield outline_loss(
                seen.logits, seen.offsets, seen.log_errors, self.placement.send(targets)
            )

    def _pass_over(
        self, network: OutlineRegressor, partition: Partition, scene: Scene
    ) -> Iterator[Seen]:
        """What the network says in each pass over an image, each from where its last one led."""
        for step_px in choose_steps(scene.cell_px):
            walk = start_walk(partition, step_px)
            if len(walk.points) == 0:
                return
            shown = as_tensors(sample_strips(walk, scene).inputs(), self.placement.device)
            logits, log_errors = network.answer(*shown)
            offsets = network.find_offset(logits, log_errors.exp())
            seen = Seen(walk, logits, offsets, log_errors)
            yield seen
            answers = (seen.offsets.detach(), log_errors.detach().exp())
            moved = move_vertices(walk, *(answer.cpu().numpy() for answer in answers))
            partition, _ = untangle(partition, walk.partition, moved)

    def finish(self, network: OutlineRegressor, *datasets: Dataset) -> None:
        """Fit to images that a network has not learned from what it claims, and how far it goes.

        How far is found once, where its passes led before; what it claims, then once more.
        """
        known = self.fit_claims(network, *datasets)
        if known is None:
            return
        shrinkage = fit_shrinkage(known.targets, known.offsets, claim(network, known.features))
        if shrinkage > 0:
            network.architecture = replace(network.architecture, shrinkage=shrinkage)
            self.fit_claims(network, *datasets)

    def fit_claims(self, network: OutlineRegressor, *datasets: Dataset) -> Known | None:
        """Fit what a trained network claims of its errors to images that it has not learned from.

        Returns what it was fitted to; None where that is too little, and it stays as it is.
        """
        images = sum(map(len, datasets))
        known = self._collect(network, *datasets) if images >= FEWEST_IMAGES else None
        if known is None or len(known.targets) <= FEWEST_POINTS:
            return None
        claimed = claim(network, known.features)
        moved = shrink(known.offsets, claimed, network.architecture.shrinkage)
        errors = np.abs(known.targets - moved)
        fit_claims(network.head, known.features, errors, claimed, images=images)
        self._claims_are_fitted = True
        return known

    def _collect(self, network: OutlineRegressor, *datasets: Dataset) -> Known:
        """What the last passes over all images of some data sets knew, and what was right."""
        found = [
            self._look_once(network, dataset, number)
            for dataset in datasets
            for number in range(len(dataset))
        ]
        return Known(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def _look_once(
        self, network: OutlineRegressor, dataset: Dataset, number: int
    ) -> tuple[Float64Array, ...]:
        """The parts of ``Known`` for an image."""
        example, count = dataset[number], len(dataset.classes)
        truth = read_truth(example.labels, count, objects=example.objects)
        scores, first, cell_px = self._begin(example, count, number)
        scene = open_scene(
            first, example.image, scores, cell_px=cell_px, architecture=network.architecture
        )
        given: list[Tensor] = []
        hook = network.head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
        with torch.no_grad():
            passes = list(self._pass_over(network, first, scene))
        hook.remove()
        if not passes:
            nothing = np.empty(0)
            return np.empty((0, network.head.in_features)), nothing, nothing
        last = passes[-1]
        reach_steps = MEASURING_STEP_PX * MEASURED_STEPS / last.walk.step_px
        targets = find_offsets(truth, last.walk, reach_steps=reach_steps)
        is_known = np.isfinite(targets)
        offsets = network.mean_near_mode(last.logits)
        parts = (given[-1].cpu().numpy(), targets, offsets.cpu().numpy())
        return tuple(part[is_known].astype(np.float64) for part in parts)

    def _begin(
        self, example: LabelledImage, class_count: int, number: int
    ) -> tuple[Scores | None, Partition, float]:
        """The classifier's scores of a validation image, first outlines, and how far off these are.

        ``number``: of the image in its data set, which has so many classes.
        """
        rng = np.random.default_rng((self.seed, number))
        scores = self.first_outlines.score(example.image)
        return scores, *self.first_outlines.draw(example.labels, class_count, scores, rng)

    def _look(self, number: int) -> tuple[View, Scores | None]:
        """A view and the classifier's scores of it; the last one is kept."""
        if self._seen is None or self._seen[0] != number:
            view = self.views(number)
            self._seen = number, view, self.first_outlines.score(view.image)
        return self._seen[1:]

    def validate(self, network: OutlineRegressor, dataset: Dataset) -> OutlineValidation:
        """Compare outlines before and after with the truth's."""
        run, count = as_outline_network(network), len(dataset.classes)
        found = OutlineValidation(self._claims_are_fitted)
        for number, example in enumerate(dataset):
            scores, first, cell_px = self._begin(example, count, number)
            refined, _ = refine_outlines(
                first, example.image, network=run, scores=scores, cell_px=cell_px
            )
            truth = read_truth(example.labels, count, objects=example.objects)
            found.add(first, refined, truth=truth, labels=example.labels)
        return found


def claim(network: OutlineRegressor, features: Float64Array) -> Float64Array:
    """The errors (V,) that a network claims by what its last layer is given (V, C), in steps."""
    with torch.no_grad():
        given = torch.from_numpy(features).to(network.head.weight)
        return network.conclude(given)[1].exp().cpu().numpy().astype(np.float64)


def is_better(figures: Mapping[str, Any]) -> bool:
    """Whether outlines came nearer to the truth, at no class's cost.

    ``figures``: see ``OutlineValidation.to_dict``.
    """
    lost = figures["mean_iou_before"] - figures["mean_iou"]
    return bool(figures["error_px"] < figures["error_before_px"] and lost <= LARGEST_DROP_OF_IOU)
