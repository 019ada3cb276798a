from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from segfit.cli.comparison import GAP_PX, TILE_PX, draw_comparison
from segfit.cli.exhibits import EXHIBITS, NUCLEI, Exhibit, read_cut, run_demo
from segfit.cli.training_demo import run_training_demo
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.model.shipped import SHIPPED_MODELS
from segfit.segmenter import load

NAMES = ("face_mask.png", "face_overlay.jpg", "nuclei_mask.png", "nuclei_overlay.jpg")
SHIPPED = [exhibit.model for exhibit in EXHIBITS]
needs_models = pytest.mark.skipif(
    not all((SHIPPED_MODELS / f"{name}.segfit").exists() for name in SHIPPED),
    reason="no shipped models in this checkout",
)


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=120)


def read_output(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_demo_writes_images_and_summary(tiny_model, tmp_path, console):
    exhibits = [replace(exhibit, model=str(tiny_model)) for exhibit in EXHIBITS]
    output = tmp_path / "new" / "demo"
    run_demo(output, force=False, console=console, exhibits=exhibits)
    assert sorted(path.name for path in output.iterdir()) == sorted([*NAMES, "summary.json"])
    summary = json.loads((output / "summary.json").read_text())
    assert [entry["name"] for entry in summary["images"]] == ["face", "nuclei"]
    face = summary["images"][0]
    assert face["classes"]["nucleus"].keys() >= {"area_px", "share", "regions"}
    assert all(ms > 0 for ms in face["step_ms"].values())
    mask = np.asarray(Image.open(output / "face_mask.png"))
    assert mask.shape == read_cut(EXHIBITS[0]).shape[:2] == (face["height"], face["width"])
    text = read_output(console)
    for part in ("nucleus", "regions", "load the model", "segment", "what to try next"):
        assert part in text
    with pytest.raises(SegfitError, match=r"holds results already .*--force"):
        run_demo(output, force=False, console=console, exhibits=exhibits)
    run_demo(output, force=True, console=console, exhibits=exhibits)


def test_demo_refuses_a_place_that_cannot_be(tmp_path, console):
    (tmp_path / "file").write_text("")
    with pytest.raises(SegfitError, match="cannot make the folder"):
        run_demo(tmp_path / "file" / "demo", force=False, console=console)


def test_the_nuclei_exhibit_is_one_that_training_never_sees():
    nuclei = EXHIBITS[1]
    assert nuclei.path.is_relative_to(NUCLEI / "val")
    assert nuclei.path.is_file()


def test_an_exhibit_is_cut_and_enlarged(tmp_path):
    values = np.zeros((20, 30, 3), np.uint8)
    values[5:15, 10:14] = 255
    Image.fromarray(values).save(tmp_path / "x.png")
    cut = Exhibit("x", "x", tmp_path / "x.png", cut_px=(5, 15, 10, 14))
    assert read_cut(cut).shape == (10, 4, 3)
    assert read_cut(cut).min() == 255
    assert read_cut(replace(cut, height_px=50)).shape == (50, 20, 3)
    assert (read_cut(replace(cut, cut_px=None)) == values).all()


@needs_models
def test_demo_finds_a_face_and_nuclei(tmp_path, console):
    run_demo(tmp_path, force=True, console=console)
    face, nuclei = json.loads((tmp_path / "summary.json").read_text())["images"]
    for name in ("hair", "skin", "nose", "eyes", "mouth"):
        assert face["classes"][name]["area_px"] > 0
    truth = np.asarray(Image.open(NUCLEI / "val" / "masks" / EXHIBITS[1].path.name)) > 0
    found = np.asarray(Image.open(tmp_path / "nuclei_mask.png")) > 0
    assert (truth & found).sum() / (truth | found).sum() > 0.75
    assert 5 < nuclei["classes"]["nucleus"]["regions"] < 60
    shown = read_output(console)
    assert "face: unlike the images" in shown, "nobody that it learned from wore a space suit"
    assert "nuclei: unlike" not in shown


def test_training_demo_compares_with_the_truth(tmp_path, console, tiny_plan):
    run_training_demo(tmp_path, minutes=1, force=False, console=console, plan=tiny_plan)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "comparison.png",
        "nuclei_demo.segfit",
    ]
    text = " ".join(read_output(console).split())
    assert "mean IoU on 6 images that it never trained on" in text
    assert f"segfit info {tmp_path / 'nuclei_demo.segfit'}" in text
    with pytest.raises(SegfitError, match="holds results already"):
        run_training_demo(tmp_path, minutes=1, force=False, console=console)


def test_comparison_has_a_column_for_each_image(tiny_model):
    unseen = open_labelled(NUCLEI).splits["val"]
    sheet = draw_comparison(load(tiny_model), unseen.subset(range(2)))
    wider = draw_comparison(load(tiny_model), unseen.subset(range(3)))
    assert wider.shape[1] - sheet.shape[1] == TILE_PX + GAP_PX
    assert sheet.shape[0] == wider.shape[0] > 3 * TILE_PX
    assert sheet.dtype == np.uint8
