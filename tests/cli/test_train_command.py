"""``segfit train``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import numpy as np
from commands import RUN, TINY, run
from PIL import Image


def test_dry_run_shows_classes_and_plan_and_writes_nothing(data, tmp_path):
    output = tmp_path / "x.segfit"
    options = ("--no-flip-horizontal", "--set", "augmentation.noise=0")
    result = run("train", data, "-o", output, "--dry-run", *options)
    assert result.exit_code == 0, result.output
    for part in ("2 in train, 2 in val", "nothing", "square", "learning_rate"):
        assert part in result.output
    rows = dict(line.split("│")[1:3] for line in result.output.splitlines() if "augm" in line)
    plan = {key.strip(): value.strip() for key, value in rows.items()}
    assert plan["augmentation.flip_horizontal"] == "False"
    assert plan["augmentation.noise"] == "0.0"
    assert not any(tmp_path.iterdir())


def test_train_writes_a_model_and_every_figure(data, tmp_path):
    output, log = tmp_path / "x.segfit", tmp_path / "x.jsonl"
    result = run("train", data, "-o", output, "--steps", 3, *TINY, "--log", log)
    assert result.exit_code == 1, "three steps teach nothing, which is told at the end"
    for part in ("round 3, step 3 of 3", "square", "pixel accuracy", "segfit: not trained: "):
        assert part in result.output
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    rounds = [*["step", "round"] * 3, *["step", "outlines"] * 3, *["step", "boxes"] * 3]
    assert [line["event"] for line in lines] == ["plan", *rounds, "end"]
    assert "px off" in result.output, "what the regressor gained is told, even if it is nothing"
    assert lines[0]["plan"]["batch"] == 1
    assert set(lines[2]["iou"]) == {"nothing", "square"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.jsonl", "x.segfit"]


def test_an_interrupted_training_says_how_it_goes_on(data, tmp_path):
    output, log = tmp_path / "x.segfit", tmp_path / "x.jsonl"
    arguments = ["train", data, "-o", output, "--steps", 20, *TINY, "--log", log]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", RUN, *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have had the signal ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline = time.monotonic() + 60
    checkpoint = tmp_path / "x.segfit.checkpoint"
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130, complaint
    assert "interrupted after step" in complaint
    assert "Traceback" not in complaint
    assert not output.exists()
    anew = run("train", data, "-o", output)
    assert anew.exit_code == 2
    assert "left from an interrupted training" in anew.output
    command = complaint.strip().splitlines()[-1].split()
    assert command == [
        "segfit", "train", str(data), "-o", str(output), "--resume", "--log", str(log),
    ]  # fmt: skip
    result = run(*command[1:])
    assert "pixel accuracy" in result.output, result.output
    rounds = [json.loads(line) for line in log.read_text().splitlines() if '"round"' in line]
    assert rounds[-1]["step"] == 20
    assert output.exists()
    assert not checkpoint.exists()


def test_objects_are_counted_and_split_on_demand(plates):
    whole = run("train", plates, "--dry-run")
    assert whole.exit_code == 0, whole.output
    assert "16 bits and 4 values" in whole.output
    assert "4 of 12 objects lie in several pieces" in whole.output
    assert "4 of 6 objects touch another" in whole.output
    split = run("train", plates, "--dry-run", "--split-objects")
    assert "several pieces" not in split.output
    assert "4 of 8 objects touch another" in split.output


def test_objects_are_trained_predicted_and_evaluated(plates, tmp_path):
    model, out = tmp_path / "cells.segfit", tmp_path / "out"
    trained = run("train", plates, "-o", model, *TINY, "--steps", 2, "--component", "classifier")
    assert trained.exit_code == 1, trained.output
    assert "not trained" in trained.output
    assert "told apart by a head of their own" in run("info", model).output
    image = plates / "val" / "images" / "1.png"
    predicted = run("predict", model, image, "-o", out, "--format", "instances,coco,yolo")
    assert predicted.exit_code == 0, predicted.output
    with Image.open(out / "1_instances.png") as mask:
        numbers = np.unique(np.asarray(mask))
    assert len((out / "yolo" / "labels" / "1.txt").read_text().splitlines()) == np.count_nonzero(
        numbers
    )
    figures = tmp_path / "figures.json"
    evaluated = run("evaluate", model, plates, "--json", figures)
    assert evaluated.exit_code == 0, evaluated.output
    written = json.loads(figures.read_text())["instances"]
    assert written["true"] == 6
    assert written["average_precision"].keys() >= {"0.5", "0.95"}
    assert json.loads(figures.read_text())["per_image"][0]["instances"]["true"] == 3
