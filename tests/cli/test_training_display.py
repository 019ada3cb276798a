from __future__ import annotations

import copy
import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import segfit
from segfit.classes import ClassTable
from segfit.cli.display.cards import render_card
from segfit.cli.display.training_panel import (
    TrainingDisplay,
    draw_sparkline,
    format_seconds,
    render_progress,
)
from segfit.cli.display.training_progress import TrainingProgress
from segfit.cli.display.training_tables import render_preparation, render_result
from segfit.cli.follow import Follower
from segfit.datasets import open_labelled
from segfit.model.archive import read_model, read_refiner
from segfit.model.card import list_networks
from segfit.training.events import (
    BoxRound,
    ClassifierRound,
    EdgeRound,
    OutlineRound,
    SmallerBatch,
    Step,
)
from segfit.training.log import TrainingLog
from segfit.training.preparation import prepare
from segfit.training.train import TrainingResult


def make_step(step: int, loss: float = 1.0, steps: int = 10) -> Step:
    return Step(step=step, steps=steps, loss=loss, learning_rate=2e-3, seconds=2.0 * step)


def make_round(step: int, mean_iou: float, best: float | None = None) -> ClassifierRound:
    return ClassifierRound(
        step=step,
        steps=10,
        mean_iou=mean_iou,
        pixel_accuracy=0.9,
        iou=(mean_iou, mean_iou),
        best_mean_iou=mean_iou if best is None else best,
        seconds=2.0 * step,
    )


def render(renderable, *, width: int = 100) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(renderable)
    return file.getvalue()


OTHER_ROUNDS = [
    (OutlineRound(3, 10, 6.0, 2.25, 1.5, 0.8, 0.9, 0.7), "outlines", "2.25 → 1.50 px off"),
    (BoxRound(4, 10, 8.0, 0.7, 0.8, 2.0, 1.5, 0.7), "boxes", "IoU 0.700 → 0.800"),
    (EdgeRound(5, 10, 9.0, 0.25), "edges", "loss on validation images 0.250"),
]


@pytest.fixture(scope="module")
def prepared(demo_folder: Path):
    return prepare(open_labelled(demo_folder), plan={"steps": 4})


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory) -> Path:
    """Two images for each split."""
    from PIL import Image

    root = tmp_path_factory.mktemp("data")
    for split in ("train", "val"):
        for name in ("1", "2"):
            for kind, mode in (("images", "RGB"), ("masks", "L")):
                path = root / split / kind / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                image = Image.new(mode, (64, 64))
                image.paste(Image.new(mode, (20, 20), "white" if mode == "RGB" else 1), (9, 9))
                image.save(path)
    return root


def test_loss_is_a_running_mean_that_begins_at_the_first_value():
    progress = TrainingProgress().after_step(make_step(1, loss=3.0))
    assert progress.loss == 3.0
    for step in range(2, 400):
        progress = progress.after_step(make_step(step, loss=1.0))
    assert progress.loss == pytest.approx(1.0, abs=1e-6)


def test_time_left_of_a_timed_training_is_what_its_budget_leaves():
    progress = TrainingProgress(budget_seconds=60.0).after_step(make_step(5))
    assert progress.seconds_left == 50.0
    assert progress.share == pytest.approx(1 / 6)
    assert TrainingProgress(budget_seconds=5.0).after_step(make_step(5)).seconds_left == 0


def test_time_left_of_given_steps_follows_what_they_cost():
    assert TrainingProgress().seconds_left is None
    progress = TrainingProgress().after_step(make_step(4))
    assert progress.seconds_left == pytest.approx(12.0)
    assert progress.share == 0.4


