"""Reports at the width of a usual terminal: nothing is cut."""

import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from segfit.classes import ClassTable
from segfit.cli.display.reports import FigureTable, render_report
from segfit.evaluation.edges import EdgeReport, ImageEdges
from segfit.evaluation.outlines import OutlineFigures, OutlineReport
from segfit.evaluation.regions import evaluate
from segfit.metrics.boundary import count_boundaries
from segfit.metrics.covering import RegionFigures
from segfit.metrics.edges import EdgeFigures
from segfit.partition import LabelGrid
from segfit.refinement.outlines import start_walk
from segfit.result.segmentation import Segmentation

NAMES = tuple(
    f"{name}_{'x' * 26}" if number % 2 else f"{name} of considerable length"
    for number, name in enumerate(("rest", "red", "white", "granule", "nucleus", "wall", "vessel",
                                   "membrane", "fibre"))
)  # fmt: skip
CLASSES = ClassTable.from_names(NAMES, object_classes=(1, 2, 3))
KINDS = ("fluorescence with a long name", "brightfield", "phasecontrast" * 2, "electrons", "dark")


class Example:
    objects = np.where(np.arange(36).reshape(6, 6) % 9 < 4, np.arange(1, 37).reshape(6, 6), 0)

    def __init__(self, name):
        self.name = name
        self.labels = (np.arange(36) % 9).reshape(6, 6).astype(np.uint8)
        self.image = np.repeat(self.labels[..., None], 3, axis=2)


class Examples(list):
    classes = CLASSES


class Shifted:
    classes = CLASSES

    def __call__(self, image, /):
        labels = np.where(image[..., 0] == 8, 0, image[..., 0])
        return Segmentation(image, LabelGrid(labels), CLASSES)


class Claiming(Shifted):
    def __call__(self, image, /):
        outlines = start_walk(super().__call__(image).partition, 1.0).partition
        errors = np.full(len(outlines.points), 0.5)
        return Segmentation(image, replace(outlines, error_px=errors), CLASSES)


def to_text(renderable, width=80):
    console = Console(width=width, file=io.StringIO())
    console.print(renderable)
    return console.file.getvalue()


def read_column(text):
    """What the first columns say, the folds taken out."""
    return "".join(line[1:].split("│")[0].strip() for line in text.splitlines() if "│" in line)


@pytest.fixture(scope="module")
def report():
    data = Examples(Example(f"{kind}_{'image' * 8}") for kind in KINDS)
    return evaluate(Shifted(), data, group_of=lambda name: name.partition("_")[0])


def test_nine_long_classes_groups_and_objects_are_not_cut(report):
    text = to_text(render_report(report))
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= 80
    names = read_column(text)
    for name in NAMES:
        assert name.replace(" ", "") in names.replace(" ", ""), name
    assert f"{report.iou[0]:.3f}" in text
    assert f"{report.groups['dark'].mean_iou:.3f}" in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_every_figure_is_there_at_any_width(report, width):
    text = to_text(render_report(report), width)
    assert "…" not in text
    for title in ("IoU", "Dice", "F@1 px", "F@3 px", "AP@0.5", "PQ", "AJI", "mean IoU", "matched"):
        assert title in text


def test_columns_that_do_not_fit_go_below_under_their_names():
    table = FigureTable("name", [f"title {n}" for n in range(9)], [("row", ["0.123"] * 9)])
    lines = to_text(table, 50).splitlines()
    assert sum("name" in line for line in lines) == 3
    assert sum(line.count("0.123") for line in lines) == 9
    assert all(any(f"title {n}" in line for line in lines) for n in range(9))


def test_outlines_before_and_after():
    labels = np.uint8([[0, 0, 1, 1]])
    figures = OutlineFigures(
        errors_px=np.array([1.0, -1.0]),
        claimed_px=np.array([1.0, np.nan]),
        points=3,
        boundaries=count_boundaries(labels, labels, 2),
        confusion=np.array([[2, 0], [0, 2]]),
    )
    text = to_text(render_report(OutlineReport(figures, figures, 4, 0.0123)))
    assert "…" not in text
    for expected in ("before", "after", "F@2 px", "within 2 standard errors", "1 → 1", "12.3 ms"):
        assert expected in text


def test_edges_beside_drawings():
    regions = RegionFigures(0.6, 0.8, 1.234)
    report = EdgeReport(
        images=3,
        edges=EdgeFigures(0.78, 0.25, 0.7, 0.9, 0.8, 0.82),
        regions=regions,
        regions_strength=0.3,
        regions_each=regions,
        seconds_per_image=0.1,
        rows=tuple(ImageEdges("[red]" + "picture" * 12, 0.1 * n, 0.2) for n in range(9)),
    )
    text = to_text(render_report(report))
    assert "…" not in text
    for expected in ("ODS", "0.780", "Rand index", "1.23 bits", "[red]", "100 ms", "each its own"):
        assert expected in text
    assert len(repr(report).splitlines()) <= 10
    assert len({report, report}) == 1
    assert report == report


def test_outlines_that_claim_errors_have_a_table():
    example = Example("a")
    example.labels = np.kron(np.arange(4).reshape(2, 2), np.ones((16, 16))).astype(np.uint8)
    example.objects = None
    example.image = np.repeat(example.labels[..., None], 3, axis=2)
    report = evaluate(Claiming(), Examples([example]))
    text = to_text(render_report(report))
    assert "within 1 of" in text
    assert f"{report.coverage.all.points:,}" in text
    assert "standard" not in to_text(render_report(evaluate(Shifted(), Examples([Example("a")]))))
