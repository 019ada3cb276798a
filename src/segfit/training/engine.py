"""The training engine: one loop of steps and rounds for every network.

What is trained is a ``Training``: a network with its optimiser and schedule, the losses of a step
and the figures of a validation. ``classifier``, ``outlines``, ``boxes`` and ``edges`` have one
each; how weights move, what is kept, and how a training is resumed stands here alone.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from segfit.errors import SegfitError
from segfit.runtime.devices import first_line
from segfit.training.distributed import ALONE, Team
from segfit.training.events import OnEvent, Round, SmallerBatch, Step
from segfit.training.placement import ON_CPU, Placement, free_memory, is_out_of_memory
from segfit.training.schedule import TIMING_STEPS, Schedule
from segfit.training.torch_state import to_cpu, use_seed

SHORTEST_AVERAGE, LONGEST_AVERAGE = 50, 500
"""Steps over which the weights are averaged, at least and at most; what gets validated and kept."""
AVERAGED_SHARE = 0.05
"""The same as a share of the training, between these limits."""
SEEDS_APART = 1_000_003
"""Between the seeds of two trainings' first steps: a training has fewer steps than that."""

State = dict[str, Any]
Clock = Callable[[], float]
NetworkT = TypeVar("NetworkT", bound=nn.Module)
RoundT = TypeVar("RoundT", bound=Round)


class Training(ABC, Generic[NetworkT, RoundT]):
    """What the engine trains.

    ``optimizer``: its groups have a ``peak_rate`` each, see ``segfit.training.optimizers``.
    ``peak_rate``: the one that is reported. ``schedule``: as it begins. ``largest_gradient``: norm
    to which a gradient is cut. ``seed``: of what is drawn in a step, the same after a restart.
    ``placement``: where the network is. ``team``: who trains along.
    """

    round_type: type[RoundT]
    largest_gradient: float
    network: NetworkT
    optimizer: torch.optim.Optimizer
    peak_rate: float
    schedule: Schedule
    seed: int
    placement: Placement = ON_CPU
    team: Team = ALONE

    @abstractmethod
    def losses(self, step: int, *, coarse: bool) -> Iterator[Tensor]:
        """The losses of a step, one after the other; before the next, the weights have moved.

        ``coarse``: at half the resolution, where the schedule has such steps.
        """

    @abstractmethod
    def validate_round(self, network: NetworkT, rounds: Sequence[RoundT]) -> Mapping[str, Any]:
        """Figures of a round by their names in ``round_type``; ``rounds``: those before it."""

    def halve_batch(self) -> int | None:
        """Learn from half as many crops at once from now on; None where it is one, and stays so."""
        return None

    def guess_validation_seconds(self, network: NetworkT, clock: Clock) -> float:
        """What a round's validation costs, before there has been one; 0 where nobody knows."""
        return 0.0