def test_rounds_make_a_curve():
    progress = (
        TrainingProgress().after_round(make_round(2, 0.5)).after_round(make_round(4, 0.4, best=0.5))
    )
    assert [done.curve_value for done in progress.rounds_by_kind["round"]] == [0.5, 0.4]


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
    progress = TrainingProgress(budget_seconds=100.0).after_step(make_step(5, loss=0.25))
    assert "after the first round" in render(render_progress(progress, title="[a].segfit"))
    text = render(render_progress(progress.after_round(make_round(5, 0.75)), title="[a].segfit"))
    for part in ("[a].segfit", "5 of about 10", "0.250", "2.0e-03", "0.750", "1:30 left", "10%"):
        assert part in text


def test_the_number_of_steps_is_not_shown_before_it_is_known():
    progress = TrainingProgress(budget_seconds=100.0).after_step(make_step(5, steps=100_000))
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


def test_preparation_shows_classes_splits_and_plan(prepared):
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


@pytest.mark.parametrize(("done", "kind", "figures"), OTHER_ROUNDS)
def test_rounds_of_any_component_are_shown(done, kind, figures):
    file = io.StringIO()
    with TrainingDisplay(Console(file=file, width=100), title="x") as display:
        display.show_round(make_round(2, 0.75))
        display.show_round(done)
        display.show_round(done)
    assert display.progress.rounds_by_kind.keys() == {"round", kind}
    last = file.getvalue().splitlines()[-1]
    assert last.startswith(f"{kind} 2, step {done.step} of 10  loss –  {figures}")
    text = render(render_progress(display.progress, title="x"))
    assert "mean IoU 0.750 (best 0.750)" in text
    assert figures in text
    assert "▁▁" in text


LONG_NAMES = (
    "background",
    "metastable_intermetallic_precipitates_at_the_boundaries_of_twinned_grains_of_nickel_superalloy",
    "gamma prime of the second generation, which is coarse",
)


def join_folded(text: str) -> str:
    """The text without lines' ends, frames and spaces, so that what was folded is whole again."""
    return "".join(character for character in text if not character.isspace() and character != "│")


def test_nothing_is_cut_off_at_80_columns(prepared, tiny_model):
    classes = ClassTable.from_names(LONG_NAMES, background=0)
    data = prepared.data
    stats = [replace(one, class_pixels=(9, 8, 7)) for one in data.splits["train"].stats]
    train = copy.copy(data.splits["train"])
    train.stats = tuple(stats)
    plan = prepared.plan.model_copy(
        update={"encoder": "plain", "branches": f"{LONG_NAMES[1]}@1/2; {LONG_NAMES[2]}@1/4"}
    )
    shown = replace(
        prepared, data=replace(data, classes=classes, splits={"train": train}), plan=plan
    )
    begun = render(render_preparation(shown), width=80)
    card = read_model(tiny_model).card
    figures = {
        "measured_on": "6 validation images",
        "mean_iou": 0.5,
        "pixel_accuracy": 0.9,
        "iou": dict.fromkeys(LONG_NAMES, 0.875),
    }
    networks = list_networks(replace(card.classifier, metrics=figures))
    result = TrainingResult(
        tiny_model, card.model_copy(update={"networks": networks, "classes": classes}), ()
    )
    ended = render(render_result(result), width=80)
    progress = TrainingProgress(budget_seconds=100.0).after_step(make_step(5))
    for done in (make_round(5, 0.75), *(done for done, _, _ in OTHER_ROUNDS)):
        progress = progress.after_round(done)
    panel = render(render_progress(progress, title="training x.segfit"), width=80)
    for text in (begun, ended, panel):
        assert "…" not in text
        assert max(map(len, text.splitlines())) <= 80
    for text in (begun, ended):
        for name in LONG_NAMES:
            assert name.replace(" ", "")[:20] in join_folded(text)
            assert name.replace(" ", "")[-5:] in join_folded(text)
    for key in ("augmentation.flip_horizontal", "scaling.long_side_px", "share of pixels"):
        assert key in begun
    assert plan.branches.replace(" ", "")[-20:] in join_folded(begun)
    for title in ("validation", "outlines", "boxes", "edges", "learning rate"):
        assert title in panel


