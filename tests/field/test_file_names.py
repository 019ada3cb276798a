"""Names of files: composed and decomposed letters, and bytes that are not UTF-8."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from mask_sets import draw_objects, encode, read_labels, write_set

from segfit.batch.masks import pair_masks
from segfit.datasets import open_labelled
from segfit.datasets.layout import name_pair
from segfit.errors import SegfitError

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "häuser") for form in ("NFC", "NFD"))
NOT_UTF8 = os.fsdecode(b"caf\xe9")
RUN = [sys.executable, "-W", "error", "-m", "segfit"]


@pytest.fixture
def oddly_named(tmp_path: Path) -> Path:
    """Two pairs, of which one has a name in Latin-1."""
    try:
        write_set(tmp_path, dict.fromkeys((f"{NOT_UTF8}.png", "b.png"), encode(draw_objects())))
    except OSError:  # a disk that takes UTF-8 only
        pytest.skip("this disk has no such names")
    return tmp_path


def run(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*RUN, *map(str, arguments)], capture_output=True, timeout=120)


@pytest.mark.parametrize(("image", "mask"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_composed_and_decomposed_names_are_pairs(tmp_path, image, mask):
    write_set(tmp_path, dict.fromkeys(("a.png", "b.png"), encode(draw_objects())))
    for folder, name in (("images", image), ("masks", mask)):
        (tmp_path / folder / "a.png").rename(tmp_path / folder / f"{name}.png")
    data = open_labelled(tmp_path)
    assert {unicodedata.normalize("NFC", name) for name in read_labels(data)} == {COMPOSED, "b"}
    paired = pair_masks(sorted((tmp_path / "masks").iterdir()), tmp_path / "images")
    assert len(paired.masks) == 2
    assert not paired.unpaired


def test_two_forms_of_a_name_in_one_folder_are_refused(tmp_path):
    write_set(tmp_path, dict.fromkeys((f"{COMPOSED}.png", "b.png"), encode(draw_objects())))
    twin = tmp_path / "masks" / f"{DECOMPOSED}.png"
    if twin.exists():
        pytest.skip("this disk takes both forms for one name")
    twin.write_bytes(encode(draw_objects()))
    with pytest.raises(SegfitError, match="share a name"):
        open_labelled(tmp_path)


def test_yolo_and_labelme_pair_both_forms(tmp_path):
    for layout in ("yolo", "labelme"):
        folder = tmp_path / layout
        labels = folder / ("labels" if layout == "yolo" else "")
        images = folder / ("images" if layout == "yolo" else "")
        for place in (images, labels):
            place.mkdir(parents=True, exist_ok=True)
        for image, label in ((COMPOSED, DECOMPOSED), ("b", "b")):
            (images / f"{image}.png").write_bytes(encode(np.zeros((64, 64, 3), np.uint8)))
            if layout == "yolo":
                (labels / f"{label}.txt").write_text("0 0.2 0.2 0.8 0.2 0.8 0.8\n")
            else:
                shape = {"label": "box", "points": [[9, 9], [40, 40]], "shape_type": "rectangle"}
                content = {"shapes": [shape], "imagePath": f"{label}.png", "version": "5"}
                (labels / f"{label}.json").write_text(
                    json.dumps({**content, "imageHeight": 64, "imageWidth": 64})
                )
        if layout == "yolo":
            (folder / "classes.txt").write_text("box\n")
        assert sum(map(len, open_labelled(folder).splits.values())) == 2


def test_every_format_is_written_of_names_that_are_not_utf8(oddly_named):
    formats = "coco,geojson,instances,mask,overlay,polygons,json,svg,yolo"
    output = oddly_named / "out"
    done = run(
        "segment", oddly_named / "images", "-o", output, "--method", "otsu", "--format", formats
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"caf?" in done.stdout
    names = [os.fsencode(path.name) for path in output.rglob("*") if path.is_file()]
    assert sum(name.startswith(b"caf\xe9") for name in names) >= len(formats.split(",")) - 1
    (summary,) = output.glob("caf?.json")
    assert json.loads(summary.read_text("utf-8"))["image"] == "caf\N{REPLACEMENT CHARACTER}.png"


def test_tables_and_figures_of_names_that_are_not_utf8(oddly_named):
    fitted = run("fit", oddly_named / "masks", "-o", oddly_named / "fit", "--format", "csv,json")
    assert fitted.returncode == 0, fitted.stderr.decode(errors="replace")
    (table,) = (oddly_named / "fit").glob("caf*.csv")
    with table.open(newline="", encoding="utf-8") as file:
        assert list(csv.DictReader(file))
    planned = run("train", oddly_named, "--dry-run")
    assert planned.returncode == 0, planned.stderr.decode(errors="replace")


def test_a_damaged_file_of_such_a_name_is_reported(oddly_named):
    (oddly_named / "masks" / f"{NOT_UTF8}.png").write_bytes(b"no image")
    done = run("fit", oddly_named / "masks", "-o", oddly_named / "fit", "--format", "csv")
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"1 of 2 images failed" in done.stderr


@pytest.mark.parametrize("image", ["a.ome.tif", "a.OME.TIF", "a.tif", "a.png"])
@pytest.mark.parametrize("mask", ["a.png", "a.ome.png"])
def test_an_ome_tiff_is_paired_with_a_mask_of_its_name(image, mask):
    assert name_pair(Path(image)) == name_pair(Path(mask)) == "a"
    assert name_pair(Path("a.b.tif")) == "a.b"
    assert name_pair(Path("chrome.png")) == "chrome"
