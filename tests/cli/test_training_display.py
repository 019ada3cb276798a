from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from rich.console import Console
from segfit.cli.display.training import (
    Progress,
    TrainingDisplay,
    draw_sparkline,
    format_seconds,
    render_progress,
    render_result,
)

from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.model.archive import read_model, read_refiner
from segfit.training.events import Round, Step
from segfit.training.train import TrainingResult, prepare


def make_step(step: int, loss: float = 1.0, steps: int = 10) -> Step:
    return Step(step=step, steps=steps, loss=loss, learning_rate=2e-3, seconds=2.0 * step)


def make_round(step: int, mean_iou: float, best: float | None = None) -> Round:
    return Round(
        step=step,
        steps=10,
        mean_iou=mean_iou,
        pixel_accuracy=0.9,
        iou=(mean_iou, mean_iou),
        best_mean_iou=mean_iou if best is None else best,
        seconds=2.0 * step,
    )


def render(renderable, *, terminal: bool = False) -> str:
    file = io.StringIO()
    Console(file=file, width=100, force_terminal=terminal).print(renderable)
    return file.getvalue()


@pytest.fixture(scope="module")
def prepared(demo_part: Path):
    data = open_labelled(demo_part)
    return prepare(data, saved=None, plan={"steps": 4}, minutes=None)


@pytest.fixture(scope="module")
def demo_part(tmp_path_factory) -> Path:
    """Two images for each part, of the demo's own."""
    from PIL import Image

    root = tmp_path_factory.mktemp("data")
    for part in ("train", "val"):
        for name in ("1", "2"):
            for kind, mode in (("images", "RGB"), ("masks", "L")):
                path = root / part / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = Image.new(mode, (64, 64))
                image.paste(Image.new(mode, (20, 20), "white" if mode == "RGB" else 1), (9, 9))
                image.save(path)
    return root


def test_loss_is_a_running_mean_that_begins_at_the_first_value():
    progress = Progress().after_step(make_step(1, loss=3.0))
    assert progress.loss == 3.0
    for step in range(2, 400):
        progress = progress.after_step(make_step(step, loss=1.0))
    assert progress.loss == pytest.approx(1.0, abs=1e-6)


def test_time_left_of_a_timed_training_is_what_its_budget_leaves():
    progress = Progress(budget_seconds=60.0).after_step(make_step(5))
    assert progress.seconds_left == 50.0
    assert progress.share == pytest.approx(1 / 6)
    assert Progress(budget_seconds=5.0).after_step(make_step(5)).seconds_left == 0


def test_time_left_of_given_steps_follows_their_pace():
    assert Progress().seconds_left is None
    progress = Progress().after_step(make_step(4))
    assert progress.seconds_left == pytest.approx(12.0)
    assert progress.share == 0.4


def test_rounds_make_a_curve():
    progress = Progress().after_round(make_round(2, 0.5)).after_round(make_round(4, 0.4, best=0.5))
    assert progress.curve == (0.5, 0.4)
    assert progress.best == 0.5


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([0.5], "▁"),
        ([0.5, 0.5], "▁▁"),
        ([0.0, 1.0], "▁█"),
        ([0.0, math.nan, 1.0], "▁ █"),
        ([math.nan], " "),
    ],
)
def test_sparkline(values, bars):
    assert draw_sparkline(values) == bars


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (3599.9, "1:00:00"), (7322, "2:02:02")]
)
def test_durations(seconds, text):
    assert format_seconds(seconds) == text


def test_panel_shows_every_figure():
    progress = Progress(budget_seconds=100.0).after_step(make_step(5, loss=0.25))
    assert "after the first round" in render(render_progress(progress, title="[a].segfit"))
    text = render(render_progress(progress.after_round(make_round(5, 0.75)), title="[a].segfit"))
    for part in ("[a].segfit", "5 of about 10", "0.250", "2.0e-03", "0.750", "1:30 left", "10%"):
        assert part in text


def test_the_number_of_steps_is_not_shown_before_it_is_known():
    progress = Progress(budget_seconds=100.0).after_step(make_step(5, steps=100_000))
    assert "100000" not in render(render_progress(progress, title=""))


def test_plain_output_has_a_line_for_each_round_and_every_ten_seconds(prepared):
    now = [0.0]
    file = io.StringIO()
    console = Console(file=file, width=100)
    with TrainingDisplay(console, title="x", clock=lambda: now[0]) as display:
        display.show_data(1, 4)
        display.show_prepared(prepared)
        head = file.getvalue()
        for step in range(1, 9):
            now[0] += 4
            display.show_step(make_step(step))
        display.show_round(make_round(8, 0.75))
    lines = file.getvalue()[len(head) :].splitlines()
    assert [line.split("  ")[0] for line in lines] == [
        "step 3 of 10",
        "step 6 of 10",
        "round 1, step 8 of 10",
    ]
    assert "mean IoU 0.750 (best 0.750)" in lines[-1]


def test_preparation_shows_classes_parts_and_plan(prepared):
    file = io.StringIO()
    with TrainingDisplay(Console(file=file, width=100), title="x") as display:
        display.show_prepared(prepared)
    text = file.getvalue()
    for part in ("2 in train, 2 in val", "background", "share of pixels", "learning_rate"):
        assert part in text
    assert "augmentation.flip_horizontal" in text
    assert "steps" in text
    assert "minutes" not in text  # which steps replace


def test_live_panel_in_a_terminal(prepared):
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=True)
    with TrainingDisplay(console, title="training x.segfit") as display:
        display.show_data(1, 4)
        display.show_prepared(prepared)
        display.show_step(make_step(1))
        display.show_round(make_round(2, 0.75))
    text = file.getvalue()
    assert "training x.segfit" in text
    assert "0.750" in text
    assert text.rstrip().endswith("\x1b[?25h")  # the cursor is back


def test_result_names_classes_threshold_and_file(tiny_model):
    card = read_model(tiny_model).card
    figures = {
        "measured_on": "6 validation images",
        "mean_iou": 0.5,
        "pixel_accuracy": 0.9,
        "iou": {"background": 0.875, "[nucleus]": None},
    }
    classes = ClassTable.from_names(("background", "[nucleus]"))
    result = TrainingResult(
        path=tiny_model,
        card=card.model_copy(update={"metrics": figures, "classes": classes, "threshold": 0.4}),
        rounds=(),
    )
    text = render(render_result(result))
    for part in ("[nucleus]", "0.875", "–", "threshold 0.4", tiny_model.name, "6 validation"):
        assert part in text


def test_result_of_a_refiner_is_how_far_off_outlines_are(tiny_refiner):
    card = read_refiner(tiny_refiner).card
    figures = {"error_px": 0.5, "error_before_px": 2.25, "measured_on": "6 validation images"}
    regressor = card.regressor.model_copy(update={"metrics": figures})
    result = TrainingResult(tiny_refiner, card.model_copy(update={"regressor": regressor}), ())
    text = render(render_result(result))
    assert "outlines are 0.50 px off instead of 2.25; measured on 6 validation" in text
    assert tiny_refiner.name in text
