"""``segfit evaluate``."""

from __future__ import annotations

import json
from concurrent.futures import Future

from commands import NUCLEI, run

import segfit.batch.spread
from segfit.batch.workers import Workers


def test_evaluate_prints_and_writes_figures(tiny_model, tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", tiny_model, NUCLEI, "--json", path, "--group-by-prefix")
    assert result.exit_code == 0, result.output
    assert "pixel accuracy" in result.output
    figures = json.loads(path.read_text())
    assert figures["images"] == 6
    assert 0 <= figures["mean_iou"] <= 1
    assert set(figures["classes"]["nucleus"]) >= {"iou", "dice"}
    assert list(figures["groups"]) == ["fluorescence"]
    assert (figures["split"], figures["threshold"]) == ("val", None)


def test_a_method_without_training_is_evaluated_as_a_model_is(tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", "otsu", NUCLEI, "--set", "blur_px=2", "--json", path)
    assert result.exit_code == 0, result.output
    figures = json.loads(path.read_text())
    assert list(figures["classes"]) == ["background", "nucleus"]
    assert figures["settings"] == ["blur_px=2"]
    assert figures["classes"]["nucleus"]["iou"] > 0.6
    assert figures["instances"]["predicted"] > 0


def test_evaluate_measures_outlines_alone(tiny_refiner, tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", tiny_refiner, NUCLEI, "--component", "regressor", "--json", path)
    assert result.exit_code == 0, result.output
    for part in ("mean distance, px", "within 2 standard errors", "F@3 px", "mean IoU"):
        assert part in result.output
    figures = json.loads(path.read_text())
    assert (figures["component"], figures["images"]) == ("regressor", 6)
    assert set(figures["before"]) == set(figures["after"])
    assert figures["before"]["error_px_mean"] > 0


def test_evaluate_takes_a_threshold(tiny_model, tmp_path):
    path = tmp_path / "figures.json"
    result = run("evaluate", tiny_model, NUCLEI, "--json", path, "--threshold", 0)
    assert result.exit_code == 0, result.output
    assert json.loads(path.read_text())["classes"]["background"]["iou"] == 0


def test_processes_are_one_or_as_many_as_are_asked_for(tmp_path, monkeypatch):
    asked = []

    def do_here(tasks, do, workers):
        asked.append(workers)
        for name, given in tasks.items():
            outcome = Future()
            outcome.set_result(do(name, given))
            yield name, outcome

    monkeypatch.setattr(segfit.batch.spread, "run_in_processes", do_here)
    figures = []
    for options in ((), ("--workers", 2)):
        path = tmp_path / f"{len(options)}.json"
        result = run("evaluate", "otsu", NUCLEI, "--json", path, "--threads", 1, *options)
        assert result.exit_code == 0, result.output
        figures.append(json.loads(path.read_text()))
        figures[-1].pop("seconds_per_image")
    assert figures[0] == figures[1]
    assert asked == [Workers(2, 1)]
    result = run("evaluate", "otsu", NUCLEI, "--workers", 2, "--ray", "local")
    assert result.exit_code == 2
    assert "leave --workers out" in result.output
