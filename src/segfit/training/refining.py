"""What the trainings of the networks share that go by a finished classifier, or by the truth."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from segfit.datasets import Dataset
from segfit.networks.network import Network
from segfit.training.data.first_outlines import FinishedClassifier, FirstOutlines
from segfit.training.data.subsets import pick_for_rounds
from segfit.training.data.views import DrawView
from segfit.training.engine import Clock, RoundT, Training
from segfit.training.optimizers import make_regressor_optimizer
from segfit.training.placement import ON_CPU, Placement
from segfit.training.plan.plan import Plan
from segfit.training.schedule import make_schedule
from segfit.training.torch_state import use_seed

RefinerT = TypeVar("RefinerT", bound=Network)


class Validation(Protocol):
    """What a network made of validation images."""

    def to_dict(self) -> dict[str, float]:
        """The figures by their names in a round."""
        ...


class RefiningTraining(Training[RefinerT, RoundT]):
    """Training of a network that refines first outlines.

    ``views``: what it learns from. ``classifier``: whose outlines it refines; without one, outlines
    are made from the truth. ``initial``: a trained network to go on from, if it is built alike. Of
    the plan it takes ``steps`` and what is called after the regressor. ``placement``: where it
    computes.
    """

    largest_gradient = 1.0
    final_looks = 1
    """At all validation images, after the last round."""

    def __init__(
        self,
        views: DrawView,
        validation: Dataset,
        plan: Plan,
        *,
        classifier: FinishedClassifier | None = None,
        initial: RefinerT | None = None,
        seed: int,
        budget_seconds: float | None,
        placement: Placement = ON_CPU,
    ) -> None:
        self.placement = placement
        self.views, self.seed, self.classes = views, seed, validation.classes
        self.first_outlines = FirstOutlines(validation.classes, classifier)
        self.validation = pick_for_rounds(validation)
        with use_seed(seed):
            self.network = self.build(plan, classifier)
        if initial is not None and initial.architecture == self.network.architecture:
            self.network.load_state_dict(initial.state_dict())
        self.network.to(placement.device)
        self.peak_rate = plan.regressor_rate
        self.optimizer = make_regressor_optimizer(self.network, self.peak_rate)
        self.schedule = make_schedule(
            plan.steps,
            budget_seconds,
            closing_rounds=self.final_looks * len(validation) / max(1, len(self.validation)),
        )

    @abstractmethod
    def build(self, plan: Plan, classifier: FinishedClassifier | None) -> RefinerT:
        """The network, before it has learned anything."""

    @abstractmethod
    def validate(self, network: RefinerT, dataset: Dataset) -> Validation:
        """Compare what the network refines with the truth."""

    def validate_round(self, network: RefinerT, rounds: Sequence[RoundT]) -> Mapping[str, Any]:
        """Figures of a round, on a few of the validation images."""
        return self.validate(network, self.validation).to_dict()

    def guess_validation_seconds(self, network: RefinerT, clock: Clock) -> float:
        """What a round's validation costs, by an image from the middle of it."""
        before = clock()
        self.validate(network, self.validation.subset([len(self.validation) // 2]))
        return (clock() - before) * len(self.validation)
