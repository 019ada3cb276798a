"""Training of the regression network: it learns, and resumes where it stood."""

import pytest
import torch

import segfit
from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.model.archive import read_model, read_refiner
from segfit.training import components
from segfit.training.data.views import LabelledViews
from segfit.training.engine import Engine
from segfit.training.events import BoxRound, ClassifierRound, OutlineRound, Step
from segfit.training.outlines import OutlineTraining, is_better
from segfit.training.plan.plan import make_plan

NUCLEI = segfit.__path__[0] + "/demo_data/nuclei"


@pytest.fixture(scope="module")
def data():
    return open_labelled(NUCLEI)


def begin(data, **settings):
    plan, _ = make_plan(
        data.splits["train"], overrides={"steps": 6, "regressor_width": 16, **settings}
    )
    return Engine(
        OutlineTraining(
            LabelledViews(data.splits["train"], plan.augmentation, seed=0),
            data.splits["val"],
            plan,
            seed=0,
            budget_seconds=None,
        )
    )


def test_on_its_own_it_learns_to_move_outlines_to_the_truth(data):
    engine = begin(data, steps=120, regressor_width=32)
    events = []
    engine.run(on_event=events.append, save=lambda state: None)
    rounds = [event for event in events if isinstance(event, OutlineRound)]
    assert len([event for event in events if isinstance(event, Step)]) == 120
    assert rounds[-1].error_px < 0.9 * rounds[-1].error_before_px


def test_at_the_end_it_is_fitted_how_far_it_goes(data, monkeypatch):
    monkeypatch.setattr("segfit.training.outlines.fit_shrinkage", lambda *given: 0.25)
    engine = begin(data)
    network = engine.run(on_event=lambda event: None, save=lambda state: None)
    before = network.head.weight.detach().clone()
    engine.training.finish(network, data.splits["val"].subset(range(2)))  # too few to say
    assert network.architecture.shrinkage == 0
    torch.testing.assert_close(network.head.weight, before)
    engine.training.finish(network, data.splits["val"], data.splits["train"])
    assert network.architecture.shrinkage == 0.25
    assert not torch.equal(network.head.weight[-1], before[-1])
    torch.testing.assert_close(network.head.weight[:-1], before[:-1])


def test_it_resumes_to_the_model_that_it_would_have_become(data):
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


def test_trained_with_the_classifier_it_stays_only_if_it_gains(
    data, tiny_plan, tmp_path, monkeypatch
):
    for gains in (True, False):
        monkeypatch.setattr(components, "is_better", lambda figures, gains=gains: gains)
        path = tmp_path / f"{gains}.segfit"
        events = []
        result = segfit.train(data, path, plan=tiny_plan, threads=1, on_event=events.append)
        assert {type(event) for event in events} == {Step, ClassifierRound, OutlineRound, BoxRound}
        assert (read_model(path).card.regressor is not None) == gains
        assert any("left out" in note for note in result.notes) == (not gains)


@pytest.mark.parametrize(
    ("error_px", "mean_iou", "better"),
    [(1.9, 0.81, True), (1.9, 0.798, True), (2.1, 0.81, False), (1.9, 0.79, False)],
)
def test_better_is_nearer_to_the_truth_at_no_cost(error_px, mean_iou, better):
    before = {"error_before_px": 2.0, "mean_iou_before": 0.8}
    assert is_better({**before, "error_px": error_px, "mean_iou": mean_iou}) == better


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
    example = squares.splits["val"][0]
    refined = segfit.load_refiner(path, threads=1)(
        example.labels, example.image, classes=squares.classes
    )
    assert refined.refined.error_px is not None


def test_interrupted_in_its_second_component_it_resumes_there(data, tiny_plan, tmp_path):
    path = tmp_path / "both.segfit"

    def interrupt(event):
        if isinstance(event, OutlineRound):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        segfit.train(data, path, component="both", plan=tiny_plan, threads=1, on_event=interrupt)
    events = []
    segfit.train(data, path, resume=True, threads=1, on_event=events.append)
    kinds = {event.kind for event in events}
    assert "round" not in kinds, "the classifier was done"
    assert "outlines" in kinds
    assert read_model(path).card.name == "both"


def test_what_cannot_be_is_said_first(data, tiny_model, tiny_plan, tmp_path):
    path = tmp_path / "never.segfit"
    with pytest.raises(SegfitError, match="scaling: taken from tiny, from which training goes on"):
        segfit.train(data, path, base=tiny_model, plan={"scaling": tiny_plan["scaling"]})
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
