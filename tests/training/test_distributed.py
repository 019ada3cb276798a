"""Two processes that share batches do what one does with them, here by gloo on processors."""

import multiprocessing
import os
import socket

import cv2
import numpy as np
import pytest
import torch
from torch import nn

import segfit
from segfit.classes import ClassTable
from segfit.datasets import Dataset, LabelledData, measure_labels
from segfit.datasets.labelled import Reading, Source
from segfit.errors import SegfitError
from segfit.model.archive import read_model
from segfit.training.classifier import ClassifierTraining
from segfit.training.distributed import (
    ALONE,
    Team,
    TeamBatchNorm,
    TeamDropout,
    count_processes,
    find_number,
    is_leading_process,
    open_team,
)
from segfit.training.engine import Engine
from segfit.training.plan.plan import make_plan

STEPS = 6
PLAN = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "batch": 8,
    "steps": STEPS,
    "coarse_share": 0.5,
    "objects": "grouped",
    "loss": "cross_entropy + 0.5 dice",
    "class_weights": {"square": 2.0},
    "l2": 1e-3,
}


def draw_data():
    """Squares, each an object; corners of different sizes are unknown, so that weights differ."""
    rng = np.random.default_rng(0)
    classes = ClassTable.from_names(("background", "square"), background=0, object_classes=(1,))

    def draw(number):
        labels = np.zeros((96, 96), np.uint8)
        top, left = rng.integers(8, 56, 2)
        labels[top : top + 28, left : left + 28] = 1
        objects = labels.astype(np.int32)
        labels[: 5 * number, :40] = 255
        image = np.where(labels[..., None] == 1, (210, 200, 90), (40, 60, 50))
        return (image + rng.integers(-20, 20, (96, 96, 1))).astype(np.uint8), labels, objects

    def make(numbers):
        drawn = [draw(number) for number in numbers]
        sources = [Source(f"{n:03}", lambda one=one: Reading(*one)) for n, one in enumerate(drawn)]
        stats = [measure_labels(one[1], class_count=2, given=one[2]) for one in drawn]
        return Dataset(classes, sources, stats=stats)

    return LabelledData(classes, {"train": make(range(8)), "val": make(range(2))}, ())


def write_squares(folder):
    """The same as files."""
    for split, dataset in draw_data().splits.items():
        for example in dataset:
            for name, grid in (("images", example.image[..., ::-1]), ("masks", example.labels)):
                place = folder / split / name
                place.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(place / f"{example.name}.png"), grid)


def learn(team):
    """Train to the end; gives what has become of the network by name, and the rounds' figures."""
    torch.set_num_threads(1)
    data = draw_data()
    plan, _ = make_plan(data.splits["train"], overrides=PLAN)
    engine = Engine(ClassifierTraining(data, plan, seed=3, budget_seconds=None, team=team))
    before = flatten(engine.network.parameters())
    engine.run(on_event=lambda event: None, save=lambda state: None)
    moments = engine.training.optimizer.state.values()
    vectors = {
        "weights": flatten(engine.network.parameters()) - before,
        "average": flatten(engine.averaged.parameters()) - before,
        "gradients": flatten(one["exp_avg"] for one in moments),
        "statistics": flatten(b for b in engine.network.buffers() if b.is_floating_point()),
    }
    return vectors, [done.mean_iou for done in engine.rounds]


def flatten(tensors):
    return torch.cat([tensor.detach().double().flatten() for tensor in tensors]).numpy()


def work(rank, ports, data, output, queue):
    """One of two processes, as torchrun would have started it: all that is compared of them."""
    number = str(rank)
    os.environ |= {"RANK": number, "LOCAL_RANK": number, "MASTER_ADDR": "127.0.0.1"}
    os.environ |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_PORT": ports[0]}
    try:
        with open_team(torch.device("cpu")) as team:
            learned = learn(team)
        os.environ["MASTER_PORT"] = ports[1]  # the first team's may still be in use
        result = segfit.train(
            data,
            output,
            component="classifier",
            plan={**PLAN, "objects": "none", "class_weights": {}, "steps": 2, "batch": 2},
            device="cpu",
        )
        queue.put((rank, (*learned, result.card.model_dump(mode="json"), is_leading_process())))
    except Exception as error:
        queue.put((rank, error))
        raise


