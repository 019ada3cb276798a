"""The engine: its steps are those of a plain loop, and it keeps the best of what it validates."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from segfit.errors import SegfitError
from segfit.training.classifier import ClassifierTraining
from segfit.training.engine import Engine, Training, average_into, decay_at_start
from segfit.training.events import BoxRound, ClassifierRound, Step
from segfit.training.optimizers import make_regressor_optimizer
from segfit.training.plan.plan import make_plan
from segfit.training.schedule import Schedule

PLAN = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "batch": 2,
    "steps": 12,
    "coarse_share": 0.5,
    "loss": "cross_entropy + 0.5 dice",
    "l2": 1e-3,
}
SEED = 3


class Line(Training):
    """One weight and one bias, which learn that everything is 1; each step has two losses."""

    round_type = ClassifierRound
    largest_gradient = 1.0

    def __init__(self, *, steps=6, worth=(), seed=SEED, values=(1.0, 3.0)):
        self.network = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))
        nn.init.zeros_(self.network[0].weight)
        nn.init.zeros_(self.network[0].bias)
        self.peak_rate, self.seed, self.values = 0.1, seed, values
        self.optimizer = make_regressor_optimizer(self.network, self.peak_rate)
        self.schedule = Schedule(steps)
        self.worth = list(worth)
        self.seen = []

    def losses(self, step, *, coarse):
        for value in self.values:
            self.seen.append(self.network[0].weight.item())
            yield (self.network(torch.tensor([[value]])) - 1).square().mean()

    def validate_round(self, network, rounds):
        mean_iou = self.worth[len(rounds)] if self.worth else 0.5
        return {
            "mean_iou": mean_iou,
            "pixel_accuracy": 1.0,
            "iou": (1.0,),
            "best_mean_iou": max([mean_iou, *(done.mean_iou for done in rounds)]),
        }


def run(engine):
    """Run to the end; gives the network, the events and the states after each round."""
    events, states = [], []
    network = engine.run(
        on_event=events.append, save=lambda state: states.append(copy.deepcopy(state))
    )
    return network, events, states


def assert_same_weights(first, second, *, atol):
    first, second = first.state_dict(), second.state_dict()
    assert first.keys() == second.keys()
    for name, value in first.items():
        difference = (second[name].double() - value.double()).abs().max().item()
        assert difference <= atol, name


def learn_plainly(training):
    """A dozen steps as a plain loop takes them: returns the network and the running average."""
    network, steps = training.network, 12
    averaged = copy.deepcopy(network).eval()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=0.0, weight_decay=0.01, fused=True)
    for step in range(steps):
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        warm_up = min(1.0, (step + 1) / 20)
        optimizer.param_groups[0]["lr"] = 2e-3 * warm_up * (0.02 + 0.98 * cosine)
        batch = training.batches.make(step, coarse=step < 6)
        torch.manual_seed(SEED * 1_000_003 + step)
        network.train()
        logits, _, _ = network.score(batch.images)
        logits = nn.functional.interpolate(
            logits, size=batch.labels.shape[-2:], mode="bilinear", align_corners=False
        )
        two = torch.cat([torch.zeros_like(logits), logits], dim=1)
        loss = training.loss(two, batch.labels, None)
        loss = loss + 1e-3 * sum(p.square().sum() for p in parameters if p.ndim > 1)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        decay = min(1 - 1 / 50, (1 + step) / (10 + step))
        own = averaged.state_dict()
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                own[name].lerp_(value, 1 - decay)
    return network, averaged


def test_a_classifier_learns_what_a_plain_loop_teaches_it(squares):
    plan, _ = make_plan(squares.splits["train"], overrides=PLAN)
    with torch.random.fork_rng():
        network, averaged = learn_plainly(
            ClassifierTraining(squares, plan, seed=SEED, budget_seconds=None)
        )
    engine = Engine(ClassifierTraining(squares, plan, seed=SEED, budget_seconds=None))
    _, events, _ = run(engine)
    assert len([event for event in events if isinstance(event, Step)]) == 12
    assert_same_weights(network, engine.network, atol=1e-6)
    assert_same_weights(averaged, engine.averaged, atol=1e-6)


def test_a_classifier_resumes_to_the_same_weights(squares):
    plan, _ = make_plan(squares.splits["train"], overrides={**PLAN, "steps": 8})

    def begin():
        return Engine(ClassifierTraining(squares, plan, seed=SEED, budget_seconds=None))

    whole = begin()
    best, _, states = run(whole)
    resumed = begin()
    resumed.restore(states[2])
    assert_same_weights(best, run(resumed)[0], atol=1e-6)
    assert_same_weights(whole.averaged, resumed.averaged, atol=1e-6)
    assert_same_weights(whole.network, resumed.network, atol=1e-6)


def test_the_weights_move_before_the_next_loss_of_a_step():
    training = Line(steps=1)
    run(Engine(training))
    first, second = training.seen
    assert first == 0
    assert second != 0


def test_the_loss_of_a_step_is_the_mean_of_its_losses():
    training = Line(steps=1, values=(1.0, 1.0, 1.0))
    training.network[1].p = 0.0
    training.peak_rate = 0.0
    training.optimizer.param_groups[0]["peak_rate"] = 0.0
    _, events, _ = run(Engine(training))
    assert events[0].loss == 1.0
    assert events[0].learning_rate == 0.0


def test_a_step_without_losses_changes_nothing():
    training = Line(steps=2, values=())
    network, events, _ = run(Engine(training))
    assert [event.loss for event in events if isinstance(event, Step)] == [0, 0]
    assert all((value == 0).all() for value in network.state_dict().values())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_is_explained(value):
    training = Line(values=(value,))
    with pytest.raises(
        SegfitError, match=r"at step 0: train with a smaller learning rate than 0.1"
    ):
        run(Engine(training))


def test_what_is_drawn_in_a_step_depends_on_seed_and_step_alone():
    weights = []
    for noise in (1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(noise)
            weights.append(run(Engine(Line()))[0][0].weight.item())
    assert weights[0] == weights[1]
    assert run(Engine(Line(seed=4)))[0][0].weight.item() != weights[0]


@pytest.mark.parametrize(
    ("worth", "kept"), [((0.1, 0.3, 0.2), 1), ((0.3, 0.3, 0.1), 1), ((0.1, 0.2, 0.3), 2)]
)
def test_the_best_round_is_kept_the_last_of_equal_ones(worth, kept):
    engine = Engine(Line(steps=3, worth=worth))
    network, _, states = run(engine)
    assert len(states) == 3
    for name, value in network.state_dict().items():
        assert torch.equal(value, states[kept]["averaged"][name])


def test_rounds_that_are_all_worth_the_same_keep_the_last():
    assert BoxRound(1, 1, 0.0, 0.5, 0.5, 1.0, 1.0, 0.5).worth == 0
    engine = Engine(Line())
    network, _, _ = run(engine)
    assert_same_weights(network, engine.averaged, atol=0)


def test_time_does_not_run_backwards_and_breaks_do_not_count():
    now = [0.0]

    def tick():
        now[0] += 1.0
        return now[0]

    _, events, states = run(Engine(Line(), clock=tick))
    assert all(a.seconds <= b.seconds for a, b in pairwise(events))
    now[0] += 1e6
    resumed = Engine(Line(), clock=tick)
    resumed.restore(states[1])
    assert run(resumed)[1][0].seconds < events[-1].seconds


def test_an_average_moves_towards_the_network_and_leaves_counts_alone():
    averaged, network = nn.BatchNorm1d(1), nn.BatchNorm1d(1)
    for module, value in ((averaged, 0.0), (network, 1.0)):
        for tensor in (*module.parameters(), module.running_mean, module.running_var):
            nn.init.constant_(tensor, value)
    network.num_batches_tracked += 5
    average_into(averaged, network, decay=0.75)
    assert averaged.weight.item() == averaged.running_mean.item() == 0.25
    assert averaged.num_batches_tracked == 0
    assert network.weight.item() == 1.0


def test_an_average_soon_forgets_where_it_began():
    assert [decay_at_start(step) for step in (0, 8, 90)] == [0.1, 0.5, 0.91]
