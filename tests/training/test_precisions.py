"""What a training measures of precisions faster than single."""

import time

import numpy as np
import pytest

import segfit
from segfit.evaluation.regions import evaluate
from segfit.model.archive import read_model, write_model
from segfit.model.precision import Precision
from segfit.model.scaling import Scaling
from segfit.runtime.precision import list_fast
from segfit.training import precisions
from segfit.training.components import find_precision_seconds
from segfit.training.precisions import (
    LEAST_SECONDS,
    add_precisions,
    find_losses,
    list_seen,
    measure_losses,
    read_figures,
    with_losses,
    with_precisions,
)

INT8 = Precision.INT8

needs_fast = pytest.mark.skipif(not list_fast(), reason="no VNNI, no bfloat16")


@pytest.fixture(scope="module")
def squares(make_squares):
    return make_squares()


@pytest.fixture(scope="module")
def trained(squares, tiny_plan, tmp_path_factory):
    """A model that has learned to find squares."""
    path = tmp_path_factory.mktemp("trained") / "squares.segfit"
    plan = {**tiny_plan, "steps": 80, "batch": 4, "learning_rate": 1e-2}
    segfit.train(squares, path, component="classifier", plan=plan, threads=1)
    return path


@needs_fast
def test_a_training_measures_what_the_processor_is_fast_in(trained, squares):
    faster = read_model(trained).card.classifier.faster
    assert tuple(faster.losses) == list_fast()
    assert faster.measured_on == "4 validation images"
    assert bool(faster.ranges) is (INT8 in list_fast())
    for losses in faster.losses.values():
        assert losses.keys() == {"mean IoU", "boundary F at 1 px"}
        assert max(losses.values()) < 0.05
    # What the card says is what a user finds.
    found = {
        precision: read_figures(
            evaluate(segfit.load(trained, precision=precision), squares.splits["val"])
        )
        for precision in (Precision.SINGLE, *faster.losses)
    }
    assert find_losses(found) == faster.losses


@needs_fast
def test_a_model_is_computed_in_what_costs_little(trained, tmp_path):
    model = read_model(trained)
    fastest = list_fast()[0]
    for loss, expected in ((0.0, f" in {fastest}"), (0.002, "")):
        measured = with_losses(model, {fastest: {"mean IoU": loss}}, 4)
        path = tmp_path / f"loses_{loss:g}.segfit"
        write_model(measured, path)
        assert repr(segfit.load(path, threads=1)).endswith(f"openvino with 1 thread{expected}>")


@needs_fast
def test_a_model_that_has_learned_nothing_is_not_measured(tiny_model):
    assert read_model(tiny_model).card.classifier.faster is None


@needs_fast
def test_measuring_changes_no_network(trained, squares):
    model = with_precisions(read_model(trained), None)
    again = add_precisions(model, squares)
    assert again.networks == model.networks
    assert again == read_model(trained)


def test_without_time_or_images_nothing_is_said(trained, squares, make_squares):
    model = read_model(trained)
    for data, seconds in ((squares, LEAST_SECONDS / 2), (make_squares(validation=2), None)):
        assert add_precisions(model, data, seconds=seconds).card.classifier.faster is None


def test_a_time_that_is_over_measures_nothing(trained, squares):
    measured = measure_losses(
        read_model(trained), squares.splits["val"], list_fast(), until=time.perf_counter()
    )
    assert measured == ({}, 0)


def test_the_time_that_is_left_decides_how_many_images_count(trained, squares, monkeypatch):
    clock = iter([0.0, 1.0])  # an image takes a second in each precision
    monkeypatch.setattr(precisions, "read_clock", lambda: next(clock, 1.0))
    fast = list_fast()
    until = 1.0 + 3.5 * (1 + len(fast))
    _, images = measure_losses(read_model(trained), squares.splits["val"], fast, until=until)
    assert images == 3


def test_what_is_lost_is_how_much_lower_a_figure_is():
    figures = {
        Precision.SINGLE: {"mean IoU": 0.875, "boundary F at 1 px": 0.5},
        INT8: {"mean IoU": 0.8745, "boundary F at 1 px": 0.5012},
    }
    assert find_losses(figures) == {INT8: {"mean IoU": 0.0005, "boundary F at 1 px": -0.0012}}


def test_ranges_are_found_over_what_the_classifier_sees():
    scaling = Scaling("field", factor=1.0)
    images = [np.full((40, 64, 3), 7, np.uint8), np.zeros((1500, 32, 3), np.uint8)]
    seen = [image.shape for image in list_seen(images, scaling, until=time.perf_counter() + 60)]
    assert seen == [(1, 64, 64, 3), (1, 1024, 32, 3)]
    assert len(list(list_seen(images, scaling, until=0.0))) == 1


def test_short_trainings_spend_no_time_on_it():
    assert find_precision_seconds(60.0) == 0
    assert find_precision_seconds(1000.0) >= LEAST_SECONDS
