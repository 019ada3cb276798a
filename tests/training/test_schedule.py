"""Timed training, on a clock that a test winds on by what each step is said to cost."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import nn

from segfit.training.engine import Engine, Training
from segfit.training.events import EdgeRound, Step
from segfit.training.optimizers import make_regressor_optimizer
from segfit.training.schedule import Schedule, make_schedule

IMAGES = 4
"""Images that every validation takes."""


class Simulation(Training):
    """A training in which only the clock moves: steps and validations cost what is given.

    ``step_seconds(step, is_coarse, now)`` and ``image_seconds`` say how much.
    """

    round_type = EdgeRound
    largest_gradient = 1.0

    def __init__(self, *, budget_seconds, step_seconds, image_seconds, coarse_share=0.6):
        self.network = nn.Linear(1, 1)
        self.optimizer = make_regressor_optimizer(self.network, 1e-3)
        self.peak_rate, self.seed = 1e-3, 0
        self.schedule = make_schedule(None, budget_seconds, coarse_share=coarse_share)
        self.now = 0.0
        self.step_seconds, self.image_seconds = step_seconds, image_seconds
        self.kinds = []
        self.engine = Engine(self, clock=lambda: self.now)
        self.engine.run(on_event=lambda event: None, save=lambda state: None)
        self.now += image_seconds * IMAGES  # the validation at the very end

    def losses(self, step, *, coarse):
        self.kinds.append(coarse)
        self.now += self.step_seconds(step, coarse, self.now)
        yield self.network(torch.ones(1)).sum()

    def validate_round(self, network, rounds):
        self.now += self.image_seconds * IMAGES
        return {"loss": 1.0}

    def guess_validation_seconds(self, network, clock):
        self.now += 2 * self.image_seconds
        return self.image_seconds * IMAGES


def steady(coarse, fine):
    return lambda step, is_coarse, now: coarse if is_coarse else fine


@pytest.mark.parametrize("budget_seconds", [12, 35, 170])
@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_steady_training_uses_its_time_well(budget_seconds, ratio):
    done = Simulation(
        budget_seconds=budget_seconds,
        step_seconds=steady(0.1, 0.1 * ratio),
        image_seconds=0.01,
    )
    assert done.now <= budget_seconds + 0.1 * ratio  # it stops after a step, not in it
    assert done.now >= (0.6 if ratio == 1 else 0.85) * budget_seconds


def test_coarse_steps_come_first_and_have_their_share():
    for budget_seconds in (15, 100):
        done = Simulation(
            budget_seconds=budget_seconds,
            step_seconds=steady(0.1, 0.2),
            image_seconds=0.0,
        )
        assert done.kinds == sorted(done.kinds, reverse=True)
        assert np.mean(done.kinds) == pytest.approx(0.6, abs=0.05)


@settings(max_examples=25, deadline=None)
@example(  # a last step was taken, and its round's validation had no time left
    budget_seconds=5.0,
    coarse=0.0625,
    ratio=1.5,
    image_seconds=0.0625,
    coarse_share=0.3,
    slower=0.5,
    change_at=0.75,
)
@given(
    budget_seconds=st.floats(5, 200),
    coarse=st.floats(0.05, 1),
    ratio=st.floats(0.5, 6),
    image_seconds=st.floats(0, 0.1),
    coarse_share=st.sampled_from([0.0, 0.3, 0.6, 1.0]),
    slower=st.floats(0.3, 3),
    change_at=st.floats(0, 1),
)
def test_ends_within_its_budget_though_steps_change_their_cost(
    budget_seconds, coarse, ratio, image_seconds, coarse_share, slower, change_at
):
    dearest = coarse * max(1, ratio) * max(1, slower)

    def step_seconds(step, is_coarse, now):
        factor = slower if now > change_at * budget_seconds else 1
        return factor * (coarse if is_coarse else coarse * ratio)

    done = Simulation(
        budget_seconds=budget_seconds,
        step_seconds=step_seconds,
        image_seconds=image_seconds,
        coarse_share=coarse_share,
    )
    # Two validations to guess, one of a round, one at the end, and one step, are what it must do.
    least = 12 * image_seconds + dearest
    assert done.now <= max(budget_seconds + dearest, least)
    assert done.engine.step >= 1
    assert done.engine.schedule.steps == done.engine.step


def test_no_time_at_all_still_takes_a_step():
    done = Simulation(budget_seconds=-3, step_seconds=steady(1, 1), image_seconds=0.01)
    assert done.engine.step == 1


def test_given_steps_are_kept_whatever_they_cost():
    schedule = Schedule(coarse_share=0.5, steps=40)
    for step in range(40):
        schedule.note_step(step, 1000.0)
        schedule.adjust(step + 1, elapsed_seconds=1000.0 * step)
    assert (schedule.steps, schedule.coarse_until, schedule.rounds) == (40, 20, 20)
    assert not schedule.is_over(1e9)


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        (4, [1, 2, 3, 4]),
        (20, list(range(1, 21))),
        (45, [*range(3, 46, 3)]),
        (50, [*range(3, 50, 3), 50]),
    ],
)
def test_rounds_divide_the_steps(steps, ends):
    schedule = Schedule(coarse_share=0.5, steps=steps)
    found, step = [], 0
    while step < steps:
        step = schedule.find_round_end(step + 1)
        found.append(step)
    assert found == ends


def test_short_trainings_have_fewer_rounds():
    rounds = [
        Schedule(coarse_share=0.6, steps=1, budget_seconds=seconds).rounds
        for seconds in (-1, 10, 60, 300, 3000)
    ]
    assert rounds == [1, 1, 3, 15, 20]


def test_a_timed_training_does_not_know_its_steps_until_ten_are_taken():
    timed, counted = make_schedule(None, 60.0), make_schedule(40, 60.0)
    assert [timed.is_timing(step) for step in (0, 9, 10)] == [True, True, False]
    assert not counted.is_timing(0)
    assert counted.budget_seconds is None


def test_learning_rate_warms_up_and_falls():
    cosine, constant = (
        [Schedule(60, decay=decay).rate_factor(step) for step in range(60)]
        for decay in ("cosine", "constant")
    )
    for rates in (cosine, constant):
        assert rates[0] == pytest.approx(1 / 20, rel=0.01)
        assert max(rates) <= 1
    assert cosine[-1] < 0.03
    assert constant[-1] == 1
    assert all(a >= b for a, b in pairwise(cosine[21:]))


def test_every_group_of_weights_has_the_same_share_of_its_peak_rate():
    class Groups(Simulation):
        def losses(self, step, *, coarse):
            self.rates = [group["lr"] for group in self.optimizer.param_groups]
            return super().losses(step, coarse=coarse)

    done = Groups(budget_seconds=3.0, step_seconds=lambda *_: 0.1, image_seconds=0.0)
    rates, steps = [], []
    engine = Engine(done, clock=lambda: done.now)
    engine.schedule = Schedule(3)
    engine.run(
        on_event=lambda event: isinstance(event, Step) and steps.append(event.learning_rate),
        save=lambda state: rates.append(done.rates),
    )
    assert rates == [[rate] for rate in steps]
