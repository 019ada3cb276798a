"""Training of the regression network: it learns, repeats itself, and goes on where it stood."""

import sys

import numpy as np
import pytest
import torch

import segfit
from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.model.architecture import OutlineArchitecture
from segfit.model.archive import read_model, read_refiner
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.training.data.views import LabelledViews
from segfit.training.events import OutlineRound, RectangleRound, Round, Step
from segfit.training.outlines import (
    RegressorTraining,
    fit_temperature,
    is_better,
    outline_loss,
)
from segfit.training.plan.plan import make_plan

NUCLEI = segfit.__path__[0] + "/demo_data/nuclei"


@pytest.fixture(scope="module")
def data():
    return open_labelled(NUCLEI)


def begin(data, **settings):
    plan, _ = make_plan(
        data.splits["train"], overrides={"steps": 6, "regressor_width": 16, **settings}
    )
    return RegressorTraining(
        LabelledViews(data.splits["train"], plan.augmentation, seed=0),
        data.splits["val"],
        plan,
        score=None,
        seed=0,
        budget_seconds=None,
    )


def test_on_its_own_it_learns_to_move_outlines_to_the_truth(data):
    training = begin(data, steps=120, regressor_width=32)
    events = []
    training.run(on_event=events.append, save=lambda state: None)
    rounds = [event for event in events if isinstance(event, OutlineRound)]
    assert len([event for event in events if isinstance(event, Step)]) == 120
    assert rounds[-1].error_px < 0.9 * rounds[-1].error_before_px


def test_it_goes_on_to_the_model_that_it_would_have_become(data):
    whole = begin(data)
    whole.run(on_event=lambda event: None, save=lambda state: None)
    states = []
    first = begin(data)
    with pytest.raises(KeyboardInterrupt):
        first.run(on_event=lambda event: None, save=lambda state: stop_after(states, state, 2))
    second = begin(data)
    second.restore(states[-1])
    assert 0 < second.step < 6
    second.run(on_event=lambda event: None, save=lambda state: None)
    expected = whole.averaged.state_dict()
    for name, value in second.averaged.state_dict().items():
        torch.testing.assert_close(value, expected[name])


def stop_after(states, state, count):
    states.append(state)
    if len(states) == count:
        raise KeyboardInterrupt


def test_loss_is_least_where_the_truth_is():
    targets = torch.tensor([2.25, float("nan"), 99.0])
    right = torch.full((3, 17), -9.0)
    right[0, 10], right[0, 11] = np.log(0.75), np.log(0.25)
    wrong = right.roll(3, dims=1)
    sure = torch.full((3,), -1.0)
    good = outline_loss(right, torch.tensor([2.25, 0, 0]), sure, targets)
    bad = outline_loss(wrong, torch.tensor([5.25, 0, 0]), sure, targets)
    assert good < bad
    unknown = outline_loss(right, torch.zeros(3), sure, torch.full((3,), float("nan")))
    assert unknown == 0


