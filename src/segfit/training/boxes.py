"""What the box regressor learns: to move the edges of a box to those of its object.

It needs no other regressor. Edges are top, right, bottom, left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from segfit.basics.arrays import Float64Array
from segfit.datasets import Dataset
from segfit.metrics.boxes import box_iou
from segfit.metrics.figures import mean_of_known
from segfit.model.architecture import BoxArchitecture
from segfit.model.card import NetworkCard
from segfit.networks.box_regressor import BoxRegressor
from segfit.refinement.boxes import (
    find_edge_offsets,
    fit_boxes,
    measure_sides,
    regress_boxes,
    sample_patches,
)
from segfit.refinement.outlines import OutlineNetwork, refine_outlines
from segfit.result.regions import OrientedBox
from segfit.result.scores import Scores
from segfit.training.cards import measured_on
from segfit.training.companions import Companion, Company, TrainedNetwork
from segfit.training.data.first_outlines import FinishedClassifier
from segfit.training.data.perturbation import perturb_scores
from segfit.training.data.true_boxes import find_true_boxes
from segfit.training.events import BoxRound
from segfit.training.inference import as_box_network, as_outline_network, as_tensors
from segfit.training.plan.plan import Plan
from segfit.training.refining import RefiningTraining
from segfit.training.regression_losses import box_loss
from segfit.training.residuals import fit_temperature, mean_size, share_within_one, standardise

DRAWS_PER_VIEW = 4
"""First outlines that a view is seen through; a view costs more than they do."""


@dataclass(eq=False)
class BoxValidation:
    """Boxes beside the true ones, before and after their edges were moved.

    An entry is a box's: its IoU with the true one, and (4,) signed errors of the edges and claimed
    standard errors in pixels. ``iou_of_outlines``: that of the boxes of refined outlines.
    """

    iou_before: list[float] = field(default_factory=list)
    iou: list[float] = field(default_factory=list)
    errors_before_px: list[Float64Array] = field(default_factory=list)
    errors_px: list[Float64Array] = field(default_factory=list)
    claimed_px: list[Float64Array] = field(default_factory=list)
    iou_of_outlines: list[float] = field(default_factory=list)

    def add(self, first: OrientedBox, moved: OrientedBox, truth: OrientedBox) -> None:
        """Note a box before and after; the true one is the same."""
        self.iou_before.append(box_iou(first, truth))
        self.iou.append(box_iou(moved, truth))
        self.errors_before_px.append(measure_edge_errors(first, truth))
        self.errors_px.append(measure_edge_errors(moved, truth))
        claimed = moved.error_px
        self.claimed_px.append(np.full(4, np.nan) if claimed is None else claimed)

    @property
    def mean_iou_of_outlines(self) -> float:
        """Mean IoU of the boxes of refined outlines, NaN where none were looked at."""
        return mean_of_known(np.array(self.iou_of_outlines))

    @property
    def beats_outlines(self) -> bool:
        """Whether the moved boxes are better than those of the refined outlines."""
        return mean_of_known(np.array(self.iou)) > self.mean_iou_of_outlines

    @property
    def residuals(self) -> Float64Array:
        """Sizes of the standardised residuals of the moved edges."""
        return standardise(self.errors_px, self.claimed_px)

    @property
    def temperature(self) -> float:
        """What claimed errors must be multiplied by to be standard errors."""
        return fit_temperature(self.residuals)

    def to_dict(self) -> dict[str, float]:
        """Mean IoUs, mean distances of the edges, and the share of them within the claim."""
        return {
            "iou_before": mean_of_known(np.array(self.iou_before)),
            "iou": mean_of_known(np.array(self.iou)),
            "edge_error_before_px": mean_size(self.errors_before_px),
            "edge_error_px": mean_size(self.errors_px),
            "within_one": share_within_one(self.residuals),
        }


class BoxTraining(RefiningTraining[BoxRegressor, BoxRound]):
    """Training of the network that moves edges of boxes."""

    round_type = BoxRound

    def build(self, plan: Plan, classifier: FinishedClassifier | None) -> BoxRegressor:
        """The network, before it has learned anything."""
        features = 0 if classifier is None else classifier.architecture.feature_width
        return BoxRegressor(BoxArchitecture(features=features))

    def losses(self, step: int, *, coarse: bool) -> Iterator[Tensor]:
        """Look at one view through several first outlines, and learn from each."""
        rng = np.random.default_rng((self.seed, step))
        view = self.views(step)
        seen = self.first_outlines.score(view.image)
        for _ in range(DRAWS_PER_VIEW):
            scores = None if seen is None else perturb_scores(seen, rng)
            first, _ = self.first_outlines.draw(view.labels, len(self.classes), scores, rng)
            objects = view.objects if tells_objects(scores) else None
            true = find_true_boxes(first, view.labels, objects, background=self.classes.background)
            if not true.regions:
                continue
            boxes = fit_boxes(first, true.regions)
            architecture = self.network.architecture
            patches = sample_patches(
                boxes, true.regions, first, view.image, scores, architecture=architecture
            )
            offsets, log_errors = self.network.answer(
                *as_tensors(patches.inputs(), self.placement.device)
            )
            targets = torch.from_numpy(find_edge_offsets(boxes, true.boxes)).float()
            yield box_loss(offsets, log_errors, self.placement.send(targets))

    def validate(
        self, network: BoxRegressor, dataset: Dataset, *, outlines: OutlineNetwork | None = None
    ) -> BoxValidation:
        """Compare boxes before and after with the true ones.

        ``outlines``: also those of the outlines that this network refines.
        """
        run, count = as_box_network(network), len(self.classes)
        found = BoxValidation()
        for number, example in enumerate(dataset):
            rng = np.random.default_rng((self.seed, number))
            scores = self.first_outlines.score(example.image)
            first, _ = self.first_outlines.draw(example.labels, count, scores, rng)
            true = find_true_boxes(
                first,
                example.labels,
                example.objects if tells_objects(scores) else None,
                background=self.classes.background,
            )
            moved = regress_boxes(first, true.regions, example.image, network=run, scores=scores)
            for boxes in zip(fit_boxes(first, true.regions), moved, true.boxes, strict=True):
                found.add(*boxes)
            if outlines is not None:
                refined, _ = refine_outlines(first, example.image, network=outlines, scores=scores)
                of_outlines = zip(fit_boxes(refined, true.regions), true.boxes, strict=True)
                found.iou_of_outlines += [box_iou(box, truth) for box, truth in of_outlines]
        return found


def train_boxes(company: Company, budget_seconds: float) -> TrainedNetwork | None:
    """Train the box regressor; None where the boxes of refined outlines are better."""
    session = company.session
    validation = session.material.data.splits["val"]
    training = BoxTraining(
        company.views,
        validation,
        session.prepared.plan,
        classifier=company.classifier,
        seed=session.seed,
        budget_seconds=budget_seconds,
        placement=session.placement,
    )
    network = session.run("boxes", training).best
    found = training.validate(network, validation, outlines=as_outline_network(company.outlines))
    if not found.beats_outlines:
        return None
    metrics = {
        "measured_on": measured_on(validation),
        **found.to_dict(),
        "iou_of_outlines": found.mean_iou_of_outlines,
    }
    return NetworkCard(network.architecture, found.temperature, metrics), network


def tells_objects(scores: Scores | None) -> bool:
    """Whether first outlines are those of objects and not of whatever touches."""
    return scores is not None and scores.object_maps is not None


def measure_edge_errors(box: OrientedBox, truth: OrientedBox) -> Float64Array:
    """How far outwards the edges of the true box are, rotated as the box is, (4,), in pixels.

    Top, right, bottom, left of the box.
    """
    across = measure_sides([box])[0, [1, 0, 1, 0]]
    return np.asarray(find_edge_offsets([box], [truth])[0] * across)


COMPANION = Companion(share=lambda plan: plan.boxes_share, train=train_boxes)
