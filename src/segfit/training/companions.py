"""Networks that go with a classifier and its outline regressor, and are trained after them.

A module of this folder that has a ``COMPANION`` has such a network: to add one is to add its
module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from segfit.basics.discovery import collect
from segfit.model.card import NetworkCard
from segfit.networks.network import Network
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.training.data.first_outlines import FinishedClassifier
from segfit.training.data.views import DrawView
from segfit.training.plan.plan import Plan
from segfit.training.session import TrainingSession

TrainedNetwork = tuple[NetworkCard[Any], Network]
"""What a model's card says of a network, and the network."""


@dataclass(frozen=True)
class Company:
    """What there is when a companion's training begins, all of it finished."""

    session: TrainingSession
    views: DrawView
    classifier: FinishedClassifier
    outlines: OutlineRegressor


@dataclass(frozen=True)
class Companion:
    """A network that is trained in the company of others.

    ``share``: of the regressors' time, by the plan; 0 for a plan that wants none. ``train``: in so
    many seconds; gives None for a network that improves nothing, which is then left out.
    """

    share: Callable[[Plan], float]
    train: Callable[[Company, float], TrainedNetwork | None]


def share_out(plan: Plan, budget_seconds: float) -> tuple[float, list[tuple[Companion, float]]]:
    """Seconds for the outlines, and for every companion that the plan wants.

    Each companion gets its share of what those before it leave.
    """
    wanted = []
    for companion in collect("segfit.training", "COMPANION", Companion):
        share = companion.share(plan)
        if share > 0:
            wanted.append((companion, budget_seconds * share))
            budget_seconds *= 1 - share
    return budget_seconds, wanted
