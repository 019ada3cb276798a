"""Files of outlines beside their images: segfit's own, QuPath's, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segfit.datasets import open_labelled
from segfit.errors import SegfitError

SQUARE = [[2, 2], [6, 2], [6, 6], [2, 6], [2, 2]]
HOLE = [[3, 3], [3, 5], [5, 5], [5, 3], [3, 3]]


def write(folder: Path, *features: dict[str, Any], name: str = "a") -> None:
    Image.new("RGB", (16, 16)).save(folder / f"{name}.png")
    content = {"type": "FeatureCollection", "features": features}
    (folder / f"{name}.geojson").write_text(json.dumps(content))


def outline(*rings: Any, kind: str = "Polygon", **properties: Any) -> dict[str, Any]:
    geometry = {"type": kind, "coordinates": rings}
    return {"type": "Feature", "geometry": geometry, "properties": {"class": "cell"} | properties}


def read(folder: Path) -> tuple[Any, Any, str]:
    write(folder, outline(SQUARE), name="b")
    data = open_labelled(folder)
    found = {one.name: one for split in data.splits.values() for one in split}
    return found["a"], data.classes, " ".join(data.notes)


def test_holes_and_several_pieces(tmp_path: Path) -> None:
    low = [[x, y + 8] for x, y in SQUARE]
    write(tmp_path, outline([SQUARE, HOLE], [low], kind="MultiPolygon", object=1))
    image, _, _ = read(tmp_path)
    expected = np.zeros((16, 16), np.uint8)
    expected[2:6, 2:6] = expected[10:14, 2:6] = 1
    expected[3:5, 3:5] = 0
    np.testing.assert_array_equal(image.labels, expected)
    np.testing.assert_array_equal(image.objects, expected)


def test_qupath_s_classes(tmp_path: Path) -> None:
    """It writes a list of features, each with a classification, and numbers in its names."""
    feature = outline(SQUARE)
    feature["properties"] = {"objectType": "annotation", "classification": {"name": "Tumor"}}
    write(tmp_path)
    (tmp_path / "a.geojson").write_text(json.dumps([feature]))
    image, classes, _ = read(tmp_path)
    assert classes.names == ("background", "Tumor", "cell")
    assert (image.labels == 1).sum() == 16


def test_classes_come_in_the_model_s_order(tmp_path: Path) -> None:
    write(tmp_path, outline(SQUARE, label=2, **{"class": "ant"}), outline(SQUARE, label=1))
    assert read(tmp_path)[1].names == ("background", "cell", "ant")


def test_an_outline_far_off_is_left_out_by_name(tmp_path: Path) -> None:
    far = [[2, 2], [1e12, 2], [2, 6]]
    write(tmp_path, outline(SQUARE), outline(far))
    image, _, notes = read(tmp_path)
    assert (image.labels == 1).sum() == 16
    assert "1 object left out: " in notes
    assert "a.geojson: outline 2 ('cell') has a point at (1e+12, 2)" in notes


@pytest.mark.parametrize(
    "text", ["{", "[]]", '{"type": "FeatureCollection"}', '{"features": [{"geometry": null}]}', "7"]
)
def test_a_file_of_something_else_is_named(tmp_path: Path, text: str) -> None:
    write(tmp_path)
    (tmp_path / "a.geojson").write_text(text)
    write(tmp_path, outline(SQUARE), name="b")
    write(tmp_path, outline(SQUARE), name="c")
    notes = " ".join(open_labelled(tmp_path).notes)
    assert "a.geojson holds no outlines with their classes" in notes
    with pytest.raises(SegfitError, match="write it again, or move it away"):
        open_labelled(tmp_path, strict=True)


def test_outlines_of_two_kinds_are_refused(tmp_path: Path) -> None:
    write(tmp_path, outline(SQUARE))
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    with pytest.raises(SegfitError, match=r"outlines of several kinds \(a\.geojson, a\.svg\)"):
        open_labelled(tmp_path)


def test_images_without_outlines_are_said(tmp_path: Path) -> None:
    write(tmp_path, outline(SQUARE))
    Image.new("RGB", (16, 16)).save(tmp_path / "bare.png")
    assert "without outlines (bare.png), left out" in read(tmp_path)[2]
