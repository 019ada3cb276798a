"""Training of the segmentation network, from the first step to the last.

Shapes: ``B`` crops of a batch, ``h, w`` their size, ``K`` outputs of the network.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.classes import ClassTable
from segfit.classify import STRIDE, ScoreNetwork, classify
from segfit.datasets import Dataset, LabelledData
from segfit.errors import SegfitError
from segfit.metrics.region import confusion_matrix, iou_per_class, mean_iou, pixel_accuracy
from segfit.networks.blocks import ConvNorm
from segfit.networks.classifier import Classifier
from segfit.networks.encoders import EfficientNetLite0
from segfit.training.batches import Batches, WorkingPictures
from segfit.training.events import OnEvent, Round, Step
from segfit.training.losses import as_class_logits, parse_loss, squared_weights
from segfit.training.pace import Pace
from segfit.training.plan import Plan

QUICK_VALIDATION = 24
"""Pictures that a round validates on, at most."""
FIRST_GUESS_STEPS = 100_000
TIMING_STEPS = 10
WARM_UP_STEPS = 20
FINAL_RATE = 0.02
SHORTEST_AVERAGE, LONGEST_AVERAGE = 50, 500
"""Steps over which the weights are averaged, at least and at most; what gets validated and kept."""
AVERAGED_SHARE = 0.05
"""The same as a share of the training, between these limits."""


State = dict[str, Any]


class ClassifierTraining:
    """A training that can be stopped after any round, and go on from its ``state``.

    ``budget_seconds``: wall clock for all rounds; None where the plan gives the steps.
    """

    def __init__(
        self, data: LabelledData, plan: Plan, *, seed: int, budget_seconds: float | None
    ) -> None:
        torch.manual_seed(seed)
        self.plan, self.seed, self.classes = plan, seed, data.classes
        self.network = build_network(plan, data.classes)
        self.averaged = copy.deepcopy(self.network).eval()
        self.best = copy.deepcopy(self.averaged)
        self.optimizer = make_optimizer(self.network, plan)
        self.loss = parse_loss(plan.loss)
        self.class_weights = weigh_classes(plan, data.classes)
        self.validation = pick_evenly(data.parts["val"], QUICK_VALIDATION)
        self.batches = Batches(
            WorkingPictures(data.parts["train"], plan.scaling),
            crop_px=plan.crop_px,
            batch=plan.batch,
            augmentation=plan.augmentation,
            seed=seed,
        )
        self.pace = Pace(
            coarse_share=plan.coarse_share,
            steps=plan.steps or FIRST_GUESS_STEPS,
            budget_seconds=None if plan.steps else budget_seconds,
            closing_rounds=len(data.parts["val"]) / len(self.validation),
        )
        self.step = 0
        self.seconds = 0.0
        self.rounds: list[Round] = []

    def run(self, *, on_event: OnEvent, save: Callable[[State], None]) -> Classifier:
        """Train to the end; ``save`` gets the state after every round. Returns the best network."""
        started = time.perf_counter() - self.seconds
        if self.pace.budget_seconds is not None and not self.pace.round_seconds:
            self.pace.round_guess_seconds = self._guess_validation_seconds()
        while self.step < self.pace.steps:
            self._train_round(started, on_event)
            self._validate_round(started, on_event)
            self.pace.adjust(self.step, elapsed_seconds=self.seconds)
            save(self.state())
        return self.best

    def _train_round(self, started: float, on_event: OnEvent) -> None:
        """Take the steps until the next validation."""
        round_end: int | None = None
        while self.step < min(round_end or self.pace.steps, self.pace.steps):
            before = time.perf_counter()
            rate = self._set_learning_rate()
            batch = self.batches.make(self.step, coarse=self.step < self.pace.coarse_until)
            loss = self._take_step(*batch)
            self.pace.note_step(self.step, time.perf_counter() - before)
            self.step += 1
            self.seconds = time.perf_counter() - started
            if self.step == TIMING_STEPS:
                self.pace.adjust(self.step, elapsed_seconds=self.seconds)
            if self.step >= TIMING_STEPS or self.pace.budget_seconds is None:
                round_end = round_end or self.pace.find_round_end(self.step)
            if self.pace.is_over(self.seconds):
                self.pace.steps = self.step
            on_event(Step(self.step, self.pace.steps, loss, rate, self.seconds))

    def _guess_validation_seconds(self) -> float:
        """What a round's validation costs, judged by a picture from the middle of it."""
        middle = self.validation.subset([len(self.validation) // 2])
        validate(self.averaged, middle, self.plan)  # the first run of a network is slow
        before = time.perf_counter()
        validate(self.averaged, middle, self.plan)
        return (time.perf_counter() - before) * len(self.validation)

    def _set_learning_rate(self) -> float:
        progress = self.step / self.pace.steps
        factor = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        if self.plan.schedule == "cosine":
            cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
            factor *= FINAL_RATE + (1 - FINAL_RATE) * cosine
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * factor
        return self.plan.learning_rate * factor

    def _take_step(self, pictures: Tensor, labels: Tensor) -> float:
        torch.manual_seed(self.seed * 1_000_003 + self.step)  # dropout, the same after a restart
        self.network.train()
        logits = self.network(pictures)  # (B, K, h/4, w/4)
        logits = F.interpolate(logits, scale_factor=STRIDE, mode="bilinear", align_corners=False)
        loss = self.loss(as_class_logits(logits), labels, self.class_weights)
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
        span = min(max(AVERAGED_SHARE * self.pace.steps, SHORTEST_AVERAGE), LONGEST_AVERAGE)
        average_into(
            self.averaged, self.network, decay=min(1 - 1 / span, decay_at_start(self.step))
        )
        return value

    def _validate_round(self, started: float, on_event: OnEvent) -> None:
        before = time.perf_counter()
        confusion = validate(self.averaged, self.validation, self.plan)
        score = mean_iou(confusion)
        best = max((done.best_mean_iou for done in self.rounds), default=-1.0)
        if score >= best:
            self.best.load_state_dict(self.averaged.state_dict())
        self.pace.round_seconds.append(time.perf_counter() - before)
        self.seconds = time.perf_counter() - started
        self.rounds.append(
            Round(
                step=self.step,
                steps=self.pace.steps,
                mean_iou=score,
                pixel_accuracy=pixel_accuracy(confusion),
                iou=tuple(iou_per_class(confusion).tolist()),
                best_mean_iou=max(score, best),
                seconds=self.seconds,
            )
        )
        on_event(self.rounds[-1])

    def state(self) -> State:
        """All that a training needs to go on: tensors, numbers, lists and strings only."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "best": self.best.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "pace": asdict(self.pace),
            "step": self.step,
            "seconds": self.seconds,
            "rounds": [asdict(done) for done in self.rounds],
        }

    def restore(self, state: State) -> None:
        """Go on from where ``state`` was taken."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.best.load_state_dict(state["best"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.pace = Pace(**state["pace"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.rounds = [Round(**row) for row in state["rounds"]]


def build_network(plan: Plan, classes: ClassTable) -> Classifier:
    """The plan's network; a pretrained encoder keeps its statistics and its first stages."""
    architecture = plan.architecture(class_count=len(classes), is_binary=classes.is_binary)
    network = Classifier(architecture, pretrained=plan.encoder != "plain")
    if isinstance(network.encoder, EfficientNetLite0):
        for module in network.encoder.modules():
            if isinstance(module, ConvNorm):
                module.frozen = True
        network.encoder.freeze_stages(plan.frozen_stages)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def make_optimizer(network: Classifier, plan: Plan) -> torch.optim.Optimizer:
    """The plan's optimiser over all weights that learn, the encoder's at a rate of their own."""
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    inside = {id(p) for p in network.encoder.parameters()}
    rest = [p for p in network.parameters() if id(p) not in inside]
    pretrained = plan.encoder != "plain"
    encoder_rate = plan.learning_rate * (plan.encoder_rate if pretrained else 1.0)
    groups = [
        {"params": parameters, "lr": rate, "full_rate": rate}
        for parameters, rate in ((encoder, encoder_rate), (rest, plan.learning_rate))
        if parameters
    ]
    optimizers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adamw": lambda: torch.optim.AdamW(groups, weight_decay=0.01, fused=True),
        "adam": lambda: torch.optim.Adam(groups, fused=True),
        "rmsprop": lambda: torch.optim.RMSprop(groups, momentum=0.9),
    }
    return optimizers[plan.optimizer]()


def weigh_classes(plan: Plan, classes: ClassTable) -> Tensor | None:
    """Weights (K,) of the plan, or None where all count alike."""
    if not plan.class_weights:
        return None
    return torch.tensor([plan.class_weights.get(name, 1.0) for name in classes.names])


def decay_at_start(step: int) -> float:
    """Decay of an average that does not remember its arbitrary beginning for long."""
    return (1 + step) / (10 + step)


def average_into(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Move the running average of weights and statistics towards the network's."""
    own, new = averaged.state_dict(), network.state_dict()
    names = [name for name, value in own.items() if value.dtype.is_floating_point]
    torch._foreach_lerp_([own[name] for name in names], [new[name] for name in names], 1 - decay)


def validate(network: Classifier, dataset: Dataset, plan: Plan) -> NDArray[np.int64]:
    """Confusion matrix over a data set, by the same path as prediction."""
    total = np.zeros((len(dataset.classes),) * 2, np.int64)
    for example in dataset:
        scores = classify(example.picture, network=as_score_network(network), scaling=plan.scaling)
        total += confusion_matrix(example.labels, scores.to_labels(), len(dataset.classes))
    return total


def as_score_network(network: Classifier) -> ScoreNetwork:
    """A torch module as what ``classify`` runs."""

    def run(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            logits: NDArray[np.float32] = network(
                torch.from_numpy(np.require(pictures, None, ["C", "W"]))
            ).numpy()
        return logits

    return run


def pick_evenly(dataset: Dataset, most: int) -> Dataset:
    """At most so many pictures of a data set, spread over its whole length."""
    if len(dataset) <= most:
        return dataset
    return dataset.subset(np.linspace(0, len(dataset) - 1, most).round().astype(int).tolist())