def test_following_a_training_shows_and_writes_it(demo_folder, tiny_plan, tmp_path):
    file = io.StringIO()
    display = TrainingDisplay(Console(file=file, width=100), title="x")
    path = tmp_path / "log.jsonl"
    with TrainingLog(path) as log:
        with Follower(display, log, seed=4) as follower:
            result = segfit.train(
                demo_folder,
                tmp_path / "x.segfit",
                plan=tiny_plan,
                seed=4,
                threads=1,
                on_data=follower.show_data,
                on_prepared=follower.take_preparation,
                on_event=follower.take_event,
            )
        follower.take_result(result)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    kinds = [line["event"] for line in lines]
    assert (kinds[0], kinds[-1]) == ("plan", "end")
    assert {"step", "round", "outlines", "boxes"} <= set(kinds)
    assert (lines[0]["seed"], lines[-1]["model"]) == (4, str(result.path))
    for kind in ("round", "outlines", "boxes"):
        assert f"\n{kind} 4, step 4 of 4" in file.getvalue()


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_smaller_batch_is_said_and_written(tmp_path, is_terminal):
    file = io.StringIO()
    console = Console(file=file, width=120, force_terminal=is_terminal)
    path = tmp_path / "log.jsonl"
    with TrainingLog(path) as log, Follower(TrainingDisplay(console, title="x"), log) as follower:
        follower.take_event(SmallerBatch(step=3, seconds=1.5, batch=4))
    assert "its batch is 4 from now on (--batch 4 would begin with that)" in file.getvalue()
    assert json.loads(path.read_text()) == {
        "event": "smaller_batch",
        "step": 3,
        "seconds": 1.5,
        "batch": 4,
    }


def test_result_names_classes_threshold_and_file(tiny_model):
    card = read_model(tiny_model).card
    figures = {
        "measured_on": "6 validation images",
        "mean_iou": 0.5,
        "pixel_accuracy": 0.9,
        "iou": {"background": 0.875, "[nucleus]": None},
    }
    classes = ClassTable.from_names(("background", "[nucleus]"))
    networks = list_networks(replace(card.classifier, metrics=figures))
    result = TrainingResult(
        path=tiny_model,
        card=card.model_copy(update={"networks": networks, "classes": classes, "threshold": 0.4}),
        rounds=(),
    )
    text = render(render_result(result))
    for part in ("[nucleus]", "0.875", "–", "threshold 0.4", tiny_model.name, "6 validation"):
        assert part in text


def test_a_result_and_its_card_name_what_was_added_to_logits(tiny_model):
    card = read_model(tiny_model).card
    classes = ClassTable.from_names(("ground", "road", "pole"))
    figures = {
        "measured_on": "6 validation images",
        "mean_iou": 0.5,
        "pixel_accuracy": 0.9,
        "iou": dict.fromkeys(classes.names, 0.875),
        "logit_offsets": {"ground": 0.7, "road": 0.1, "pole": -0.8},
    }
    networks = list_networks(replace(card.classifier, metrics=figures))
    card = card.model_copy(update={"networks": networks, "classes": classes})
    ended = render(render_result(TrainingResult(tiny_model, card, ())), width=80)
    for text in (ended, render(render_card(card, tiny_model), width=80)):
        assert "the best mean IoU: ground +0.70, road +0.10, pole -0.80" in " ".join(text.split())


def test_result_of_a_refiner_is_how_far_off_outlines_are(tiny_refiner):
    card = read_refiner(tiny_refiner).card
    figures = {"error_px": 0.5, "error_before_px": 2.25, "measured_on": "6 validation images"}
    networks = list_networks(replace(card.regressor, metrics=figures))
    result = TrainingResult(tiny_refiner, card.model_copy(update={"networks": networks}), ())
    text = render(render_result(result))
    assert "outlines are 0.50 px off instead of 2.25; measured on 6 validation" in text
    assert tiny_refiner.name in text
