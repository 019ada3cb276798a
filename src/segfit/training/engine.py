"""Training in rounds: steps against the clock, a validation, a state to resume from."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Generic, TypeVar

import torch
from torch import nn

from segfit.training.events import EdgeRound, OnEvent, OutlineRound, RectangleRound, Round, Step
from segfit.training.schedule import Pace

FIRST_GUESS_STEPS = 100_000
TIMING_STEPS = 10
WARM_UP_STEPS = 20
FINAL_RATE = 0.02
SHORTEST_AVERAGE, LONGEST_AVERAGE = 50, 500
"""Steps over which the weights are averaged, at least and at most; what gets validated and kept."""
AVERAGED_SHARE = 0.05
"""The same as a share of the training, between these limits."""

State = dict[str, Any]
Validation = TypeVar("Validation", Round, OutlineRound, RectangleRound, EdgeRound)


class TrainingInRounds(ABC, Generic[Validation]):
    """What the trainings of both networks share: it can be stopped after any round.

    ``averaged``: running average of the network's weights, which is what gets validated.
    ``full_rate``: the peak learning rate; the optimiser's groups have their own, by the
    name ``full_rate``. ``schedule``: "cosine" or "constant".
    """

    round_type: type[Validation]
    network: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.Optimizer
    pace: Pace
    full_rate: float
    schedule: str

    def __init__(self) -> None:
        self.step = 0
        self.seconds = 0.0
        self.rounds: list[Validation] = []

    @abstractmethod
    def _learn(self) -> float:
        """Take one step; returns its loss."""

    @abstractmethod
    def _validate(self) -> dict[str, Any]:
        """Figures of a round by their names in ``round_type``."""

    def run_rounds(
        self, started: float, *, on_event: OnEvent, save: Callable[[State], None]
    ) -> None:
        """Train to the end; ``save`` gets the state after every round.

        ``started``: when the training began, by the clock, breaks between runs left out.
        """
        while self.step < self.pace.steps:
            self._train_round(started, on_event)
            before = time.perf_counter()
            figures = self._validate()
            self.pace.round_seconds.append(time.perf_counter() - before)
            self.seconds = time.perf_counter() - started
            done = self.round_type(
                step=self.step, steps=self.pace.steps, seconds=self.seconds, **figures
            )
            self.rounds.append(done)
            on_event(done)
            self.pace.adjust(self.step, elapsed_seconds=self.seconds)
            save(self.state())

    def _train_round(self, started: float, on_event: OnEvent) -> None:
        """Take the steps until the next validation."""
        round_end: int | None = None
        while self.step < min(round_end or self.pace.steps, self.pace.steps):
            before = time.perf_counter()
            rate = self._set_learning_rate()
            loss = self._learn()
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

    def _set_learning_rate(self) -> float:
        progress = self.step / self.pace.steps
        factor = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        if self.schedule == "cosine":
            cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
            factor *= FINAL_RATE + (1 - FINAL_RATE) * cosine
        for group in self.optimizer.param_groups:
            group["lr"] = group["full_rate"] * factor
        return self.full_rate * factor

    def _average(self) -> None:
        """Let the averaged weights follow the network's, after a step."""
        span = min(max(AVERAGED_SHARE * self.pace.steps, SHORTEST_AVERAGE), LONGEST_AVERAGE)
        average_into(
            self.averaged, self.network, decay=min(1 - 1 / span, decay_at_start(self.step))
        )

    def state(self) -> State:
        """All that a training needs to resume: tensors, numbers, lists and strings only."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
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
        self.optimizer.load_state_dict(state["optimizer"])
        self.pace = Pace(**state["pace"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.rounds = [self.round_type(**row) for row in state["rounds"]]


def decay_at_start(step: int) -> float:
    """Decay of an average that does not remember its arbitrary beginning for long."""
    return (1 + step) / (10 + step)


def average_into(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Move the running average of weights and statistics towards the network's."""
    own, new = averaged.state_dict(), network.state_dict()
    names = [name for name, value in own.items() if value.dtype.is_floating_point]
    torch._foreach_lerp_([own[name] for name in names], [new[name] for name in names], 1 - decay)
