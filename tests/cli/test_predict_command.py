"""``segfit predict`` and ``segfit refine``."""

from __future__ import annotations

import json
import shutil

import numpy as np
from commands import NUCLEI, UNSEEN, run
from PIL import Image


def test_predict_writes_what_is_asked_for(tiny_model, tmp_path):
    result = run("predict", tiny_model, *UNSEEN[:2], "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    stems = [path.stem for path in UNSEEN[:2]]
    named = [stem + ending for stem in stems for ending in (".png", "_overlay.jpg", ".json")]
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == sorted([*named, "manifest.jsonl"])
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
    assert [path.suffix for path in written] == [".npz", ".png"] * 2 + [".jsonl"]
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
        "yolo/data.yaml", f"yolo/labels/{stem}.txt", "manifest.jsonl",
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
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
    lines = (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    statuses = {line.get("path"): line.get("status") for line in map(json.loads, lines)}
    assert statuses == {
        None: None, str(bad): "failed", **{str(path): "done" for path in UNSEEN[:2]}
    }  # fmt: skip
    bad.write_bytes(UNSEEN[0].read_bytes())
    again = run("predict", tiny_model, bad, *UNSEEN[:2], *options, "--resume")
    assert again.exit_code == 0, again.output
    assert "1 image in" in again.output
    assert "2 had been done before" in again.output
    other = run("predict", tiny_model, bad, *options, "--resume", "--threshold", 0.4)
    assert other.exit_code == 2
    assert "threshold (none then, 0.4 now)" in other.output


def test_shards_of_a_run_are_joined_by_resuming_it(tiny_model, tmp_path):
    options = ("--format", "mask,table")
    whole = run("predict", tiny_model, *UNSEEN[:3], "-o", tmp_path / "whole", *options)
    assert whole.exit_code == 0, whole.output
    shared = ("predict", tiny_model, *UNSEEN[:3], "-o", tmp_path / "out", *options)
    for shard in ("2/2", "1/2"):
        result = run(*shared, "--shard", shard)
        assert result.exit_code == 0, result.output
        assert "the same command with --resume instead of --shard writes objects.csv" in (
            result.output
        )
    assert not (tmp_path / "out" / "objects.csv").exists()
    joined = run(*shared, "--resume")
    assert joined.exit_code == 0, joined.output
    assert "3 had been done before" in joined.output
    table = (tmp_path / "out" / "objects.csv").read_bytes()
    assert table == (tmp_path / "whole" / "objects.csv").read_bytes()
    assert "3/2" in run(*shared, "--shard", "3/2").output


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
    assert written == [f"{first.stem}.geojson", f"{first.stem}.png", "manifest.jsonl"]
