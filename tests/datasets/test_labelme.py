from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfit.classes import IGNORE
from segfit.datasets import open_labelled
from segfit.errors import SegfitError

Shape = dict[str, object]
SQUARE: Shape = {"label": "leaf", "points": [[2, 2], [6, 2], [6, 6], [2, 6]]}


def write_labelme(folder: Path, *shapes: Shape, name: str = "p0", **extra: object) -> Path:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (16, 16)).save(folder / f"{name}.png")
    content = {"shapes": shapes, "imagePath": f"{name}.png", "imageData": None} | extra
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_polygon_rectangle_circle_and_ignore(tmp_path: Path) -> None:
    shapes: tuple[Shape, ...] = (
        SQUARE,
        {"label": "stone", "shape_type": "rectangle", "points": [[15, 3], [10, 1]]},
        {"label": "leaf", "shape_type": "circle", "points": [[4, 12], [4, 14]]},
        {"label": "__ignore__", "points": [[8, 8], [16, 8], [16, 16], [8, 16]]},
    )
    write_labelme(tmp_path, *shapes)
    write_labelme(tmp_path, *shapes, name="p1")
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "leaf", "stone")
    image = data.splits["val"][0]
    expected = np.zeros((16, 16), np.uint8)
    expected[2:6, 2:6] = 1
    expected[1:3, 10:15] = 2
    expected[10:14, 3:5] = expected[11:13, 2:6] = 1
    expected[8:, 8:] = IGNORE
    np.testing.assert_array_equal(image.labels, expected)
    assert image.objects is not None
    assert [image.objects[at] for at in ((3, 3), (2, 12), (12, 4), (12, 12))] == [1, 2, 3, 0]


def test_a_group_is_one_object(tmp_path: Path) -> None:
    second: Shape = {"label": "leaf", "points": [[9, 2], [12, 2], [12, 6]], "group_id": 4}
    for name in ("p0", "p1"):
        write_labelme(tmp_path, SQUARE | {"group_id": 4}, second, name=name)
    objects = open_labelled(tmp_path).splits["val"][0].objects
    assert objects is not None
    assert np.unique(objects).tolist() == [0, 1]


def test_splits_and_images_without_json(tmp_path: Path) -> None:
    write_labelme(tmp_path / "train", SQUARE)
    write_labelme(tmp_path / "val", SQUARE)
    Image.new("RGB", (16, 16)).save(tmp_path / "val" / "bare.png")
    data = open_labelled(tmp_path)
    assert {split: images.names for split, images in data.splits.items()} == {
        "train": ("p0",),
        "val": ("p0",),
    }
    assert any("without a JSON file (bare.png)" in note for note in data.notes)


@pytest.mark.parametrize(
    ("shape", "extra", "reason"),
    [
        (
            SQUARE | {"shape_type": "line"},
            {},
            "line 'leaf' has no area; polygon, rectangle, circle, mask",
        ),
        ({"label": "leaf", "points": [[1, 1]]}, {}, "has 1 point and needs 3"),
        ({"points": []}, {}, r"shapes\.0\.label: Field required"),
        (SQUARE, {"imageHeight": 9, "imageWidth": 9}, "mask is 9×9 but its image"),
    ],
)
def test_bad_shapes(tmp_path: Path, shape: Shape, extra: dict[str, object], reason: str) -> None:
    write_labelme(tmp_path, shape, **extra)
    write_labelme(tmp_path, SQUARE, name="p1")
    write_labelme(tmp_path, SQUARE, name="p2")
    assert any("p0.json" in note for note in open_labelled(tmp_path).notes)
    with pytest.raises(SegfitError, match=reason):
        open_labelled(tmp_path, strict=True)


def test_missing_image_and_single_file(tmp_path: Path) -> None:
    write_labelme(tmp_path, SQUARE)
    with pytest.raises(SegfitError, match="LabelMe file of one image: give its folder"):
        open_labelled(tmp_path / "p0.json")
    (tmp_path / "p0.png").unlink()
    with pytest.raises(SegfitError, match=r"its image 'p0\.png' was not found"):
        open_labelled(tmp_path)
