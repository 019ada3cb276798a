"""Training of the classifier: it learns, it repeats itself, and it resumes where it stood."""

import copy
import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from segfit.errors import SegfitError
from segfit.networks.blocks import ConvNorm
from segfit.training.classifier import (
    ClassifierTraining,
    build_network,
    validate,
    weigh_classes,
)
from segfit.training.data.subsets import pick_evenly
from segfit.training.engine import Engine
from segfit.training.events import ClassifierRound, Step
from segfit.training.optimizers import make_optimizer
from segfit.training.plan.plan import make_plan

TINY = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "batch": 2,
    "steps": 6,
    "coarse_share": 0.5,
}


def begin(data, *, seed=0, **settings):
    plan, _ = make_plan(data.splits["train"], overrides={**TINY, **settings})
    return Engine(ClassifierTraining(data, plan, seed=seed, budget_seconds=None))


def run(engine):
    """Run to the end; gives the network, the events and the states after each round."""
    events, states = [], []
    network = engine.run(
        on_event=events.append, save=lambda state: states.append(copy.deepcopy(state))
    )
    return network, events, states


def weights_of(network):
    return torch.cat([value.flatten() for value in network.state_dict().values()])


def test_six_steps_are_reported_one_by_one(squares):
    _, events, states = run(begin(squares))
    steps = [event for event in events if isinstance(event, Step)]
    rounds = [event for event in events if isinstance(event, ClassifierRound)]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5, 6]
    assert all(event.steps == 6 and math.isfinite(event.loss) for event in steps)
    assert [event.step for event in rounds] == [1, 2, 3, 4, 5, 6]
    assert len(states) == 6
    assert all(len(event.iou) == 2 for event in rounds)
    best = [event.best_mean_iou for event in rounds]
    assert best == [max(event.mean_iou for event in rounds[: n + 1]) for n in range(6)]
    assert all(a.seconds <= b.seconds for a, b in pairwise(events))


def test_learns_bright_squares(squares):
    engine = begin(squares, steps=80, learning_rate=1e-2, batch=4)
    network, events, _ = run(engine)
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert np.mean(losses[-10:]) < 0.3 * np.mean(losses[:5])
    assert engine.rounds[-1].best_mean_iou > 0.9
    confusion, objects = validate(network, squares.splits["val"], engine.training.plan)
    assert objects is None
    assert confusion.sum() == 4 * (96 * 96 - 16)  # the ignored corner does not count


def test_same_seed_gives_the_same_network_exactly(squares):
    first, again, other = (run(begin(squares, seed=seed))[0] for seed in (1, 1, 2))
    assert torch.equal(weights_of(first), weights_of(again))
    assert not torch.equal(weights_of(first), weights_of(other))


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop"])
def test_every_optimizer_lowers_the_loss_and_can_resume(squares, optimizer):
    # Momentum makes RMSprop's steps ten times as long.
    rate = 1e-3 if optimizer == "rmsprop" else 5e-3
    settings = {"optimizer": optimizer, "learning_rate": rate, "steps": 30}
    _, events, states = run(begin(squares, **settings))
    losses = [event.loss for event in events if isinstance(event, Step)]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    straight = states[-1]
    resumed = begin(squares, **settings)
    resumed.restore(states[len(states) // 2])
    run(resumed)
    for name, value in straight["network"].items():
        torch.testing.assert_close(resumed.state()["network"][name], value, atol=1e-5, rtol=1e-5)


def test_resumes_from_every_round_to_the_same_end(squares):
    network, events, states = run(begin(squares))
    rounds = [event for event in events if isinstance(event, ClassifierRound)]
    for state in states:
        engine = begin(squares)
        engine.restore(copy.deepcopy(state))
        end, later, _ = run(engine)
        torch.testing.assert_close(weights_of(end), weights_of(network), atol=1e-6, rtol=0)
        assert [event.step for event in later if isinstance(event, Step)] == list(
            range(state["step"] + 1, 7)
        )
        found = [event.mean_iou for event in engine.rounds]
        assert found == pytest.approx([event.mean_iou for event in rounds])


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "symmetric_cross_entropy + 0.5 dice"},
        {"loss": "focal", "class_weights": {"square": 3.0}},
        {"l2": 1e-3},
        {"schedule": "constant"},
        {"coarse_share": 0.0},
        {"coarse_share": 1.0},
        {"batch": 1, "coarse_share": 0.0},
    ],
)
def test_settings_train(squares, settings):
    _, events, _ = run(begin(squares, **{"steps": 2, **settings}))
    assert all(math.isfinite(event.loss) for event in events if isinstance(event, Step))


def test_l2_is_added_to_the_loss(squares):
    losses = [
        next(event.loss for event in run(begin(squares, steps=1, l2=l2))[1]) for l2 in (0, 0.5)
    ]
    engine = begin(squares, steps=1)
    matrices = [p.detach() for p in engine.network.parameters() if p.ndim > 1]
    squared = sum(matrix.square().sum().item() for matrix in matrices)
    assert losses[1] - losses[0] == pytest.approx(0.5 * squared, rel=1e-3)


def test_loss_that_is_no_number_is_explained(squares):
    engine = begin(squares, learning_rate=1e-3)
    with torch.no_grad():
        engine.network.head.weight.fill_(float("nan"))
    with pytest.raises(SegfitError, match=r"the loss became nan at step 0.*than 0.001"):
        run(engine)


def test_pretrained_encoder_is_frozen_as_planned(squares):
    plan, _ = make_plan(
        squares.splits["train"], overrides={"frozen_stages": 2, "encoder_rate": 0.25}
    )
    network = build_network(plan, squares.classes)
    inside = [module for module in network.encoder.modules() if isinstance(module, ConvNorm)]
    assert all(module.frozen for module in inside)
    assert not any(p.requires_grad for p in network.encoder.stages[1].parameters())
    assert all(p.requires_grad for p in network.encoder.stages[2].parameters())
    optimizer = make_optimizer(network, plan)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == [0.25 * plan.learning_rate, plan.learning_rate]
    trained = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert trained == {id(p) for p in network.parameters() if p.requires_grad}


def test_class_weights_are_one_where_not_named(squares):
    plan = begin(squares, class_weights={"square": 4}).training.plan
    assert weigh_classes(plan, squares.classes).tolist() == [1, 4]
    assert weigh_classes(begin(squares).training.plan, squares.classes) is None


@pytest.mark.parametrize(("count", "most"), [(3, 24), (24, 24), (25, 24), (100, 24), (100, 1)])
def test_images_are_picked_evenly(make_dataset, count, most):
    pair = (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8))
    picked = pick_evenly(make_dataset([pair] * count), most)
    indices = [int(name) for name in picked.names]
    assert len(set(indices)) == len(indices) == min(count, most)
    assert indices[0] == 0
    if 1 < most < count:
        assert indices[-1] == count - 1
        assert max(np.diff(indices)) - min(np.diff(indices)) <= 1


def test_training_leaves_the_data_as_it_was(squares):
    before = [(example.image.copy(), example.labels.copy()) for example in squares.splits["train"]]
    run(begin(squares))
    for (image, labels), example in zip(before, squares.splits["train"], strict=True):
        np.testing.assert_array_equal(example.image, image)
        np.testing.assert_array_equal(example.labels, labels)
