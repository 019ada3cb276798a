"""Training of the box regressor: what it gains, and that it learns and resumes."""

import numpy as np
import pytest
import torch

import segfit
from segfit.model.archive import read_model
from segfit.result.regions import OrientedBox
from segfit.training.boxes import BoxTraining, BoxValidation
from segfit.training.data.views import LabelledViews
from segfit.training.engine import Engine
from segfit.training.events import BoxRound
from segfit.training.plan.plan import make_plan


def test_validation_compares_before_and_after():
    truth = OrientedBox((10.0, 10.0), 10.0, 10.0, 0.0)
    first = OrientedBox((11.0, 10.0), 10.0, 10.0, 0.0)
    moved = OrientedBox((10.0, 10.0), 10.0, 10.0, 0.0, np.full(4, 0.5))
    found = BoxValidation()
    found.add(first, moved, truth)
    figures = found.to_dict()
    assert figures["iou_before"] == pytest.approx(9 / 11)
    assert figures["iou"] == pytest.approx(1)
    assert figures["edge_error_before_px"] == pytest.approx(0.5), "two of four by a pixel"
    assert figures["edge_error_px"] == pytest.approx(0)
    assert figures["within_one"] == 1
    assert np.isnan(BoxValidation().to_dict()["iou"])


@pytest.mark.parametrize("better", [True, False])
def test_a_model_has_it_where_it_beats_the_boxes_of_outlines(
    better, squares, tiny_plan, tmp_path, monkeypatch
):
    plain, path = tmp_path / "plain.segfit", tmp_path / "squares.segfit"
    segfit.train(squares, plain, plan=tiny_plan, threads=1)
    monkeypatch.setattr(BoxValidation, "beats_outlines", better)
    events = []
    segfit.train(
        squares, path, component="regressor", base=plain, plan=tiny_plan, threads=1,
        on_event=events.append,
    )  # fmt: skip
    assert any(isinstance(event, BoxRound) for event in events)
    card = read_model(path).card
    assert (card.boxes is not None) == better
    if card.boxes is not None:
        assert {"iou", "iou_before", "iou_of_outlines"} <= card.boxes.metrics.keys()


def test_boxes_come_from_the_network_in_every_runtime(squares, tiny_plan, tmp_path, monkeypatch):
    path, without = tmp_path / "with.segfit", tmp_path / "without.segfit"
    monkeypatch.setattr(BoxValidation, "beats_outlines", True)
    plain = tmp_path / "plain.segfit"
    segfit.train(squares, plain, plan={**tiny_plan, "steps": 30}, threads=1)
    for target, share in ((path, 0.5), (without, 0.0)):
        plan = {**tiny_plan, "boxes_share": share}
        segfit.train(squares, target, component="regressor", base=plain, plan=plan, threads=1)
    assert read_model(without).card.boxes is None
    image = squares.splits["val"][0].image
    corners = []
    for backend in ("openvino", "onnxruntime", "torch"):
        regions = segfit.load(path, backend=backend, threads=1)(image).regions
        corners.append(np.array([region.box.corners for region in regions]))
        assert all(region.box.error_px is not None for region in regions)
    assert len(corners[0]) > 0
    for others in corners[1:]:
        np.testing.assert_allclose(others, corners[0], atol=0.05)


def begin(data, **settings):
    plan, _ = make_plan(data.splits["train"], overrides=settings)
    return Engine(
        BoxTraining(
            LabelledViews(data.splits["train"], plan.augmentation, seed=0),
            data.splits["val"],
            plan,
            seed=0,
            budget_seconds=None,
        )
    )


def test_it_learns_to_move_edges_to_the_truth(make_squares):
    engine = begin(make_squares(training=8, validation=8), steps=90)
    events = []
    engine.run(on_event=events.append, save=lambda state: None)
    done = [event for event in events if isinstance(event, BoxRound)][-1]
    assert done.edge_error_px < 0.8 * done.edge_error_before_px
    assert done.iou > done.iou_before


def test_it_resumes_to_the_network_that_it_would_have_become(squares):
    whole = begin(squares, steps=4)
    whole.run(on_event=lambda event: None, save=lambda state: None)
    states = []
    first = begin(squares, steps=4)
    with pytest.raises(KeyboardInterrupt):
        first.run(on_event=lambda event: None, save=lambda state: stop_after(states, state, 2))
    second = begin(squares, steps=4)
    second.restore(states[-1])
    second.run(on_event=lambda event: None, save=lambda state: None)
    expected = whole.averaged.state_dict()
    for name, value in second.averaged.state_dict().items():
        torch.testing.assert_close(value, expected[name])


def stop_after(states, state, count):
    states.append(state)
    if len(states) == count:
        raise KeyboardInterrupt


def test_images_without_objects_teach_nothing(make_dataset, make_squares):
    empty = make_dataset([(np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40), np.uint8))])
    data = make_squares()
    plan, _ = make_plan(data.splits["train"], overrides={"steps": 2})
    training = BoxTraining(
        LabelledViews(empty, plan.augmentation, seed=0), empty, plan, seed=0, budget_seconds=None
    )
    network = Engine(training).run(on_event=lambda event: None, save=lambda state: None)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
