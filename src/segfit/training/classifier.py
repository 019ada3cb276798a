"""What the segmentation network learns: which class each pixel has, and where objects are.

Shapes: ``B`` crops of a batch, ``h, w`` their size, ``K`` outputs of the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from segfit.basics.arrays import Int64Array
from segfit.classes import IGNORE, ClassTable
from segfit.classification.decision import Decision, decide
from segfit.datasets import Dataset, LabelledData
from segfit.datasets.labelled import LabelledImage
from segfit.evaluation.instances import InstanceFigures
from segfit.metrics.confusion import confusion_matrix, iou_per_class, mean_iou, pixel_accuracy
from segfit.metrics.instances import InstanceCounts, count_instances, no_instances
from segfit.model.archive import ModelFile
from segfit.model.card import ModelCard
from segfit.networks.classifier import Classifier
from segfit.networks.encoders.efficientnet_lite0 import EfficientNetLite0
from segfit.partition import LabelGrid
from segfit.training.data.ahead import Ahead
from segfit.training.data.batches import Batch, Batches, WorkingImages
from segfit.training.data.object_targets import ObjectTargets, make_targets, object_loss
from segfit.training.data.subsets import pick_for_rounds
from segfit.training.distributed import ALONE, Team
from segfit.training.engine import Clock, Training
from segfit.training.events import ClassifierRound
from segfit.training.finetuning import fill_from
from segfit.training.inference import make_score
from segfit.training.logit_adjustment import SAMPLED_IMAGES
from segfit.training.losses import as_class_logits, parse_loss, squared_weights
from segfit.training.optimizers import make_optimizer
from segfit.training.placement import ON_CPU, Placement
from segfit.training.plan.plan import Plan
from segfit.training.schedule import make_schedule
from segfit.training.torch_state import use_seed

Lesson = tuple[Batch, ObjectTargets | None]
"""What a step learns from: crops and, for a network that tells objects apart, where these are."""
UNDECIDED = Decision()
"""Of a model that is still being trained."""
GROUPING_ROUNDS = 4
"""What it costs at the end to choose a threshold by how well objects are found, in rounds."""


class ClassifierTraining(Training[Classifier, ClassifierRound]):
    """Training of the segmentation network.

    ``initial``: the model to go on from. ``budget_seconds``: wall clock for all rounds; None where
    the plan gives the steps. ``placement``: where it computes. ``team``: who trains along.
    """

    round_type = ClassifierRound
    largest_gradient = 5.0

    def __init__(
        self,
        data: LabelledData,
        plan: Plan,
        *,
        initial: ModelFile[ModelCard] | None = None,
        seed: int,
        budget_seconds: float | None,
        placement: Placement = ON_CPU,
        team: Team = ALONE,
    ) -> None:
        self.plan, self.seed = plan, seed
        self.placement, self.team = placement, team
        with use_seed(seed):
            self.network = build_network(plan, data.classes)
        if initial is not None:
            fill_from(self.network, initial, data.classes)
        self.network.to(placement.device)
        team.adapt(self.network)
        self.peak_rate = plan.learning_rate
        self.optimizer = make_optimizer(self.network, plan)
        self.loss = parse_loss(plan.loss)
        weights = weigh_classes(plan, data.classes)
        self.class_weights = None if weights is None else placement.send(weights)
        self.validation = pick_for_rounds(data.splits["val"])
        self.batches = Batches(
            WorkingImages(data.splits["train"], plan.scaling),
            crop_px=plan.crop_px,
            batch=plan.batch,
            augmentation=plan.augmentation,
            seed=seed,
            background=data.classes.background,
            oversampling=plan.oversampling,
            team=team,
        )
        self.lessons = Ahead(self.make_lesson, threads=placement.loaders)
        self.schedule = make_schedule(
            plan.steps,
            team.agree(budget_seconds),
            coarse_share=plan.coarse_share,
            decay=plan.schedule,
            closing_rounds=self._count_closing_rounds(data.splits["val"]),
        )

    def _count_closing_rounds(self, validation: Dataset) -> float:
        """What measuring and adjusting the finished network costs, in validations of a round."""
        looks = len(validation)
        if self.network.architecture.outputs > 1:
            looks += min(looks, SAMPLED_IMAGES)
        grouping = GROUPING_ROUNDS if self.plan.objects == "grouped" else 0
        return looks / len(self.validation) + grouping

    def losses(self, step: int, *, coarse: bool) -> Iterator[Tensor]:
        """The loss of the step's batch."""
        yield self._measure(self.lessons(step, coarse))

    def halve_batch(self) -> int | None:
        """See ``Training``."""
        self.lessons.forget()
        return self.batches.halve()

    def make_lesson(self, step: int, coarse: bool) -> Lesson:
        """What a step learns from, still on the processor; ``lessons`` has it ready ahead."""
        batch, targets = self.batches.make(step, coarse=coarse), None
        if batch.objects is not None and self.network.architecture.has_objects:
            targets = make_targets(batch.objects, stride=self.network.architecture.output_stride)
            targets = targets.each(self.placement.pin)
        return batch.each(self.placement.pin), targets

    def _measure(self, lesson: Lesson) -> Tensor:
        batch, targets = lesson
        batch = batch.each(self.placement.send)
        with self.placement.autocast():
            own, own_maps, _ = self.network.score(batch.images)  # (B, K, …), (B, 3, …)
        logits, labels = self.team.join(own.float()), self.team.join(batch.labels)
        size = labels.shape[-2:]
        logits = F.interpolate(logits, size=size, mode="bilinear", align_corners=False)
        loss = self.loss(as_class_logits(logits), labels, self.class_weights)
        if own_maps is not None and targets is not None:
            stride = self.network.architecture.output_stride
            middle = slice(stride // 2, None, stride)
            known = (labels[:, middle, middle] != IGNORE).float()
            maps = self.team.join(own_maps.float())
            targets = targets.each(self.placement.send).each(self.team.join)
            loss = loss + object_loss(maps, targets, known)
        if self.plan.l2 > 0 and self.team.is_leader:  # whose gradients are added to the others'
            loss = loss + self.plan.l2 * squared_weights(self.network)
        return loss

    def validate_round(
        self, network: Classifier, rounds: Sequence[ClassifierRound]
    ) -> Mapping[str, Any]:
        """Figures of ``ClassifierRound``, on a few of the validation images."""
        confusion, objects = validate(network, self.validation, self.plan)
        quality = None if objects is None else objects.panoptic_quality
        reached = mean_iou(confusion)
        worth = reached if quality is None else quality
        is_best = not any(earlier.worth > worth for earlier in rounds)
        return {
            "mean_iou": reached,
            "pixel_accuracy": pixel_accuracy(confusion),
            "iou": tuple(iou_per_class(confusion).tolist()),
            "best_mean_iou": reached if is_best else rounds[-1].best_mean_iou,
            "panoptic_quality": quality,
        }

    def guess_validation_seconds(self, network: Classifier, clock: Clock) -> float:
        """What a round's validation costs, by an image from the middle of it."""
        middle = self.validation.subset([len(self.validation) // 2])
        validate(network, middle, self.plan)  # the first run of a network is slow
        before = clock()
        validate(network, middle, self.plan)
        return (clock() - before) * len(self.validation)


def build_network(plan: Plan, classes: ClassTable) -> Classifier:
    """The plan's network; a pretrained encoder keeps its statistics and its first stages."""
    network = Classifier(plan.architecture(classes), pretrained=True)
    if isinstance(network.encoder, EfficientNetLite0):
        network.encoder.freeze_statistics()
        network.encoder.freeze_stages(plan.frozen_stages)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def weigh_classes(plan: Plan, classes: ClassTable) -> Tensor | None:
    """Weights (K,) of the plan, or None where all count alike."""
    if not plan.class_weights:
        return None
    return torch.tensor([plan.class_weights.get(name, 1.0) for name in classes.names])


def validate(
    network: Classifier, dataset: Dataset, plan: Plan, decision: Decision = UNDECIDED
) -> tuple[Int64Array, InstanceFigures | None]:
    """Confusion matrix over a data set, by the same path as prediction up to the labels.

    And how well objects are found, where the network tells them apart.
    """
    classes = dataset.classes
    total = np.zeros((len(classes),) * 2, np.int64)
    counts = no_instances(len(classes))
    score = make_score(network, plan.scaling)
    for example in dataset:
        grid = decide(score(example.image), decision, classes)
        total += confusion_matrix(example.labels, grid.labels, len(classes))
        if grid.objects is not None and example.objects is not None:
            counts += compare_objects(example, grid, classes)
    grouped = network.architecture.has_objects
    return total, InstanceFigures(counts, classes.object_classes) if grouped else None


def compare_objects(example: LabelledImage, grid: LabelGrid, classes: ClassTable) -> InstanceCounts:
    """How well labels and objects agree with those of an image that has objects."""
    assert example.objects is not None
    assert grid.objects is not None
    return count_instances(
        example.labels,
        example.objects,
        grid.labels,
        grid.objects,
        class_count=len(classes),
        object_classes=classes.object_classes,
        background=classes.background,
    )