def run_team(data, output):
    """What both processes have come to."""
    with socket.socket() as first, socket.socket() as second:
        ports = []
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
            ports.append(str(one.getsockname()[1]))
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [
        context.Process(target=work, args=(rank, ports, data, output, queue)) for rank in (0, 1)
    ]
    for worker in workers:
        worker.start()
    answers = dict(queue.get(timeout=300) for _ in workers)
    for worker in workers:
        worker.join(timeout=60)
    assert not [one for one in answers.values() if isinstance(one, Exception)]
    return answers[0], answers[1]


OFF = {"weights": 0.05, "average": 0.05, "gradients": 2e-3, "statistics": 1e-3}
"""How far the two may be apart, as shares. Adam divides by gradients, of which some are nothing
but rounding. What is left out shows: gradients that are not added up, by 0.5; statistics of a
process's own crops, by 0.36 of the weights; what it drops out by itself, by 0.2."""


def test_two_processes_with_half_a_batch_learn_what_one_learns_with_the_whole(tmp_path):
    data, output = tmp_path / "data", tmp_path / "squares.segfit"
    write_squares(data)
    expected, figures = learn(ALONE)
    (*leaders, card, leads), (*others, returned, follows) = run_team(data, output)
    for found, of_rank in (leaders, others):
        assert of_rank == pytest.approx(figures, abs=2e-3)
        for name, wanted in expected.items():
            off = np.linalg.norm(found[name] - wanted) / np.linalg.norm(wanted)
            assert off < OFF[name], name
    assert leads
    assert not follows
    assert card == returned == read_model(output).card.model_dump(mode="json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "squares.segfit"]


def test_a_team_of_one_does_nothing():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout2d())
    layers = list(network)
    ALONE.adapt(network)
    assert list(network) == layers
    value = torch.ones(2)
    assert ALONE.join(value) is ALONE.add_up(value) is ALONE.agree(value) is value
    assert list(ALONE.share(5)) == [0, 1, 2, 3, 4]
    ALONE.check_batch(7)


def test_each_process_has_its_share_of_the_crops():
    shares = [list(Team(rank, 3).share(6)) for rank in range(3)]
    assert shares == [[0, 1], [2, 3], [4, 5]]
    with pytest.raises(SegfitError, match=r"batch is 7, which 3 processes .* give --batch 9 or"):
        Team(0, 3).check_batch(7)


@pytest.mark.parametrize("shape", [(4, 3, 5, 6), (2, 3, 1, 1)])
def test_normalisation_in_a_team_is_torchs_own(shape, monkeypatch):
    team = Team(0, 1)
    own, theirs = TeamBatchNorm(nn.BatchNorm2d(3), team), nn.BatchNorm2d(3)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    inputs = [x.clone().requires_grad_() for _ in range(2)]
    for layer, given in zip((own, theirs), inputs, strict=True):
        nn.init.constant_(layer.weight, 2.0)
        (layer(given) * x.flip(0)).sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, atol=1e-4, rtol=1e-4)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(own.state_dict()[name], value)
    torch.testing.assert_close(own.eval()(x), theirs.eval()(x))


def test_dropout_in_a_team_draws_what_torch_draws():
    x = torch.ones(6, 5, 2, 2)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        expected = nn.Dropout2d(0.3)(x)
        parts = []
        for rank in range(2):
            torch.manual_seed(1)
            parts.append(TeamDropout(0.3, Team(rank, 2))(x[:3]))
    assert torch.equal(torch.cat(parts), expected)
    assert TeamDropout(0.3, Team(0, 2)).eval()(x) is x


def test_a_process_has_a_number_among_others_only(monkeypatch):
    assert (count_processes(), find_number()) == (1, None)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert (count_processes(), find_number()) == (4, 2)


def test_a_regressor_is_not_for_a_team(monkeypatch, tmp_path):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SegfitError, match="a regressor is trained by one process, and torchrun"):
        segfit.train(tmp_path, tmp_path / "x.segfit", component="regressor", device="cpu")