@pytest.mark.parametrize("target", [0.0, 2.25, -3.5])
def test_the_answer_that_costs_least_has_its_mean_at_the_target(target):
    network = OutlineRegressor(OutlineArchitecture(width=8))
    logits = torch.zeros(1, 17, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        still = torch.tensor([target])  # the cross-entropy alone
        outline_loss(logits, still, torch.zeros(1), still).backward()
        optimizer.step()
    assert network.mean_near_mode(logits.detach()).item() == pytest.approx(target, abs=0.01)


def test_a_regressor_for_a_classifier_refines_in_every_runtime(
    data, tiny_model, tiny_plan, tmp_path
):
    path = tmp_path / "finer.segfit"
    segfit.train(data, path, component="regressor", base=tiny_model, plan=tiny_plan, threads=1)
    model = read_model(path)
    assert model.card.name == "finer"
    before, after = (one.networks["classifier"].weights for one in (read_model(tiny_model), model))
    assert after == before, "the classifier is as it was"
    assert model.card.regressor is not None
    assert model.card.regressor.temperature > 0
    assert {"error_px", "error_before_px", "mean_iou"} <= model.card.regressor.metrics.keys()
    image = data.splits["val"][0].image
    results = {}
    for backend in ("openvino", "onnxruntime", "torch"):
        segmenter = segfit.load(path, backend=backend, threads=1)
        results[backend] = segmenter(image)
        plain = segmenter(image, refine=False)
        assert results[backend].refined is not None
        assert plain.refined is None
    for result in results.values():
        assert (result.labels == results["torch"].labels).mean() > 0.999


def test_trained_with_the_classifier_it_stays_only_if_it_wins(
    data, tiny_plan, tmp_path, monkeypatch
):
    module = sys.modules["segfit.training.train"]  # by its name there is the function
    for wins in (True, False):
        monkeypatch.setattr(module, "is_better", lambda figures, wins=wins: wins)
        path = tmp_path / f"{wins}.segfit"
        events = []
        result = segfit.train(data, path, plan=tiny_plan, threads=1, on_event=events.append)
        assert {type(event) for event in events} == {Step, Round, OutlineRound, RectangleRound}
        assert (read_model(path).card.regressor is not None) == wins
        assert any("left out" in note for note in result.notes) == (not wins)


@pytest.mark.parametrize(
    ("error_px", "mean_iou", "better"),
    [(1.9, 0.81, True), (1.9, 0.798, True), (2.1, 0.81, False), (1.9, 0.79, False)],
)
def test_better_is_nearer_to_the_truth_at_no_cost(error_px, mean_iou, better):
    before = {"error_before_px": 2.0, "mean_iou_before": 0.8}
    assert is_better({**before, "error_px": error_px, "mean_iou": mean_iou}) == better


def test_temperature_brings_normal_errors_to_their_claim():
    errors = np.abs(np.random.default_rng(0).standard_normal(100_000))
    assert fit_temperature(3 * errors) == pytest.approx(3, rel=0.01)
    assert fit_temperature(np.empty(0)) == 1.0


def test_a_regressor_without_a_classifier_is_a_refiner(squares, tmp_path):
    path = tmp_path / "edges.segfit"
    plan = {"steps": 6, "regressor_width": 8}
    about = {"licence": "CC0-1.0"}
    rounds = []

    def interrupt(event):
        if isinstance(event, OutlineRound):
            stop_after(rounds, event, 2)

    options = {"component": "regressor", "plan": plan, "threads": 1, "description": about}
    with pytest.raises(KeyboardInterrupt):
        segfit.train(squares, path, on_event=interrupt, **options)
    result = segfit.train(squares, path, resume=True, threads=1, description=about)
    card = read_refiner(path).card
    assert result.card == card
    assert (card.name, card.licence) == ("edges", "CC0-1.0")
    assert (card.plan["trained_steps"], card.plan["regressor_width"]) == (6, 8)
    assert card.regressor.architecture.features == 0
    assert card.regressor.temperature > 0
    assert card.regressor.metrics["measured_on"] == "4 validation images"
    example = squares.parts["val"][0]
    refined = segfit.load_refiner(path, threads=1)(
        example.labels, example.image, classes=squares.classes
    )
    assert refined.refined.error_px is not None


def test_interrupted_in_its_second_part_it_goes_on_there(data, tiny_plan, tmp_path):
    path = tmp_path / "both.segfit"

    def interrupt(event):
        if isinstance(event, OutlineRound):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segfit.train(data, path, component="both", plan=tiny_plan, threads=1, on_event=interrupt)
    events = []
    segfit.train(data, path, resume=True, threads=1, on_event=events.append)
    assert not any(isinstance(event, Round) for event in events), "the classifier was done"
    assert any(isinstance(event, OutlineRound) for event in events)
    assert read_model(path).card.name == "both"


def test_what_cannot_be_is_said_first(data, tiny_model, tiny_plan, tmp_path):
    path = tmp_path / "never.segfit"
    with pytest.raises(SegfitError, match="train the part regressor, or leave the model out"):
        segfit.train(data, path, base=tiny_model, plan=tiny_plan)
    other = type(data)(
        ClassTable.from_names(("background", "vacuole")), data.splits, notes=data.notes
    )
    with pytest.raises(SegfitError, match="give the data that the model was trained on"):
        segfit.train(other, path, component="regressor", base=tiny_model, plan=tiny_plan)
    with pytest.raises(SegfitError, match=r"face tells background, hair, .* apart, and the data"):
        segfit.train(data, path, component="regressor", base="face", plan=tiny_plan)
    with pytest.raises(SegfitError, match="neither a file nor a shipped model"):
        segfit.train(data, path, component="regressor", base="faces", plan=tiny_plan)
    assert not path.exists()
