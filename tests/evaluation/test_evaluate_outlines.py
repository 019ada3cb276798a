"""Outlines made coarse from the truth, refined, and compared with it."""

import copy
import json
import math
import pickle

import numpy as np
import pytest

from segfit.classes import IGNORE, ClassTable
from segfit.datasets import Dataset, measure_labels
from segfit.datasets.labelled import Reading, Source
from segfit.errors import SegfitError
from segfit.evaluation.outlines import OutlineFigures, evaluate_outlines
from segfit.metrics.boundary import no_boundaries
from segfit.partition import partition_of
from segfit.refinement.truth import draw_first_outlines

NAMES = ("background", "disc", "stripe")


def make_data(count=2, names=NAMES):
    """Images of a disc and a stripe; the grey levels are the labels times 50."""
    rows, columns = np.indices((64, 64))
    labels = np.where(np.hypot(rows - 24, columns - 24) < 14, 1, 0)
    labels[50:58] = 2
    order = [names.index(name) for name in NAMES]
    values = np.array(order, np.uint8)[labels]
    image = np.repeat(labels[..., None] * 50, 3, axis=2).astype(np.uint8)
    values[0, :5] = IGNORE
    sources = [Source(str(n), lambda: Reading(image, values)) for n in range(count)]
    stats = [measure_labels(values, class_count=3)] * count
    classes = ClassTable.from_names(names)
    return Dataset(classes, sources, stats=stats)


class Idle:
    def refine(self, partition, image, *, cell_px):
        return partition


class Knowing:
    """Reads the labels from the image."""

    def refine(self, partition, image, *, cell_px):
        assert 2 <= cell_px <= 8
        return partition_of(image[..., 0] // 50)


def test_report_compares_copies_and_speaks():
    report = evaluate_outlines(Idle(), make_data())
    twin = pickle.loads(pickle.dumps(copy.deepcopy(report)))
    assert twin.to_dict() == report.to_dict()
    assert len({report, report.before, report.after, report}) == 3
    assert report == report
    said = repr(report)
    assert said.startswith("<OutlineReport on 2 images")
    assert len(said.splitlines()) <= 10
    assert f"{report.after.mean_px:.3f} px" in said


def test_outlines_that_do_not_move_are_as_far_off_as_before():
    report = evaluate_outlines(Idle(), make_data())
    assert report.before.to_dict() == report.after.to_dict()
    assert report.before.mean_px > 0.2
    assert math.isnan(report.after.share_within(1))


def test_the_truth_is_where_it_is():
    progress = []
    report = evaluate_outlines(
        Knowing(), make_data(), on_progress=lambda *numbers: progress.append(numbers)
    )
    assert report.after.mean_iou == 1
    assert report.after.boundary_f[1] == 1
    assert report.after.mean_px < 0.4, "stairs of pixels around a smooth outline"
    assert report.after.points - len(report.after.errors_px) == 0
    assert progress == [(1, 2), (2, 2)]


def test_first_outlines_depend_on_the_seed_alone():
    data = make_data()
    first, second = (evaluate_outlines(m, data, seed=4).before for m in (Idle(), Knowing()))
    assert first.to_dict() == second.to_dict()
    other = evaluate_outlines(Idle(), data, seed=5).before
    assert other.mean_px != first.mean_px
    partition, _ = draw_first_outlines(data[0].labels, 3, np.random.default_rng((4, 0)))
    alone = evaluate_outlines(Idle(), make_data(1), seed=4).before
    assert alone.points == np.count_nonzero(~partition.is_edge[partition.arc_of_point])


def test_the_order_of_the_classes_does_not_matter_where_names_agree():
    shuffled = make_data(names=("stripe", "background", "disc"))
    table = ClassTable.from_names(NAMES)
    report = evaluate_outlines(Knowing(), shuffled, classes=table)
    assert report.after.mean_iou == 1
    assert report.after.boundary_f[1] == 1
    with pytest.raises(SegfitError, match="are not the data's"):
        evaluate_outlines(Knowing(), shuffled, classes=ClassTable.from_names(("a", "b")))


def test_figures_by_hand():
    figures = OutlineFigures(
        errors_px=np.array([1.0, -1.0, 3.0, 5.0]),
        claimed_px=np.array([1.0, 0.5, 1.0, np.nan]),
        points=5,
        boundaries=no_boundaries(2),
        confusion=np.array([[3, 1], [0, 4]]),
    )
    assert figures.mean_px == 2.5
    assert figures.rms_px == 3.0
    assert figures.median_px == 2.0
    assert figures.share_within(1) == pytest.approx(1 / 3)
    assert figures.share_within(2) == pytest.approx(2 / 3)
    assert figures.to_dict()["points_without_truth"] == 1
    assert figures.mean_iou == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_images_without_any_outline_have_no_figures():
    labels, image = np.zeros((32, 32), np.uint8), np.zeros((32, 32, 3), np.uint8)
    source = Source("flat", lambda: Reading(image, labels))
    stats = [measure_labels(labels, class_count=2)]
    classes = ClassTable.from_names(("a", "b"))
    data = Dataset(classes, [source], stats=stats)
    report = evaluate_outlines(Idle(), data)
    assert report.after.to_dict()["error_px_rms"] is None
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["images"] == 1
    with pytest.raises(SegfitError, match="has no images"):
        evaluate_outlines(Idle(), data[:0])
