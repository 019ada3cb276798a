"""Models that tell touching objects apart, from training to results."""

import numpy as np
import pytest

import segfit
from segfit.classification.decision import Decision
from segfit.model.archive import read_model
from segfit.training import threshold
from segfit.training.classifier import build_network
from segfit.training.finetuning import restore_classifier
from segfit.training.plan.plan import make_plan
from segfit.training.threshold import choose_decision, choose_for_objects

CELL_PLAN = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "scaling": {"kind": "field"},
    "crop_px": [64, 64],
    "output_stride": 2,
    "coarse_share": 0,
    "batch": 4,
    "learning_rate": 1e-2,
    "steps": 150,
    "boxes_share": 0,
}


@pytest.fixture(scope="session")
def cell_model(pairs_of_cells, tmp_path_factory):
    """A model that tells touching cells apart, with its regression network."""
    path = tmp_path_factory.mktemp("cells") / "cells.segfit"
    segfit.train(pairs_of_cells, path, component="classifier", plan=CELL_PLAN, threads=2)
    return path


def test_touching_objects_are_told_apart(pairs_of_cells, cell_model, monkeypatch, tmp_path):
    monkeypatch.setenv("SEGFIT_CACHE", str(tmp_path / "cache"))
    card = read_model(cell_model).card
    assert card.plan["objects"] == "grouped"
    assert card.architecture.has_objects
    assert card.classes.object_classes == (1,)
    validation = pairs_of_cells.splits["val"]
    reports = {
        backend: segfit.evaluate(segfit.load(cell_model, backend=backend, threads=1), validation)
        for backend in ("openvino", "torch")
    }
    figures = reports["openvino"].instances
    # Connected regions would be a third of the cells at most, each of them two.
    assert figures.average_precision[0.5] > 0.7
    assert reports["torch"].instances.counts.true.tolist() == figures.counts.true.tolist()
    empty = segfit.load(cell_model, threads=1)(validation[4].image)
    assert len(empty.regions) <= 1


def test_a_regressor_moves_the_border_of_two_objects_once(
    pairs_of_cells, cell_model, monkeypatch, tmp_path
):
    monkeypatch.setenv("SEGFIT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "refined.segfit"
    plan = {**CELL_PLAN, "steps": 60}
    segfit.train(pairs_of_cells, path, component="regressor", base=cell_model, plan=plan, threads=2)
    segmenter = segfit.load(path, threads=1)
    result = segmenter(pairs_of_cells.splits["val"][0].image)
    sides = result.partition.labels[result.partition.sides]
    shared = (sides == 1).all(axis=1) & ~result.partition.is_edge
    assert shared.any()
    moved = np.isin(result.partition.arc_of_point, np.flatnonzero(shared))
    assert np.isfinite(result.partition.error_px[moved]).all()
    points = {tuple(point) for point in result.partition.points[moved].tolist()}
    owners = [
        region.object_number
        for region in result.regions
        if points & {tuple(point) for point in region.polygon[0].tolist()}
    ]
    assert len(owners) >= 2
    np.testing.assert_array_equal(
        np.unique(result.objects), [0, *(region.object_number for region in result.regions)]
    )


@pytest.mark.parametrize("kind", ["regions", "none"])
def test_objects_may_be_left_to_regions_or_out(pairs_of_cells, tmp_path, kind):
    plan = {**CELL_PLAN, "steps": 3, "objects": kind}
    path = tmp_path / "cells.segfit"
    card = segfit.train(pairs_of_cells, path, component="classifier", plan=plan, threads=1).card
    assert not card.architecture.has_objects
    assert card.classes.object_classes == ((1,) if kind == "regions" else ())


def test_objects_alone_choose_a_threshold_where_nothing_else_is_labelled(make_dataset):
    objects = np.zeros((64, 64), np.int32)
    objects[10:20, 10:20], objects[10:20, 20:30] = 1, 2
    labels = np.where(objects > 0, 1, 255).astype(np.uint8)
    image = np.where(objects[..., None] > 0, 200, 30).astype(np.uint8).repeat(3, axis=2)
    dataset = make_dataset([(image, labels, objects)] * 2)
    plan, _ = make_plan(dataset, overrides={**CELL_PLAN, "objects": "grouped"})
    network = build_network(plan, dataset.classes).eval()
    assert choose_for_objects(network, dataset, plan) is not None


def test_pixels_of_objects_that_are_left_out_count_as_background(
    pairs_of_cells, cell_model, monkeypatch
):
    none_is_so_sure = Decision(0.5, certainty=1.0)
    monkeypatch.setattr(threshold, "choose_for_objects", lambda *_: none_is_so_sure)
    validation, model = pairs_of_cells.splits["val"], read_model(cell_model)
    plan, _ = make_plan(validation, overrides=CELL_PLAN)
    decision, confusion = choose_decision(restore_classifier(model), validation, plan)
    assert decision == none_is_so_sure
    assert confusion[1].sum() > 0
    assert confusion[:, 1].sum() == 0
