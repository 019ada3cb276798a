"""``segfit predict`` and ``segfit refine``."""

from __future__ import annotations

import shutil

import numpy as np
from commands import NUCLEI, UNSEEN, run
from PIL import Image


def test_predict_writes_what_is_asked_for(tiny_model, tmp_path):
    result = run("predict", tiny_model, *UNSEEN[:2], "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    stems = [path.stem for path in UNSEEN[:2]]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        stem + ending for stem in stems for ending in (".png", "_overlay.jpg", ".json")
    )
    for part in (*stems, "nucleus", "ms", "2 images in"):
        assert part in result.output
    again = run("predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out")
    assert again.exit_code == 2
    assert "3 of 3 result files exist already" in again.output
    assert run("predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out", "--force").exit_code == 0


def test_predict_takes_patterns_and_writes_probabilities(tiny_model, tmp_path):
    pattern = NUCLEI / "val" / "images" / "*_5*.png"
    options = ("--format", "mask", "--probabilities", "npz", "--threshold", 0)
    result = run("predict", tiny_model, pattern, "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    written = sorted((tmp_path / "out").iterdir())
    assert [path.suffix for path in written] == [".npz", ".png"] * 2
    assert np.asarray(Image.open(written[1])).min() == 1  # all above a threshold of 0


def test_predict_writes_every_format_of_regions(tiny_model, tmp_path):
    names = "polygons,coco,geojson,svg,yolo"
    options = ("--format", names, "--simplify", 0.7)
    result = run("predict", tiny_model, UNSEEN[0], "-o", tmp_path / "out", *options)
    assert result.exit_code == 0, result.output
    stem = UNSEEN[0].stem
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.relative_to(tmp_path / "out").as_posix() for path in written} == {
        f"{stem}.geojson", f"{stem}.svg", f"{stem}_polygons.json", "coco.json",
        "yolo/data.yaml", f"yolo/labels/{stem}.txt",
    }  # fmt: skip
    for name in names.split(","):
        assert name in run("predict", "--help").output


def test_predict_reports_a_bad_image_and_does_the_others(tiny_model, tmp_path):
    bad = tmp_path / "[red]bad.png"
    bad.write_bytes(UNSEEN[0].read_bytes()[:200])
    options = ("-o", tmp_path / "out", "--format", "mask")
    result = run("predict", tiny_model, bad, *UNSEEN[:2], *options)
    assert result.exit_code == 1
    assert "1 of 3 images failed" in result.output
    assert f"  {bad}" in result.output
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_refine_reports_what_fails_at_the_end(tiny_refiner, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    first, second = sorted((NUCLEI / "val" / "masks").iterdir())[:2]
    shutil.copy(first, masks)
    shutil.copy(second, masks / "lonely.png")
    shutil.copy(NUCLEI / "classes.json", masks)
    result = run(
        "refine", masks, "--images", NUCLEI / "val" / "images", "-o", tmp_path / "out",
        "--model", tiny_refiner, "--format", "mask,geojson", "--threads", 1,
    )  # fmt: skip
    assert result.exit_code == 1, result.output
    for part in ("2 classes: background, nucleus", first.name, "1 of 2 images failed"):
        assert part in result.output
    assert "no image of the name lonely" in result.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == [f"{first.stem}.geojson", f"{first.stem}.png"]