class Engine(Generic[NetworkT, RoundT]):
    """Trains a network; it can be stopped after any round, and resumed from its ``state``.

    ``averaged``: running average of the network's weights, which is what gets validated. ``best``:
    the same at the end of the round that is worth most. ``seconds``: of training, breaks between
    runs left out.
    """

    def __init__(self, training: Training[NetworkT, RoundT], *, clock: Clock | None = None) -> None:
        self.training, self.network, self.team = training, training.network, training.team
        self.averaged = copy.deepcopy(training.network).eval()
        self.best = copy.deepcopy(self.averaged)
        self.schedule = training.schedule
        self.step, self.seconds = 0, 0.0
        self.rounds: list[RoundT] = []
        self._clock = clock or self.team.read_clock

    def run(self, *, on_event: OnEvent, save: Callable[[State], None]) -> NetworkT:
        """Train to the end; ``save`` gets the state after every round. Returns the best network."""
        started = self._clock() - self.seconds
        if self.schedule.budget_seconds is not None and not self.schedule.round_seconds:
            self.schedule.round_guess_seconds = self.training.guess_validation_seconds(
                self.averaged, self._clock
            )
        while self.step < self.schedule.steps:
            self._train_round(started, on_event)
            on_event(self._validate(started))
            self.schedule.adjust(self.step, elapsed_seconds=self.seconds)
            save(self.state())
        return self.best

    def _train_round(self, started: float, on_event: OnEvent) -> None:
        """Take the steps until the next validation."""
        schedule = self.schedule
        round_end: int | None = None
        while self.step < min(round_end or schedule.steps, schedule.steps):
            before = self._clock()
            factor = schedule.rate_factor(self.step)
            loss = self._take_step_that_fits(factor, on_event)
            schedule.note_step(self.step, self._clock() - before)
            self.step += 1
            self.seconds = self._clock() - started
            if self.step == TIMING_STEPS:
                schedule.adjust(self.step, elapsed_seconds=self.seconds)
            if not schedule.is_timing(self.step):
                round_end = round_end or schedule.find_round_end(self.step)
            if schedule.is_over(self.seconds):
                schedule.steps = self.step
            rate = self.training.peak_rate * factor
            on_event(Step(self.step, schedule.steps, loss, rate, self.seconds))

    def _take_step_that_fits(self, rate_factor: float, on_event: OnEvent) -> float:
        """Take a step, with a smaller batch from now on where the card's memory is too small."""
        while True:
            try:
                return self.take_step(rate_factor)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                explained = first_line(error)
            # What the step computed is freed only now that the error is gone.
            self.training.optimizer.zero_grad()
            free_memory(self.training.placement.device)
            batch = None if self.team.size > 1 else self.training.halve_batch()
            if batch is None:
                raise SegfitError(
                    f"{self.training.placement.device} has too little memory for this training "
                    f"({explained}): give a smaller --batch or --long-side, free the memory that "
                    "others take, or train with --device cpu"
                )
            on_event(SmallerBatch(self.step, self.seconds, batch))

    def take_step(self, rate_factor: float) -> float:
        """Learn from each loss of the step; returns their mean, 0 where there was none."""
        for group in self.training.optimizer.param_groups:
            group["lr"] = group["peak_rate"] * rate_factor
        self.network.train()
        device = self.training.placement.device
        with use_seed(self.training.seed * SEEDS_APART + self.step, device):
            coarse = self.schedule.is_coarse(self.step)
            values = [
                self._descend(loss) for loss in self.training.losses(self.step, coarse=coarse)
            ]
        average_into(self.averaged, self.network, decay=self._average_decay())
        return sum(values) / max(1, len(values))

    def _descend(self, loss: Tensor) -> float:
        """Move the weights against the gradient of a loss; returns its value."""
        optimizer = self.training.optimizer
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.team.add_up_gradients(self.network)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.training.largest_gradient)
        optimizer.step()
        value = loss.item()  # asked for last: a card computes while the processor goes on
        if not math.isfinite(value):
            raise SegfitError(
                f"the loss became {value} at step {self.step}: train with a smaller learning rate "
                f"than {self.training.peak_rate:g}"
            )
        return value

    def _average_decay(self) -> float:
        span = min(max(AVERAGED_SHARE * self.schedule.steps, SHORTEST_AVERAGE), LONGEST_AVERAGE)
        return min(1 - 1 / span, decay_at_start(self.step))

    def _validate(self, started: float) -> RoundT:
        """Measure the averaged weights, and keep them where no round before was worth more."""
        before = self._clock()
        figures = self.team.lead(lambda: self.training.validate_round(self.averaged, self.rounds))
        self.schedule.round_seconds.append(self._clock() - before)
        self.seconds = self._clock() - started
        done = self.training.round_type(
            step=self.step, steps=self.schedule.steps, seconds=self.seconds, **figures
        )
        if not any(earlier.worth > done.worth for earlier in self.rounds):
            self.best.load_state_dict(self.averaged.state_dict())
        self.rounds.append(done)
        return done

    def state(self) -> State:
        """All that a training needs to resume, on any device.

        Tensors, which are the processor's, numbers, lists and strings only.
        """
        return {
            "network": to_cpu(self.network.state_dict()),
            "averaged": to_cpu(self.averaged.state_dict()),
            "best": to_cpu(self.best.state_dict()),
            "optimizer": to_cpu(self.training.optimizer.state_dict()),
            "schedule": asdict(self.schedule),
            "step": self.step,
            "seconds": self.seconds,
            "rounds": [asdict(done) for done in self.rounds],
        }

    def restore(self, state: State) -> None:
        """Resume from where ``state`` was taken."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.best.load_state_dict(state["best"])
        self.training.optimizer.load_state_dict(state["optimizer"])
        self.schedule = Schedule(**state["schedule"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.rounds = [self.training.round_type(**row) for row in state["rounds"]]


def decay_at_start(step: int) -> float:
    """Decay of an average that does not remember its arbitrary beginning for long."""
    return (1 + step) / (10 + step)


def average_into(averaged: nn.Module, network: nn.Module, *, decay: float) -> None:
    """Move the running average of weights and statistics towards the network's.

    ``torch.optim.swa_utils.AveragedModel`` would take the constants of a network along, of which
    the box regressor's are −∞ in places, and would begin with the weights after the first step.
    """
    own, new = averaged.state_dict(), network.state_dict()
    names = [name for name, value in own.items() if value.dtype.is_floating_point]
    move = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    move([own[name] for name in names], [new[name] for name in names], 0)
