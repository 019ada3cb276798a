"""Training of the segmentation network, from the first step to the last.

Shapes: ``B`` crops of a batch, ``h, w`` their size, ``K`` outputs of the network.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.arrays import Float32Array, Int64Array, UInt8Array
from segfit.classes import IGNORE, ClassTable
from segfit.classification.classify import ScoreNetwork, classify
from segfit.classification.decision import Decision, decide
from segfit.datasets import Dataset, LabelledData
from segfit.datasets.labelled import LabelledImage
from segfit.errors import SegfitError
from segfit.evaluation.instances import InstanceFigures
from segfit.metrics.confusion import confusion_matrix, iou_per_class, mean_iou, pixel_accuracy
from segfit.metrics.instances import InstanceCounts, count_instances, no_instances
from segfit.model.scaling import Scaling
from segfit.networks.classifier import Classifier
from segfit.networks.encoders.efficientnet_lite0 import EfficientNetLite0
from segfit.partition import LabelGrid
from segfit.result.scores import Scores
from segfit.training.data.batches import Batch, Batches, WorkingImages
from segfit.training.data.object_targets import make_targets, object_loss
from segfit.training.engine import (
    FIRST_GUESS_STEPS,
    State,
    TrainingInRounds,
)
from segfit.training.events import OnEvent, Round
from segfit.training.losses import as_class_logits, parse_loss, squared_weights
from segfit.training.plan.plan import Plan
from segfit.training.schedule import Pace

QUICK_VALIDATION = 24
"""Images that a round validates on, at most."""
GROUPING_ROUNDS = 3
"""What it costs at the end to choose a threshold by how well objects are found, in rounds."""


Score = Callable[[UInt8Array], Scores]
"""What a classifier says of an image, (H, W, 3) uint8 RGB."""


class ClassifierTraining(TrainingInRounds[Round]):
    """A training that can be stopped after any round, and resumed from its ``state``.

    ``budget_seconds``: wall clock for all rounds; None where the plan gives the steps.
    """

    round_type = Round
    network: Classifier
    averaged: Classifier

    def __init__(
        self, data: LabelledData, plan: Plan, *, seed: int, budget_seconds: float | None
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.plan, self.seed, self.classes = plan, seed, data.classes
        self.network = build_network(plan, data.classes)
        self.averaged = copy.deepcopy(self.network).eval()
        self.best = copy.deepcopy(self.averaged)
        self.optimizer = make_optimizer(self.network, plan)
        self.loss = parse_loss(plan.loss)
        self.class_weights = weigh_classes(plan, data.classes)
        self.validation = pick_evenly(data.splits["val"], QUICK_VALIDATION)
        self.batches = Batches(
            WorkingImages(data.splits["train"], plan.scaling),
            crop_px=plan.crop_px,
            batch=plan.batch,
            augmentation=plan.augmentation,
            seed=seed,
        )
        self.pace = Pace(
            coarse_share=plan.coarse_share,
            steps=plan.steps or FIRST_GUESS_STEPS,
            budget_seconds=None if plan.steps else budget_seconds,
            closing_rounds=len(data.splits["val"]) / len(self.validation)
            + (GROUPING_ROUNDS if plan.objects == "grouped" else 0),
        )
        self.full_rate, self.schedule = plan.learning_rate, plan.schedule

    def run(self, *, on_event: OnEvent, save: Callable[[State], None]) -> Classifier:
        """Train to the end; ``save`` gets the state after every round. Returns the best network."""
        started = time.perf_counter() - self.seconds
        if self.pace.budget_seconds is not None and not self.pace.round_seconds:
            self.pace.round_guess_seconds = self._guess_validation_seconds()
        self.run_rounds(started, on_event=on_event, save=save)
        return self.best

    def _guess_validation_seconds(self) -> float:
        """What a round's validation costs, judged by an image from the middle of it."""
        middle = self.validation.subset([len(self.validation) // 2])
        validate(self.averaged, middle, self.plan)  # the first run of a network is slow
        before = time.perf_counter()
        validate(self.averaged, middle, self.plan)
        return (time.perf_counter() - before) * len(self.validation)

    def _learn(self) -> float:
        batch = self.batches.make(self.step, coarse=self.step < self.pace.coarse_until)
        return self._take_step(batch)

    def _take_step(self, batch: Batch) -> float:
        torch.manual_seed(self.seed * 1_000_003 + self.step)  # dropout, the same after a restart
        self.network.train()
        logits, maps, _ = self.network.score(batch.images)  # (B, K, …), (B, 3, …)
        size = batch.labels.shape[-2:]
        logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        loss = self.loss(as_class_logits(logits), batch.labels, self.class_weights)
        if maps is not None and batch.objects is not None:
            stride = self.network.architecture.output_stride
            middle = slice(stride // 2, None, stride)
            known = (batch.labels[:, middle, middle] != IGNORE).float()
            loss = loss + object_loss(maps, make_targets(batch.objects, stride=stride), known)
        if self.plan.l2 > 0:
            loss = loss + self.plan.l2 * squared_weights(self.network)
        value = loss.item()
        if not math.isfinite(value):
            raise SegfitError(
                f"the loss became {value} at step {self.step}: train with a smaller learning rate "
                f"than {self.plan.learning_rate:g}"
            )
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self._average()
        return value

    def _validate(self) -> dict[str, Any]:
        confusion, objects = validate(self.averaged, self.validation, self.plan)
        quality = None if objects is None else objects.panoptic_quality
        figures: dict[str, Any] = {
            "mean_iou": mean_iou(confusion),
            "pixel_accuracy": pixel_accuracy(confusion),
            "iou": tuple(iou_per_class(confusion).tolist()),
            "panoptic_quality": quality,
        }
        worth = figures["mean_iou"] if quality is None else quality
        is_best = worth >= max((done.worth for done in self.rounds), default=-1.0)
        if is_best:
            self.best.load_state_dict(self.averaged.state_dict())
        kept = figures["mean_iou"] if is_best else self.rounds[-1].best_mean_iou
        return {**figures, "best_mean_iou": kept}

    def state(self) -> State:
        """All that a training needs to resume: tensors, numbers, lists and strings only."""
        return {**super().state(), "best": self.best.state_dict()}

    def restore(self, state: State) -> None:
        """Go on from where ``state`` was taken."""
        super().restore(state)
        self.best.load_state_dict(state["best"])


def build_network(plan: Plan, classes: ClassTable) -> Classifier:
    """The plan's network; a pretrained encoder keeps its statistics and its first stages."""
    network = Classifier(plan.architecture(classes), pretrained=plan.encoder != "plain")
    if isinstance(network.encoder, EfficientNetLite0):
        network.encoder.freeze_statistics()
        network.encoder.freeze_stages(plan.frozen_stages)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def make_optimizer(network: Classifier, plan: Plan) -> torch.optim.Optimizer:
    """The plan's optimiser over all weights that learn, the encoder's at a rate of their own."""
    pretrained = plan.encoder != "plain"
    groups = group_weights(
        network, plan.learning_rate, encoder_rate=plan.encoder_rate if pretrained else 1.0
    )
    optimizers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adamw": lambda: torch.optim.AdamW(groups, weight_decay=0.01, fused=True),
        "adam": lambda: torch.optim.Adam(groups, fused=True),
        "rmsprop": lambda: torch.optim.RMSprop(groups, momentum=0.9),
    }
    return optimizers[plan.optimizer]()


def group_weights(
    network: Classifier, learning_rate: float, *, encoder_rate: float
) -> list[dict[str, Any]]:
    """An optimiser's groups: the encoder's weights learn at ``encoder_rate`` times the rate."""
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    inside = {id(p) for p in network.encoder.parameters()}
    rest = [p for p in network.parameters() if id(p) not in inside]
    return [
        {"params": parameters, "lr": rate, "full_rate": rate}
        for parameters, rate in ((encoder, learning_rate * encoder_rate), (rest, learning_rate))
        if parameters
    ]


def weigh_classes(plan: Plan, classes: ClassTable) -> Tensor | None:
    """Weights (K,) of the plan, or None where all count alike."""
    if not plan.class_weights:
        return None
    return torch.tensor([plan.class_weights.get(name, 1.0) for name in classes.names])


def validate(
    network: Classifier, dataset: Dataset, plan: Plan
) -> tuple[Int64Array, InstanceFigures | None]:
    """Confusion matrix over a data set, by the same path as prediction up to the labels.

    And how well objects are found, where the network tells them apart.
    """
    classes = dataset.classes
    total = np.zeros((len(classes),) * 2, np.int64)
    counts = no_instances(len(classes))
    score = make_score(network, plan.scaling)
    for example in dataset:
        grid = decide(score(example.image), Decision(), classes)
        total += confusion_matrix(example.labels, grid.labels, len(classes))
        if grid.objects is not None and example.objects is not None:
            counts += count_objects(example, grid, classes)
    grouped = network.architecture.has_objects
    return total, InstanceFigures(counts, classes.object_classes) if grouped else None


def count_objects(
    example: LabelledImage,
    grid: LabelGrid,
    classes: ClassTable,
) -> InstanceCounts:
    """How well labels and objects agree with those of an image that has objects."""
    assert example.objects is not None and grid.objects is not None
    return count_instances(
        example.labels,
        example.objects,
        grid.labels,
        grid.objects,
        class_count=len(classes),
        object_classes=classes.object_classes,
        background=classes.background,
    )


def make_score(network: Classifier, scaling: Scaling) -> Score:
    """A torch module as what gives the scores of an image, by the same path as prediction."""
    run = as_score_network(network)
    return partial(classify, network=run, scaling=scaling, architecture=network.architecture)


def as_score_network(network: Classifier) -> ScoreNetwork:
    """A torch module as what ``classify`` runs."""

    def run(images: UInt8Array) -> Float32Array:
        with torch.inference_mode():
            logits: Float32Array = network(
                torch.from_numpy(np.require(images, None, ["C", "W"]))
            ).numpy()
        return logits

    return run


def pick_evenly(dataset: Dataset, most: int) -> Dataset:
    """At most so many images of a data set, spread over its whole length."""
    if len(dataset) <= most:
        return dataset
    return dataset.subset(np.linspace(0, len(dataset) - 1, most).round().astype(int).tolist())
