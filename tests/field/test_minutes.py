"""Trainings that have too little time, and images that are too large for it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import segfit
from segfit.cli.app import app
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.training.components import find_regressor_share, judge_classifier
from segfit.training.data.material import Shrinking
from segfit.training.data.shrunk import ShrunkImages
from segfit.training.events import ClassifierRound
from segfit.training.preparation import Preparation, prepare
from segfit.training.train import advise_minutes, check_budget, describe_reading

TINY = {
    "encoder": "plain",
    "widths": [[8], [16], [16], [24], [32]],
    "crop_px": [64, 64],
    "batch": 2,
}
LARGE_PX = 900
SHRUNK = ShrunkImages(Path("x.segfit"))


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """Three large images for each split: a bright square on a dark, noisy ground."""
    root = tmp_path_factory.mktemp("large")
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for number in range(3):
            labels = np.zeros((LARGE_PX, LARGE_PX), np.uint8)
            top, left = rng.integers(0, LARGE_PX - 400, 2)
            labels[top : top + 400, left : left + 400] = 1
            noise = rng.integers(-15, 16, labels.shape)
            for kind, values in (("images", 50 + 150 * labels + noise), ("masks", labels)):
                path = root / split / kind / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(values.astype(np.uint8)).save(path)
    names = {"classes": [{"name": "ground", "value": 0}, {"name": "square", "value": 1}]}
    (root / "classes.json").write_text(json.dumps(names))
    return root


@pytest.fixture
def prepared(large) -> Preparation:
    return prepare(open_labelled(large), minutes=0.5)


def test_large_images_are_read_no_more_than_once_by_a_training(large, tmp_path, monkeypatch):
    opened = open_labelled(large)
    reads: list[str] = []
    for split in opened.splits.values():
        for source in split.sources:
            read = source.read
            object.__setattr__(
                source, "read", lambda read=read, name=source.name: (reads.append(name), read())[1]
            )
    scaling = {"kind": "field", "factor": 0.1}
    path = tmp_path / "x.segfit"
    events: list[object] = []
    reasons: list[str] = []
    segfit.train(
        opened, path, component="classifier", plan={**TINY, "scaling": scaling, "steps": 6},
        threads=1, on_event=events.append,
        on_prepared=lambda prepared: reasons.extend(prepared.reasons),
    )  # fmt: skip
    assert sorted(reads) == sorted([*"012"] * 2)
    assert sum(isinstance(event, ClassifierRound) for event in events) > 1
    assert "shrunk once to what training looks at, 180×180 px or less" in " ".join(reasons)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["x.segfit"]
    assert segfit.load(path).card.scaling.factor == 0.1


def test_too_few_minutes_for_reading_are_refused_with_what_would_do(prepared):
    with pytest.raises(SegfitError, match=r"0.5 minutes are too few: reading the images takes 24"):
        check_budget(prepared.plan, 24.0)
    check_budget(prepared.plan, 22.0)
    assert advise_minutes(24.0) == 2


def test_steps_have_no_budget(prepared):
    check_budget(prepared.plan.model_copy(update={"steps": 3}), 1000.0)


def test_what_reading_costs_is_said_before_training(prepared):
    said = describe_reading(prepared, None, SHRUNK, 9.0).reasons[-1]
    assert said == (
        "of the 30 s, reading the images takes about 9 s, and writing the model 5 s: --minutes 1 "
        "would leave more for learning"
    )
    assert describe_reading(prepared, None, SHRUNK, 5.0) == prepared


@pytest.mark.parametrize(("missing", "seconds"), [(6, 12), (3, 9), (0, None)])
def test_images_that_are_not_shrunk_yet_are_read_once_more(prepared, missing, seconds):
    sizes = {"sizes": ((90, 90),) * 6, "native": ((900, 900),) * 6}
    shrinking = Shrinking(**sizes, factor=0.1, missing=missing, unkept=0)
    reasons = describe_reading(prepared, shrinking, SHRUNK, 6.0).reasons
    assert any("90×90 px or less: they lie in x.segfit.images" in reason for reason in reasons)
    said = [reason for reason in reasons if "reading the images takes about" in reason]
    assert [f"about {seconds} s" in reason for reason in said] == [True] * (seconds is not None)


@pytest.mark.parametrize(
    ("settings", "seconds", "share"),
    [({"minutes": 3}, 170, 0.25), ({"minutes": 0.5}, 25, 0.0), ({"steps": 5}, 1, 0.25)],
)
def test_too_little_time_for_the_regressors_goes_to_the_classifier(large, settings, seconds, share):
    plan = prepare(open_labelled(large), plan={**settings, "regressor_share": 0.25}).plan
    assert find_regressor_share(plan, seconds) == share


def test_a_model_that_has_learned_nothing_is_said_to_be_not_trained(large, tmp_path):
    path = tmp_path / "x.segfit"
    plan = {**TINY, "scaling": {"kind": "field", "factor": 0.1}, "steps": 1}
    result = segfit.train(large, path, component="classifier", plan=plan, threads=1)
    assert result.failure.startswith("not trained: on the validation images the model is no better")
    assert "calling every pixel ground, after 1 step in" in result.failure
    assert "give it more --minutes or --steps" in result.failure


def test_one_that_has_learned_is_not(large, tmp_path):
    path = tmp_path / "x.segfit"
    plan = {**TINY, "scaling": {"kind": "field", "factor": 0.1}, "steps": 60}
    assert segfit.train(large, path, component="classifier", plan=plan, threads=1).failure == ""


def test_the_command_fails_and_does_not_offer_to_predict(large, tmp_path):
    options = ["--component", "classifier", "--steps", "1", "--threads", "1"]
    for key, value in {**TINY, "scaling.kind": "field", "scaling.factor": 0.1}.items():
        options += ["--set", f"{key}={value}"]
    path = tmp_path / "x.segfit"
    result = CliRunner().invoke(app, ["train", str(large), "-o", str(path), *options])
    assert result.exit_code == 1, result.output
    assert "segfit: not trained:" in result.output
    assert "next:" not in result.output


def test_a_single_class_to_validate_on_is_no_failure(prepared):
    model = SimpleNamespace(card=SimpleNamespace(metrics={"kappa": None}))
    assert judge_classifier(SimpleNamespace(prepared=prepared), model, ()).failure == ""
