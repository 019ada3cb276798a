"""Where a training stands, in numbers: what its panel and its plain lines are made from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segfit.training.events import Round, Step

LOSS_SMOOTHING = 0.95
"""Decay per step of the running mean that is shown of the loss."""
FIRST_GUESS_STEPS = 50_000
"""A timed training begins with more steps than that, before their number is known."""


@dataclass(frozen=True)
class TrainingProgress:
    """Where a training stands.

    ``budget_seconds``: from its first step to the written file; None where the plan gives the
    steps. ``loss``: a running mean. ``rounds``: all validations so far, of every component.
    """

    budget_seconds: float | None = None
    step: int = 0
    steps: int = 0
    loss: float = math.nan
    learning_rate: float = math.nan
    seconds: float = 0.0
    rounds: tuple[Round, ...] = ()
    weight: float = 0.0  # of the steps that the loss is the mean of

    def after_step(self, step: Step) -> TrainingProgress:
        """The progress after one more step."""
        weight = LOSS_SMOOTHING * self.weight + 1
        before = 0.0 if math.isnan(self.loss) else self.loss
        return replace(
            self,
            step=step.step,
            steps=step.steps,
            loss=before + (step.loss - before) / weight,
            learning_rate=step.learning_rate,
            seconds=step.seconds,
            weight=weight,
        )

    def after_round(self, done: Round) -> TrainingProgress:
        """The progress after one more validation, of any component."""
        return replace(
            self,
            step=done.step,
            steps=done.steps,
            seconds=done.seconds,
            rounds=(*self.rounds, done),
        )

    @property
    def rounds_by_kind(self) -> dict[str, list[Round]]:
        """The validations of each component, in the order in which they were trained."""
        grouped: dict[str, list[Round]] = {}
        for done in self.rounds:
            grouped.setdefault(done.kind, []).append(done)
        return grouped

    @property
    def share(self) -> float:
        """How much of the training is done, 0 to 1: of its time, or of its steps."""
        if self.budget_seconds is not None:
            return min(1.0, self.seconds / max(self.budget_seconds, 1e-6))
        return self.step / self.steps if self.steps else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Time to the end, or None before the first step."""
        if self.budget_seconds is not None:
            return max(0.0, self.budget_seconds - self.seconds)
        return self.seconds / self.step * (self.steps - self.step) if self.step else None

    @property
    def knows_steps(self) -> bool:
        """Whether the number of steps is known: a timed training finds it during its first ones."""
        return self.budget_seconds is None or self.steps < FIRST_GUESS_STEPS
