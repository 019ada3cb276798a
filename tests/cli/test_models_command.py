"""``segfit info`` and ``segfit models``."""

from __future__ import annotations

import json
import tomllib

from commands import NUCLEI, run


def test_info_shows_the_card(tiny_model):
    output = run("info", tiny_model).output
    for part in ("background", "nucleus", "threshold", "96 px", "plain", "4 steps with seed 0"):
        assert part in output
    card = json.loads(run("info", tiny_model, "--json").output)
    assert card["classes"]["names"] == ["background", "nucleus"]


def test_info_and_models_show_a_refiner(tiny_refiner, monkeypatch):
    output = run("info", tiny_refiner).output
    assert "refiner: moves the outlines of masks, by segfit refine" in output
    assert json.loads(run("info", tiny_refiner, "--json").output)["kind"] == "refiner"
    monkeypatch.setattr("segfit.model.shipped.SHIPPED_MODELS", tiny_refiner.parent)
    assert "any: a refiner" in run("models").output


def test_info_and_models_show_the_features_for_strokes():
    assert (
        "features: describe pixels for strokes, by segfit scribble"
        in run("info", "features").output
    )
    assert "none: features" in run("models").output


def test_the_plan_of_a_model_is_a_plan_of_training(tiny_model, tmp_path):
    text = run("info", tiny_model, "--plan").output
    (tmp_path / "plan.toml").write_text(text)
    assert tomllib.loads(text)["steps"] == 4
    result = run("train", NUCLEI, "--dry-run", "--plan", tmp_path / "plan.toml", "--batch", 3)
    assert result.exit_code == 0, result.output
    rows = [line.split("│")[1:3] for line in result.output.splitlines() if "│" in line]
    plan = {key.strip(): value.strip() for key, value in rows}
    assert plan["widths"] == "[[8], [16], [16], [24], [32]]"
    assert plan["batch"] == "3"


def test_models_are_listed(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr("segfit.model.shipped.SHIPPED_MODELS", tiny_model.parent)
    output = run("models").output
    assert "tiny" in output
    assert "background, nucleus" in output
    monkeypatch.setattr("segfit.model.shipped.SHIPPED_MODELS", tmp_path)
    assert run("models").exit_code == 2
