"""Training of the box network: what it learns from, and that it learns."""

import numpy as np
import pytest
import torch

import segfit
from segfit.model.archive import read_model
from segfit.partition import partition_of
from segfit.result.regions import OrientedBox, fit_box
from segfit.training.boxes import (
    RectangleJudgement,
    RectangleTraining,
    box_loss,
    find_true_boxes,
    frame_iou,
    halve_steps,
    match_regions,
)
from segfit.training.data.views import LabelledViews
from segfit.training.events import RectangleRound
from segfit.training.plan.plan import make_plan


def test_regions_match_where_they_share_most_of_both():
    first, second = np.zeros((20, 40), np.uint8), np.zeros((20, 40), np.uint8)
    first[2:8, 2:8], second[3:9, 3:9] = 1, 1  # 25 of 36 pixels
    first[2:8, 20:30], second[2:8, 20:24], second[2:8, 26:30] = 1, 1, 1  # one for two
    first[12:18, 2:8], second[12:18, 2:8] = 1, 2  # another class
    matches = match_regions(partition_of(first), partition_of(second))
    assert matches.tolist() == [[0, 0], [1, 3]], "the grounds, and the first square"


def test_true_rectangles_are_those_of_whole_labelled_regions():
    labels = np.zeros((40, 60), np.uint8)
    labels[4:14, 6:26] = 1
    labels[24:34, 6:26], labels[24:34, 20:26] = 1, 255  # partly unknown
    labels[4:6, 40:42] = 1  # very small
    first = partition_of(np.where(labels == 255, 1, labels).astype(np.uint8))
    true = find_true_boxes(first, labels, background=0)
    assert len(true.regions) == len(true.boxes) == 1
    (box,) = true.boxes
    assert (box.center_xy, box.width, box.height) == (
        pytest.approx((16, 9)), pytest.approx(20), pytest.approx(10),
    )  # fmt: skip


def test_middles_of_pixel_sides_lie_about_a_slanting_edge():
    ring = np.array([[0.0, 0], [3, 0], [3, 2], [0, 2]])
    middles = halve_steps(ring)
    assert len(middles) == 10
    assert middles[:4].tolist() == [[0.5, 0], [1.5, 0], [2.5, 0], [3, 0.5]]
    y, x = np.mgrid[:60, :60] + 0.5
    along, across = (x + y - 60) / np.sqrt(2), (y - x) / np.sqrt(2)
    labels = ((abs(along) < 20) & (abs(across) < 10)).astype(np.uint8)
    (ring,) = partition_of(labels).polygon(1)
    box = fit_box(halve_steps(ring))
    assert sorted((box.width, box.height)) == pytest.approx([20, 40], abs=0.8)


def test_overlap_in_a_common_frame():
    offsets = torch.tensor([[0.0, 0, 0, 0], [0, 0.5, 0, 0], [0.25, 0, 0, -0.25]])
    targets = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    expected = [1, 1 / 1.5, 0.75 / (1 + 1.25 * 0.75 - 0.75)]
    torch.testing.assert_close(frame_iou(offsets, targets), torch.tensor(expected))


def test_loss_is_least_where_the_truth_is():
    targets = torch.tensor([[0.1, -0.1, 0.0, 0.2]])
    sure, unsure = torch.full((1, 4), -4.0), torch.full((1, 4), -1.0)
    assert box_loss(targets, sure, targets) < box_loss(targets, unsure, targets)
    off = targets + 0.2
    assert box_loss(targets, sure, targets) < box_loss(off, sure, targets)
    assert box_loss(off, unsure, targets) < box_loss(off, sure, targets)


def test_judgement_compares_before_and_after():
    truth = OrientedBox((10.0, 10.0), 10.0, 10.0, 0.0)
    first = OrientedBox((11.0, 10.0), 10.0, 10.0, 0.0)
    moved = OrientedBox((10.0, 10.0), 10.0, 10.0, 0.0, np.full(4, 0.5))
    judgement = RectangleJudgement()
    judgement.add(first, moved, truth)
    figures = judgement.to_dict()
    assert figures["iou_before"] == pytest.approx(9 / 11)
    assert figures["iou"] == pytest.approx(1)
    assert figures["edge_error_before_px"] == pytest.approx(0.5), "two of four by a pixel"
    assert figures["edge_error_px"] == pytest.approx(0)
    assert figures["within_one"] == 1
    assert np.isnan(RectangleJudgement().to_dict()["iou"])


@pytest.mark.parametrize("better", [True, False])
def test_a_model_has_it_where_it_beats_the_rectangles_of_outlines(
    better, squares, tiny_plan, tmp_path, monkeypatch
):
    plain, path = tmp_path / "plain.segfit", tmp_path / "squares.segfit"
    segfit.train(squares, plain, plan=tiny_plan, threads=1)
    monkeypatch.setattr(RectangleJudgement, "beats_outlines", better)
    events = []
    segfit.train(
        squares, path, component="regressor", base=plain, plan=tiny_plan, threads=1,
        on_event=events.append,
    )  # fmt: skip
    assert any(isinstance(event, RectangleRound) for event in events)
    card = read_model(path).card
    assert (card.boxes is not None) == better
    if card.boxes is not None:
        assert {"iou", "iou_before", "iou_of_outlines"} <= card.boxes.metrics.keys()


def test_boxes_come_from_the_network_in_every_runtime(squares, tiny_plan, tmp_path, monkeypatch):
    path, without = tmp_path / "with.segfit", tmp_path / "without.segfit"
    monkeypatch.setattr(RectangleJudgement, "beats_outlines", True)
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
    return RectangleTraining(
        LabelledViews(data.splits["train"], plan.augmentation, seed=0),
        data.splits["val"],
        plan,
        score=None,
        seed=0,
        budget_seconds=None,
    )


def test_it_learns_to_move_edges_to_the_truth(make_squares):
    training = begin(make_squares(training=8, validation=8), steps=90)
    events = []
    training.run(on_event=events.append, save=lambda state: None)
    done = [event for event in events if isinstance(event, RectangleRound)][-1]
    assert done.edge_error_px < 0.8 * done.edge_error_before_px
    assert done.iou > done.iou_before


def test_it_goes_on_to_the_network_that_it_would_have_become(squares):
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
    training = RectangleTraining(
        LabelledViews(empty, make_plan(data.splits["train"])[0].augmentation, seed=0),
        empty,
        make_plan(data.splits["train"], overrides={"steps": 2})[0],
        score=None,
        seed=0,
        budget_seconds=None,
    )
    network = training.run(on_event=lambda event: None, save=lambda state: None)
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())
