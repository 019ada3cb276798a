"""What the commands print, at the width of a usual terminal: nothing is cut off."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from segfit.batch.fit import FitJob, MeasuredMask, OpenedMask
from segfit.batch.predict import PredictedImage
from segfit.batch.run import BatchReport
from segfit.classes import ClassTable
from segfit.classical import METHODS
from segfit.cli.display.cards import describe_precision, render_card, render_models
from segfit.cli.display.demo import render_findings, render_steps
from segfit.cli.display.fits import render_fits
from segfit.cli.display.methods import describe_settings, render_methods
from segfit.cli.display.predictions import render_predictions
from segfit.cli.display.terminal import FirstThatFits, make_table
from segfit.imaging.scale import Scale
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture
from segfit.model.archive import read_archive
from segfit.model.card import NetworkCard
from segfit.model.precision import FasterPrecisions, Precision
from segfit.model.shipped import SHIPPED_MODELS
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation
from segfit.shapes import make_fit

LONG_NAME = "a_photograph_of_a_street_in_the_rain_of_late_november_at_dusk_0001.png"
SHIPPED = sorted(SHIPPED_MODELS.glob("*.segfit"))
NINE = ClassTable.from_names(
    ["background", "road", "pavement", "building", "pedestrian", "bicyclist", "sky", "tree", "car"]
)


def show(renderable, *, width: int = 80) -> str:
    """What a terminal of this width shows; fails where something was cut off."""
    console = Console(file=io.StringIO(), width=width)
    console.print(renderable)
    shown = console.file.getvalue()
    assert "…" not in shown, shown
    assert max(map(len, shown.splitlines())) <= width
    return shown


def squeeze(shown: str) -> str:
    """Only letters, digits and signs, so that text is found that goes over several lines."""
    return "".join(character for character in shown if character not in " \n│┃")


def read_column(shown: str) -> str:
    """All that the first column of a table says, without spaces."""
    cells = [line.split("│")[1] for line in shown.splitlines() if line.startswith("│")]
    return squeeze("".join(cells))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_cards_show_all_that_they_say(path, width):
    card = read_archive(path).card
    shown = squeeze(show(render_card(card, path), width=width))
    for text in (card.name, card.data, card.licence, str(path)):
        assert squeeze(text) in shown


def test_a_card_shows_every_network():
    path = SHIPPED_MODELS / "face.segfit"
    card = read_archive(path).card
    further = NetworkCard(BoxArchitecture(grid_points=12))
    shown = show(render_card(card.with_networks(*card.networks.values(), further), path), width=80)
    assert "box regressor" in shown
    assert str(further.architecture) in shown


@pytest.mark.parametrize(
    ("fast", "said"),
    [
        ((Precision.INT8, Precision.BFLOAT16), "bfloat16; in points, on 9 images:"),
        ((), "single; in points, on 9 images:"),
    ],
)
def test_a_card_says_what_faster_precisions_cost(fast, said, monkeypatch):
    for module in ("segfit.runtime.precision", "segfit.cli.display.cards"):
        monkeypatch.setattr(f"{module}.list_fast", lambda: fast)
    losses = {
        Precision.INT8: {"mean IoU": 0.0002, "boundary F at 1 px": 0.004},
        Precision.BFLOAT16: {"mean IoU": -0.0003},
    }
    card = NetworkCard(
        ClassifierArchitecture(outputs=1), faster=FasterPrecisions({}, losses, "9 images")
    )
    lacking = "" if fast else "; this processor has no instructions for int8 and bfloat16"
    assert describe_precision(card) == (
        f"{said} int8 mean IoU -0.02, boundary F at 1 px -0.40, which is too much; "
        f"bfloat16 mean IoU +0.03{lacking}"
    )
    assert describe_precision(replace(card, faster=None)) == "single: no faster one was measured"


def test_shipped_models_are_listed_with_their_classes():
    shown = show(render_models([(path, read_archive(path).card) for path in SHIPPED]))
    for path in SHIPPED:
        assert path.stem in shown
    for title in ("name", "classes", "mean IoU", "MB"):
        assert title in shown


def test_methods_show_purpose_failure_and_settings():
    shown = squeeze(show(render_methods()))
    for name, method in METHODS.items():
        for text in (name, method.purpose, method.fails, describe_settings(method)):
            assert squeeze(text) in shown


def make_report(classes: ClassTable, *names: str, count: int = 1):
    shares = tuple(np.full(len(classes), 1 / len(classes)).tolist())
    rows = [PredictedImage(Path(name), (), shares, 0.0123) for name in names * count]
    return BatchReport(tuple(rows), (), 1.5)


@pytest.mark.parametrize("names", [("a.png", "b.png"), (LONG_NAME,)])
@pytest.mark.parametrize("count", [2, 7, 9])
@pytest.mark.parametrize("width", [80, 120])
def test_predictions_fit(names, count, width):
    classes = replace(NINE, names=NINE.names[:count], colors=NINE.colors[:count], object_classes=())
    report = make_report(classes, *names)
    shown = show(
        render_predictions(report, classes, Path("a/long/place/for/results" * 4)), width=width
    )
    assert read_column(shown) == "".join(names)
    for name in classes.names[1:7]:
        assert name in shown
    assert shown.count(f"{1 / count:.1%}") == min(count - 1, 6) * len(names)
    assert ("2 rarer classes" in shown) == (count == 9)


def test_many_images_are_counted():
    two = replace(NINE, names=NINE.names[:2], colors=NINE.colors[:2], object_classes=())
    shown = show(render_predictions(make_report(two, "a.png", count=25), two, Path("results")))
    assert "not shown: 5 more images" in shown
    assert "25 images in 1.5 s; results are in results" in shown
    assert "0 images" in show(render_predictions(make_report(two), two, Path("results")))


def test_the_layout_with_columns_is_taken_where_it_fits():
    wide, narrow = make_table("x" * 50), make_table("y")
    assert "xx" in show(FirstThatFits(wide, narrow), width=60)
    assert "xx" not in show(FirstThatFits(wide, narrow), width=40)


def make_discs() -> Segmentation:
    rows, columns = np.indices((60, 120))
    labels = (np.hypot(rows - 30, columns - 30) < 20) | (np.hypot(rows - 30, columns - 90) < 12)
    image = np.full((60, 120, 3), 128, np.uint8)
    classes = ClassTable.from_names(["background", "cell"])
    return Segmentation(image, LabelGrid(labels.astype(np.uint8)), classes)


@pytest.mark.parametrize("shape", ["circle", "ellipse", "rectangle", "polygon", "spline"])
def test_fits_fit(shape):
    scale = Scale(0.65, "um")
    opened = OpenedMask(make_discs(), objects=None, stored=None, scale=None)
    fitted = FitJob(make_fit(shape), scale=scale, smoothing=5)(opened)
    mask = MeasuredMask(Path(LONG_NAME), (), 2, 0, fitted.regions, 0.1, fitted.scale)
    report = BatchReport((mask,), (), 0.2)
    shown = show(render_fits(report, Path("shapes")))
    stem = Path(LONG_NAME).stem
    assert read_column(shown) == f"{stem}1{stem}2"
    for title in ("region", "shape", "rms um", "IoU"):
        assert squeeze(title) in squeeze(shown)
    assert "2 regions in 1 mask, 0.2 s" in shown
    assert shape in squeeze(shown)


def test_findings_and_steps_of_the_demo_fit():
    result = make_discs()
    shown = squeeze(show(render_findings({"face": result, "nuclei": result})))
    for title in ("image", "class", "area", "share", "regions", "objects", "probability"):
        assert title in shown
    steps = ("load the model", "segment")
    times = {name: dict.fromkeys(steps, 1.25) for name in ("face", "nuclei")}
    assert "1.2" in show(render_steps(times, steps))
