"""``segfit segment``, ``methods``, ``edges`` and ``fit``."""

from __future__ import annotations

import json

import numpy as np
from commands import NUCLEI, UNSEEN, run
from PIL import Image


def test_segment_finds_nuclei_without_a_model_and_says_how(tmp_path):
    options = ("--method", "otsu", "--format", "mask,polygons", "--refine")
    result = run("segment", UNSEEN[0], "-o", tmp_path, *options)
    assert result.exit_code == 0, result.output
    truth = np.asarray(Image.open(NUCLEI / "val" / "masks" / UNSEEN[0].name)) > 0
    found = np.asarray(Image.open(tmp_path / f"{UNSEEN[0].stem}.png")) > 0
    assert (found & truth).sum() / (found | truth).sum() > 0.7
    regions = json.loads((tmp_path / f"{UNSEEN[0].stem}_polygons.json").read_text())["regions"]
    assert regions[0]["error_px_mean"] > 0
    assert "is foreground" in result.output


def test_segment_goes_by_a_hint(tmp_path):
    image = np.full((60, 80, 3), (40, 90, 40), np.uint8)
    image[20:40, 30:60] = (200, 80, 60)
    image += np.random.default_rng(0).integers(0, 9, image.shape, dtype=np.uint8)
    Image.fromarray(image).save(tmp_path / "box.png")
    hint = ("--method", "grabcut", "--foreground", "25,15,66,46", "--format", "mask")
    result = run("segment", tmp_path / "box.png", "-o", tmp_path / "out", *hint)
    assert result.exit_code == 0, result.output
    mask = np.asarray(Image.open(tmp_path / "out" / "box.png"))
    assert mask[20:40, 30:60].mean() > 0.98
    assert mask.sum() < 620


def test_methods_are_listed():
    output = run("methods").output
    for name in ("felzenszwalb", "random-walker", "blur_px"):
        assert name in output


def test_edges_writes_lines_and_regions(tmp_path):
    options = ("--detector", "canny", "--format", "edges,strength,lines,instances")
    result = run("edges", UNSEEN[0], "-o", tmp_path, *options)
    assert result.exit_code == 0, result.output
    stem = UNSEEN[0].stem
    assert {path.name for path in tmp_path.iterdir()} - {"manifest.jsonl"} == {
        f"{stem}{end}"
        for end in (
            "_edges.png",
            "_strength.png",
            "_lines.geojson",
            "_instances.png",
        )
    }
    assert np.asarray(Image.open(tmp_path / f"{stem}_instances.png")).max() > 3


def test_a_flat_image_gets_a_note_not_a_crash(tmp_path):
    Image.fromarray(np.full((50, 60, 3), 90, np.uint8)).save(tmp_path / "flat.png")
    for command, *options in (("segment",), ("edges", "--detector", "canny")):
        result = run(command, tmp_path / "flat.png", "-o", tmp_path / command, *options)
        assert result.exit_code == 0, result.output
        assert "flat.png: one region" in result.output


def test_fit_prints_shapes_with_errors_and_writes_a_table(tmp_path):
    masks = NUCLEI / "val" / "masks"
    options = ("--shape", "ellipse", "--scale", "0.65um/px", "--min-area", 20)
    result = run("fit", masks, "-o", tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert "±" in result.output
    assert "rms um" in result.output
    tables = sorted(tmp_path.glob("*.csv"))
    assert len(tables) == len(UNSEEN)
    assert "fit_major_radius_um_se" in tables[0].read_text().splitlines()[0]
