"""An evaluation in several processes: the same figures as in one."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import segfit
from segfit.batch.spread import SpreadOut
from segfit.batch.workers import Workers
from segfit.datasets import open_labelled
from segfit.datasets.drawn import Drawing, DrawnImage
from segfit.edges.detectors import DETECTORS
from segfit.edges.finder import EdgeFinder
from segfit.evaluation.edges import evaluate_edges
from segfit.evaluation.outlines import evaluate_outlines
from segfit.evaluation.regions import evaluate, prefix_of
from segfit.refiner import load_refiner

NUCLEI = Path(segfit.__file__).parent / "demo_data" / "nuclei"


@pytest.fixture(scope="module")
def nuclei():
    return open_labelled(NUCLEI).splits["val"]


def elsewhere_and_backwards(do, count):
    """Like another process: what is done is a copy, and the last item ends first."""
    copy = pickle.loads(pickle.dumps(do))
    for number in reversed(range(count)):
        yield number, pickle.loads(pickle.dumps(copy(number)))


def forget_times(report) -> dict[str, object]:
    return {name: value for name, value in report.to_dict().items() if "seconds" not in name}


def test_two_processes_give_the_same_figures(tiny_model, nuclei):
    model = segfit.load(tiny_model, threads=1)
    here = evaluate(model, nuclei, group_of=prefix_of)
    progress = []
    report = evaluate(
        model,
        nuclei,
        group_of=prefix_of,
        spread=SpreadOut(Workers(2, 1)),
        on_progress=lambda *one: progress.append(one),
    )
    assert forget_times(report) == forget_times(here)
    assert [row.surprise for row in report.rows] == [row.surprise for row in here.rows]
    assert progress == [(number, 6) for number in range(1, 7)]


def test_outlines_are_compared_elsewhere_as_here(tiny_refiner, nuclei):
    refiner = load_refiner(tiny_refiner, threads=1)
    few = nuclei[:3]
    here = evaluate_outlines(refiner, few)
    report = evaluate_outlines(refiner, few, spread=elsewhere_and_backwards)
    assert forget_times(report) == forget_times(here)
    assert report.after.errors_px.tolist() == here.after.errors_px.tolist()


def test_edges_are_compared_elsewhere_as_here():
    finder, images = EdgeFinder(DETECTORS["sobel"], strength=0.1), []
    for edge in (20, 28):
        image = np.zeros((48, 48, 3), np.uint8)
        image[:, edge:] = 200
        regions = (image[..., 0] > 0).astype(np.int64)
        drawn = np.zeros((48, 48), bool)
        drawn[:, edge] = True
        images.append(DrawnImage(str(edge), image, (Drawing(drawn, regions),)))
    here = evaluate_edges(finder, images)
    report = evaluate_edges(finder, images, spread=elsewhere_and_backwards)
    assert forget_times(report) == forget_times(here)
