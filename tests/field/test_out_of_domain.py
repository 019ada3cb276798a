"""A model that is given what it has seen nothing like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import segfit
from segfit.cli.app import app
from segfit.cli.display.predictions import describe_unlike
from segfit.cli.exhibits import DEMO_DATA
from segfit.datasets import LabelledData, open_labelled
from segfit.evaluation.regions import evaluate
from segfit.imaging.read import read_image
from segfit.model.archive import read_model, write_model
from segfit.model.shipped import find_model
from segfit.segmenter import describe_surprise
from segfit.training.domain import add_domain

ASTRONAUT = DEMO_DATA / "astronaut.jpg"
"""A whole portrait with a space suit, a flag and a rocket: no framed head."""


@pytest.fixture(scope="module")
def portraits(shared_data):
    """Framed heads: to learn what they look like, to find the bound, and others beside them."""
    data = open_labelled(shared_data / "fasseg-frontal")
    heads = data.splits["val"]
    splits = {
        "train": data.splits["train"],
        "val": heads.subset(range(0, 22, 2)),
        "test": heads.subset(range(1, 22, 2)),
    }
    return LabelledData(data.classes, splits, ())


@pytest.fixture(scope="module")
def face_path(portraits, tmp_path_factory) -> Path:
    """The shipped face model with statistics of framed heads."""
    model = read_model(find_model("face"))
    path = tmp_path_factory.mktemp("face") / "face.segfit"
    write_model(add_domain(model, portraits), path)
    return path


@pytest.fixture(scope="module")
def face(face_path):
    return segfit.load(face_path)


def test_the_whole_astronaut_surprises_the_face_model(face):
    found = face(ASTRONAUT)
    assert found.surprise > 2
    assert found.note.startswith("unlike the images that face has learned from (")
    assert "cut out the part that is like them" in found.note


def test_framed_heads_do_not(face, portraits):
    report = evaluate(face.adjust(refine=False), portraits.splits["test"])
    assert report.unlike == 0
    assert len({row.surprise for row in report.rows}) == report.images == 11


@pytest.mark.parametrize(
    "folder", ["camvid/val/images", "dsb2018/val/images", "superalloy/val/images"]
)
def test_streets_nuclei_and_metals_do(face, shared_data, folder):
    paths = sorted((shared_data / folder).iterdir())
    for index in np.linspace(0, len(paths) - 1, 4).astype(int):
        assert face(read_image(paths[index]), refine=False).surprise > 1.5


def test_predict_says_it_of_each_image_and_counts_them(face_path, shared_data, tmp_path):
    head = shared_data / "fasseg-frontal" / "val" / "images" / "003.png"
    options = ["-o", str(tmp_path / "out"), "--no-refine", "--format", "json"]
    result = CliRunner().invoke(
        app, ["predict", str(face_path), str(ASTRONAUT), str(head), *options]
    )
    said = " ".join(result.output.split())
    assert result.exit_code == 0, result.output
    assert "astronaut.jpg: unlike the images that face has learned from" in said
    assert "1 of 2 images is unlike those that the model has learned from" in said
    surprises = [
        json.loads((tmp_path / "out" / f"{name}.json").read_text())["surprise"]
        for name in ("astronaut", "003")
    ]
    assert surprises[0] > 2 > 1 > surprises[1]


def test_evaluate_counts_them(face_path, shared_data, tmp_path):
    source = shared_data / "fasseg-frontal"
    image, labels = (source / "val" / kind / "003.png" for kind in ("images", "masks"))
    for kind in ("images", "masks"):
        (tmp_path / "val" / kind).mkdir(parents=True)
    (tmp_path / "classes.json").write_bytes((source / "classes.json").read_bytes())
    head = read_image(image)
    pixels = np.random.default_rng(0).permutation(head.reshape(-1, 3)).reshape(head.shape)
    for name, content in (("head", head), ("noise", pixels)):
        Image.fromarray(content).save(tmp_path / "val" / "images" / f"{name}.png")
        (tmp_path / "val" / "masks" / f"{name}.png").write_bytes(labels.read_bytes())
    report = tmp_path / "report.json"
    options = ["--component", "classifier", "--json", str(report)]
    result = CliRunner().invoke(app, ["evaluate", str(face_path), str(tmp_path), *options])
    assert result.exit_code == 0, result.output
    assert "unlike the model's own" in " ".join(result.output.split())
    written = json.loads(report.read_text())
    assert written["unlike"] == 1
    assert [row["surprise"] > 1 for row in written["per_image"]] == [True, False]


def test_a_model_without_statistics_says_nothing(face_path):
    model = read_model(face_path)
    card = model.card.model_copy(update={"domain": None})
    older = face_path.with_name("older.segfit")
    write_model(replace(model, card=card), older)
    found = segfit.load(older)(ASTRONAUT, refine=False)
    assert found.surprise is None
    assert found.note == ""


def test_what_is_said_of_it():
    card = read_model(find_model("nuclei")).card  # of a microscope, where nothing is cut out
    assert describe_surprise(None, card) == describe_surprise(1.0, card) == ""
    assert describe_surprise(1.26, card) == (
        "unlike the images that nuclei has learned from (1.3 times as far from them as 99 of 100 "
        "like them): do not rely on the result without looking at it; train on such images, too"
    )
    assert describe_unlike(2, 3) == (
        "2 of 3 images are unlike those that the model has learned from"
    )
