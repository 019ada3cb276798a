"""What holds for every metric of classes, whatever it measures."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segfit.classes import IGNORE, ClassTable
from segfit.cli.display.reports import render_report
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import GroupFigures
from segfit.metrics import CLASS_METRICS, ClassFigure, ClassMetric
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

CLASS_COUNT = 3
LABELS = st.sampled_from([0, 0, 1, 2])
TRUE_LABELS = st.sampled_from([0, 0, 1, 2, IGNORE])


def draw_grids(truth=TRUE_LABELS):
    return st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda shape: st.tuples(
            arrays(np.uint8, shape, elements=truth), arrays(np.uint8, shape, elements=LABELS)
        )
    )


def measure(metric, counts):
    return {(one.key, one.variant): one.values for one in metric.figures(counts)}


@pytest.fixture(params=CLASS_METRICS.values(), ids=CLASS_METRICS.keys(), scope="module")
def metric(request):
    return request.param


@given(arrays(np.uint8, (6, 7), elements=LABELS))
def test_the_truth_itself_is_best(metric, labels):
    present = np.isin(np.arange(CLASS_COUNT), labels)
    for figure in metric.figures(metric.count(labels, labels, CLASS_COUNT)):
        assert figure.values.shape == (CLASS_COUNT,)
        assert np.isnan(figure.values[~present]).all()
        known = figure.values[~np.isnan(figure.values)]
        assert known == pytest.approx(metric.best)
        assert np.isnan(figure.mean) or figure.mean == pytest.approx(metric.best)


@given(draw_grids(), st.integers(0, 2**32 - 1))
def test_what_is_predicted_at_ignored_pixels_changes_nothing(metric, grids, seed):
    truth, predicted = grids
    other = np.random.default_rng(seed).integers(0, CLASS_COUNT, truth.shape).astype(np.uint8)
    changed = np.where(truth == IGNORE, other, predicted)
    before, after = (
        measure(metric, metric.count(truth, given, CLASS_COUNT)) for given in (predicted, changed)
    )
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name])


@given(draw_grids())
def test_counts_of_images_add_up(metric, grids):
    counts = metric.count(*grids, CLASS_COUNT)
    twice, once = measure(metric, counts + counts), measure(metric, counts)
    for name, values in once.items():
        np.testing.assert_allclose(twice[name], values)


@given(draw_grids(), draw_grids())
def test_the_order_of_images_does_not_matter(metric, first, second):
    one, other = (metric.count(*grids, CLASS_COUNT) for grids in (first, second))
    for name, values in measure(metric, one + other).items():
        np.testing.assert_allclose(measure(metric, other + one)[name], values)


@given(draw_grids())
def test_neither_grid_is_changed(metric, grids):
    before = [grid.copy() for grid in grids]
    metric.count(*grids, CLASS_COUNT)
    for grid, kept in zip(grids, before, strict=True):
        np.testing.assert_array_equal(grid, kept)


def test_names_of_figures_tell_them_apart():
    labels = np.uint8([[0, 1]])
    figures = [
        figure
        for metric in CLASS_METRICS.values()
        for figure in metric.figures(metric.count(labels, labels, 2))
    ]
    assert len({figure.title for figure in figures}) == len(figures)
    assert len({(figure.key, figure.variant) for figure in figures}) == len(figures)


def test_a_further_metric_is_in_json_table_and_text(monkeypatch, capsys):
    def count_corner(truth, predicted, class_count):
        return np.int64([truth[0, 0] == predicted[0, 0], 1])

    def figures(counts):
        return (ClassFigure("corner", "corner", np.full(2, counts[0] / counts[1])),)

    monkeypatch.setitem(CLASS_METRICS, "corner", ClassMetric("corner", count_corner, figures))
    classes_of_data = ClassTable.from_names(("a", "b"))

    @dataclasses.dataclass
    class Example:
        name: str
        labels: np.ndarray
        image = np.zeros((1, 2, 3), np.uint8)
        objects = None

    class Examples(list):
        classes = classes_of_data

    class Zero:
        classes = classes_of_data

        def __call__(self, image, /):
            return Segmentation(image, LabelGrid(np.zeros((1, 2), np.uint8)), classes_of_data)

    data = Examples([Example("x", np.uint8([[0, 1]])), Example("y", np.uint8([[1, 1]]))])
    report = evaluate(Zero(), data, group_of=lambda name: name)
    written = json.loads(json.dumps(report.to_dict()))
    assert written["mean_corner"] == 0.5
    assert written["classes"]["b"]["corner"] == 0.5
    assert written["groups"]["y"]["mean_corner"] is None  # one class alone has no mean
    assert written["groups"]["y"]["classes"]["b"]["corner"] == 0
    assert "corner 0.500" in repr(report)
    assert isinstance(report.groups["x"], GroupFigures)
    assert "corner 1.000" in repr(report.groups["x"])
    from rich.console import Console

    Console(width=80).print(render_report(report))
    assert "corner" in capsys.readouterr().out
