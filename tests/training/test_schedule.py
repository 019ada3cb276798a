"""Timed training, on a clock that a test winds on by what each step is said to cost."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segfit.training import classifier as loop
from segfit.training import engine as rounds
from segfit.training.classifier import ClassifierTraining
from segfit.training.plan.plan import make_plan
from segfit.training.schedule import Pace

TINY = {
    "encoder": "plain",
    "widths": [[2]] * 5,
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "batch": 1,
}


class Simulation:
    """The real loop, in which only the clock moves: steps and validations cost what is given.

    ``step_seconds(step, is_coarse, now)`` and ``image_seconds`` say how much.
    """

    def __init__(self, data, *, budget_seconds, step_seconds, image_seconds, coarse_share=0.6):
        plan, _ = make_plan(data.splits["train"], overrides={**TINY, "coarse_share": coarse_share})
        self.now = 0.0
        self.step_seconds, self.image_seconds = step_seconds, image_seconds
        self.kinds = []
        with pytest.MonkeyPatch.context() as patch:
            clock = SimpleNamespace(perf_counter=lambda: self.now)
            patch.setattr(loop, "time", clock)
            patch.setattr(rounds, "time", clock)
            patch.setattr(loop, "validate", self.validate)
            self.training = ClassifierTraining(data, plan, seed=0, budget_seconds=budget_seconds)
            self.training.batches = self
            self.training._take_step = self.take_step
            self.training.run(on_event=lambda _: None, save=lambda _: None)
        self.now += image_seconds * len(data.splits["val"])  # the validation at the very end

    def make(self, step, *, coarse):
        return step, coarse

    def take_step(self, batch):
        step, is_coarse = batch
        self.kinds.append(is_coarse)
        self.now += self.step_seconds(step, is_coarse, self.now)
        return 1.0

    def validate(self, network, dataset, plan):
        self.now += self.image_seconds * len(dataset)
        return np.eye(2, dtype=np.int64), None


def steady(coarse, fine):
    return lambda step, is_coarse, now: coarse if is_coarse else fine


@pytest.mark.parametrize("budget_seconds", [12, 35, 170])
@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_steady_training_uses_its_time_well(squares, budget_seconds, ratio):
    done = Simulation(
        squares,
        budget_seconds=budget_seconds,
        step_seconds=steady(0.1, 0.1 * ratio),
        image_seconds=0.01,
    )
    assert done.now <= budget_seconds + 0.1 * ratio  # it stops after a step, not in it
    assert done.now >= (0.6 if ratio == 1 else 0.85) * budget_seconds


def test_coarse_steps_come_first_and_have_their_share(squares):
    for budget_seconds in (15, 100):
        done = Simulation(
            squares,
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
    squares, budget_seconds, coarse, ratio, image_seconds, coarse_share, slower, change_at
):
    dearest = coarse * max(1, ratio) * max(1, slower)

    def step_seconds(step, is_coarse, now):
        pace = slower if now > change_at * budget_seconds else 1
        return pace * (coarse if is_coarse else coarse * ratio)

    done = Simulation(
        squares,
        budget_seconds=budget_seconds,
        step_seconds=step_seconds,
        image_seconds=image_seconds,
        coarse_share=coarse_share,
    )
    # Two validations to guess, one of a round, one at the end, and one step, are what it must do.
    least = 12 * image_seconds + dearest
    assert done.now <= max(budget_seconds + dearest, least)
    assert done.training.step >= 1
    assert done.training.pace.steps == done.training.step


def test_no_time_at_all_still_takes_a_step(squares):
    done = Simulation(squares, budget_seconds=-3, step_seconds=steady(1, 1), image_seconds=0.01)
    assert done.training.step == 1


def test_given_steps_are_kept_whatever_they_cost():
    pace = Pace(coarse_share=0.5, steps=40)
    for step in range(40):
        pace.note_step(step, 1000.0)
        pace.adjust(step + 1, elapsed_seconds=1000.0 * step)
    assert (pace.steps, pace.coarse_until, pace.rounds) == (40, 20, 20)
    assert not pace.is_over(1e9)


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
    pace = Pace(coarse_share=0.5, steps=steps)
    found, step = [], 0
    while step < steps:
        step = pace.find_round_end(step + 1)
        found.append(step)
    assert found == ends


def test_short_trainings_have_fewer_rounds():
    rounds = [
        Pace(coarse_share=0.6, steps=1, budget_seconds=seconds).rounds
        for seconds in (-1, 10, 60, 300, 3000)
    ]
    assert rounds == [1, 1, 3, 15, 20]
