"""LabelMe files with every kind of shape, and with what goes wrong in them.

Images are 16×16 and black; a leaf covers rows and columns 2 to 5.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segfit.datasets import open_labelled
from segfit.errors import SegfitError

LEAF = {"label": "leaf", "points": [[2, 2], [6, 2], [6, 6], [2, 6]], "shape_type": "polygon"}

RING = [[1, 0, 1], [1, 1, 1]]
CORNER = [[0, 0], [0, 0], [0, 1]]


def encode(pixels: Any) -> str:
    """A PNG in base64."""
    data = io.BytesIO()
    Image.fromarray(np.uint8(pixels)).save(data, "png")
    return base64.b64encode(data.getvalue()).decode()


def write(folder: Path, *shapes: Any, name: str = "a", image: bool = True, **extra: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if image:
        Image.new("RGB", (16, 16)).save(folder / f"{name}.png")
    content = {
        "version": "5.5.0",
        "shapes": shapes,
        "imagePath": f"{name}.png",
        "imageData": None,
        "imageHeight": 16,
        "imageWidth": 16,
    } | extra
    (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def read(folder: Path) -> tuple[Any, str, tuple[str, ...]]:
    """Image a, the notes and the classes; b is a second image, since one alone is too few."""
    write(folder, LEAF, name="b")
    data = open_labelled(folder)
    found = {one.name: one for split in data.splits.values() for one in split}
    return found["a"], " ".join(data.notes), data.classes.names


def square(rows: slice, columns: slice) -> Any:
    mask = np.zeros((16, 16), np.uint8)
    mask[rows, columns] = 1
    return mask


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ({"shape_type": "rectangle", "points": [[6, 2], [2, 6]]}, square(slice(2, 6), slice(2, 6))),
        (
            {"shape_type": "oriented_rectangle", "points": [[2, 2], [6, 2], [6, 6], [2, 6]]},
            square(slice(2, 6), slice(2, 6)),
        ),
        (
            {"shape_type": "mask", "points": [[3, 4], [5, 5]], "mask": encode(RING)},
            square(slice(4, 6), slice(3, 6)) - square(slice(4, 5), slice(4, 5)),
        ),
        (
            {"shape_type": "mask", "points": [[-1, -2], [0, 0]], "mask": encode(CORNER)},
            square(slice(0, 1), slice(0, 1)),
        ),
        ({"points": [[2, 2], [6, 2], [6, 6], [2, 6]]}, square(slice(2, 6), slice(2, 6))),
    ],
    ids=["rectangle", "oriented rectangle", "mask", "mask over the edge", "no shape_type"],
)  # fmt: skip
def test_kinds_of_shapes(tmp_path: Path, shape: dict[str, Any], expected: Any) -> None:
    image, _, names = read(write(tmp_path, {"label": "leaf"} | shape))
    assert names == ("background", "leaf")
    np.testing.assert_array_equal(image.labels, expected)


def test_a_circle_is_its_center_and_a_point_on_it(tmp_path: Path) -> None:
    image, _, _ = read(
        write(tmp_path, {"label": "leaf", "shape_type": "circle", "points": [[8, 8], [10, 8]]})
    )
    assert image.labels[6:10, 6:10].tolist() == [
        [0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 1, 0],
    ]  # fmt: skip
    assert image.labels.sum() == 12


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ({"shape_type": "point", "points": [[1, 1]]}, "point 'tip' has no area"),
        ({"shape_type": "line", "points": [[1, 1], [2, 2]]}, "line 'tip' has no area"),
        ({"shape_type": "linestrip", "points": [[1, 1], [2, 2]]}, "linestrip 'tip' has no area"),
        ({"shape_type": "cuboid", "points": [[1, 1]]}, "cuboid 'tip' is of no known kind"),
        ({"points": [[1, 1], [9, 9]]}, "has 2 points and needs 3"),
        ({"points": []}, "has 0 points and needs 3"),
        ({"points": None}, "has 0|not pairs of numbers"),
        ({"points": [[1, 1, 1]]}, "points that are not pairs"),
        ({"points": [[1, 1], [float("nan"), 9], [9, 1]]}, r"has a point at \(nan, 9\)"),
        ({"points": [[1, 1], [float("inf"), 9], [9, 1]]}, r"has a point at \(inf, 9\)"),
        ({"points": [[1, 1], [1e12, 9], [9, 1]]}, r"has a point at \(1e\+12, 9\)"),
        ({"shape_type": "mask", "points": [[1, 1], [2, 2]]}, "no mask that can be read"),
        (
            {"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": "?"},
            "no mask that can be read",
        ),
        (
            {"shape_type": "mask", "points": [[1, 1], [2, 2]], "mask": encode(np.ones((3, 2)))},
            "has a mask of 3×2 px for 2×2 px",
        ),
    ],
)
def test_a_shape_that_cannot_be_filled_is_left_out_by_name(
    tmp_path: Path, shape: dict[str, Any], reason: str
) -> None:
    image, notes, _ = read(write(tmp_path, {"label": "tip"} | shape, LEAF))
    np.testing.assert_array_equal(image.labels > 0, square(slice(2, 6), slice(2, 6)) > 0)
    assert "1 object left out: " in notes
    assert "'tip'" in notes
    with pytest.raises(SegfitError, match=reason):
        open_labelled(tmp_path, strict=True)


def test_a_class_of_points_alone_is_no_class(tmp_path: Path) -> None:
    _, _, names = read(
        write(tmp_path, {"label": "tip", "shape_type": "point", "points": [[1, 1]]}, LEAF)
    )
    assert names == ("background", "leaf")


def test_a_folder_of_points_alone_is_refused(tmp_path: Path) -> None:
    tip = {"label": "tip", "shape_type": "point", "points": [[1, 1]]}
    with pytest.raises(SegfitError, match=r"no LabelMe file has a shape with an area \(polygon"):
        open_labelled(write(tmp_path, tip))


def test_an_image_of_points_alone_is_left_out(tmp_path: Path) -> None:
    """Nobody said that the rest of it is background."""
    tip = {"label": "tip", "shape_type": "point", "points": [[1, 1]]}
    write(tmp_path, tip, tip)
    write(tmp_path, LEAF, name="b")
    write(tmp_path, LEAF, name="c")
    data = open_labelled(tmp_path)
    assert sum(map(len, data.splits.values())) == 2
    assert "delete it (and 1 more, which are all that it has)" in " ".join(data.notes)


def test_the_pieces_of_a_group_are_one_object(tmp_path: Path) -> None:
    far = {"label": "leaf", "points": [[10, 10], [14, 10], [14, 14], [10, 14]]}
    for group, count in ((3, 1), ("3", 1), (None, 2)):
        image, _, _ = read(write(tmp_path, LEAF | {"group_id": group}, far | {"group_id": group}))
        assert image.objects.max() == count


def test_the_image_inside_the_file(tmp_path: Path) -> None:
    pixels = np.full((16, 16, 3), 77, np.uint8)
    image, _, _ = read(write(tmp_path, LEAF, image=False, imageData=encode(pixels)))
    np.testing.assert_array_equal(image.image, pixels)
    np.testing.assert_array_equal(image.labels, square(slice(2, 6), slice(2, 6)))


@pytest.mark.parametrize(
    "image_path", ["..\\pictures\\a.png", "../pictures/a.png", "C:\\Users\\me\\a.png"]
)
def test_paths_of_images(tmp_path: Path, image_path: str) -> None:
    write(tmp_path / "labels", LEAF, image=False, imagePath=image_path)
    place = tmp_path / ("labels" if image_path.startswith("C:") else "pictures")
    place.mkdir(exist_ok=True)
    Image.new("RGB", (16, 16), (5, 5, 5)).save(place / "a.png")
    image, _, _ = read(tmp_path / "labels")
    assert image.image[0, 0].tolist() == [5, 5, 5]


def test_a_damaged_image_inside_the_file(tmp_path: Path) -> None:
    write(tmp_path, LEAF, image=False, imageData="bm8gaW1hZ2U=")
    write(tmp_path, LEAF, name="b")
    with pytest.raises(SegfitError, match=r"a\.json: its imageData is no image"):
        open_labelled(tmp_path, strict=True)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_editors_save(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, LEAF)
    text = (tmp_path / "a.json").read_text()
    (tmp_path / "a.json").write_text(text, encoding=encoding)
    image, _, _ = read(tmp_path)
    np.testing.assert_array_equal(image.labels, square(slice(2, 6), slice(2, 6)))
