"""What the trainings of both regression networks share, for outlines and for rectangles."""

from __future__ import annotations

import copy
import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from segfit.datasets import Dataset
from segfit.model.architecture import ClassifierArchitecture
from segfit.training.classifier import QUICK_VALIDATION, Score, pick_evenly
from segfit.training.data.views import DrawView
from segfit.training.engine import FIRST_GUESS_STEPS, State, TrainingInRounds, Validation
from segfit.training.events import OnEvent
from segfit.training.plan.plan import Plan
from segfit.training.schedule import Pace

LARGEST_GRADIENT = 1.0

Network = TypeVar("Network", bound=nn.Module)


class Verdict(Protocol):
    """What a network gains on labelled images."""

    def to_dict(self) -> dict[str, float]:
        """Figures by the names that a round has for them."""
        ...


class RegressionTraining(TrainingInRounds[Validation], Generic[Validation, Network]):
    """A training that can be stopped after any round, and resumed from its ``state``.

    ``views``: what it learns from. ``score``: the classifier that says where regions are; without
    one, coarse regions are made from the truth. ``classifier``: what it is built like. Of the plan
    it takes ``steps`` and what is called after the regressor.
    """

    network: Network
    averaged: Network

    def __init__(
        self,
        views: DrawView,
        validation: Dataset,
        plan: Plan,
        *,
        score: Score | None,
        classifier: ClassifierArchitecture | None = None,
        threshold: float = 0.5,
        seed: int,
        budget_seconds: float | None,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.seed, self.score, self.views = seed, score, views
        self.threshold = threshold
        self.network = self._build(classifier, plan)
        self.averaged = copy.deepcopy(self.network).eval()
        rate = plan.regressor_rate
        group = {"params": list(self.network.parameters()), "lr": rate, "full_rate": rate}
        self.optimizer = torch.optim.AdamW([group])
        self.full_rate, self.schedule = rate, "cosine"
        self.validation = pick_evenly(validation, QUICK_VALIDATION)
        self.pace = Pace(
            coarse_share=0.0,
            steps=plan.steps or FIRST_GUESS_STEPS,
            budget_seconds=None if plan.steps else budget_seconds,
        )

    @abstractmethod
    def _build(self, classifier: ClassifierArchitecture | None, plan: Plan) -> Network:
        """The network, before it has learned anything."""

    @abstractmethod
    def judge(self, dataset: Dataset) -> Verdict:
        """Compare with the truth what the network makes of a data set, before and after."""

    def run(self, *, on_event: OnEvent, save: Callable[[State], None]) -> Network:
        """Train to the end; ``save`` gets the state after every round."""
        self.run_rounds(time.perf_counter() - self.seconds, on_event=on_event, save=save)
        return self.averaged

    def _validate(self) -> dict[str, Any]:
        return dict(self.judge(self.validation).to_dict())

    def _descend(self, loss: Tensor) -> float:
        """One step of the optimiser; returns the loss."""
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), LARGEST_GRADIENT)
        self.optimizer.step()
        return loss.item()
