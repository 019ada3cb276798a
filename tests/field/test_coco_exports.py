"""COCO files as annotation tools and people's scripts write them: read right, or said.

Images are 16×16; a square of class "cell" covers rows and columns 2 to 5.
"""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segfit.classes import IGNORE
from segfit.datasets import open_labelled
from segfit.datasets.coco.layouts import name_split_of
from segfit.errors import SegfitError

SQUARE = [[2, 2, 6, 2, 6, 6, 2, 6]]
LOW = [[2, 10, 6, 10, 6, 14, 2, 14]]  # rows 10 to 13
CELL = {"id": 1, "name": "cell"}


def draw(*rows: int) -> Any:
    """A square of 4 pixels a side from each of these rows on, in columns 2 to 5."""
    mask = np.zeros((16, 16), bool)
    for row in rows:
        mask[row : row + 4, 2:6] = True
    return mask


def to_runs(mask: Any) -> dict[str, Any]:
    """Plain run lengths down the columns, as a brush gives them."""
    runs = [(value, len(list(group))) for value, group in groupby(mask.T.ravel().tolist())]
    return {
        "size": list(mask.shape),
        "counts": [0] * runs[0][0] + [length for _, length in runs],
    }


def write_images(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16)).save(path)


def write_set(
    root: Path,
    annotations: list[dict[str, Any]],
    *,
    images: list[dict[str, Any]] | None = None,
    categories: Any = None,
    encoding: str = "utf-8",
    file: str = "set.json",
) -> Path:
    """Write a COCO file of images a.png and b.png; annotations are cells of the first, unless they
    say.
    """
    write_images(root, "a.png", "b.png")
    content = {
        "images": images or [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "iscrowd": 0} | one
            for i, one in enumerate(annotations, start=1)
        ],
        "categories": categories or [CELL],
    }
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(json.dumps(content).encode(encoding))
    return path


def read(path: Path) -> tuple[dict[str, Any], str, tuple[str, ...]]:
    """Images by name, the notes, the classes."""
    data = open_labelled(path)
    found = {one.name: one for split in data.splits.values() for one in split}
    return found, " ".join(data.notes), data.classes.names


def test_to_runs() -> None:
    assert to_runs(np.array([[0, 1], [1, 1]])) == {"size": [2, 2], "counts": [1, 3]}
    assert to_runs(np.array([[1, 0], [1, 0]])) == {"size": [2, 2], "counts": [0, 2, 2]}


def test_brush_masks_that_are_marked_as_crowds_are_objects(tmp_path: Path) -> None:
    masks = [draw(2), draw(10)]
    found, notes, _ = read(
        write_set(tmp_path, [{"segmentation": to_runs(mask), "iscrowd": 1} for mask in masks])
    )
    np.testing.assert_array_equal(found["a"].labels, draw(2, 10) * 1)
    np.testing.assert_array_equal(found["a"].objects, draw(2) * 1 + draw(10) * 2)
    assert "iscrowd: 1, 2 are taken for objects (as CVAT writes brush masks) and 0 for" in notes


def test_crowds_are_ignored_by_two_signs_or_by_name(tmp_path: Path) -> None:
    pieces = np.zeros((16, 16), bool)
    pieces[2:4, 2:6] = pieces[8:10, 10:14] = pieces[12:14, 10:14] = True
    over_a_square_in_pieces = {"segmentation": to_runs(pieces), "iscrowd": 1}
    annotations = [{"segmentation": SQUARE}, over_a_square_in_pieces]
    found, notes, _ = read(write_set(tmp_path, annotations))
    np.testing.assert_array_equal(found["a"].labels == IGNORE, pieces)
    assert "0 are taken for objects (as CVAT writes brush masks) and 1 for crowds" in notes

    named = [CELL, {"id": 2, "name": "crowd of cells"}]
    crowd = {"segmentation": to_runs(draw(10)), "iscrowd": 1, "category_id": 2}
    found, _, _ = read(write_set(tmp_path, [{"segmentation": SQUARE}, crowd], categories=named))
    np.testing.assert_array_equal(found["a"].labels == IGNORE, draw(10))


def test_a_rare_mask_in_pieces_among_many_polygons_is_a_crowd(tmp_path: Path) -> None:
    pieces = np.zeros((16, 16), bool)
    pieces[8:10, 8:10] = pieces[11:13, 8:10] = pieces[14:16, 8:10] = True
    crowd = {"segmentation": to_runs(pieces), "iscrowd": 1}
    many = [{"segmentation": SQUARE, "image_id": 2} for _ in range(10)]
    found, _, _ = read(write_set(tmp_path, [crowd, {"segmentation": SQUARE}, *many]))
    np.testing.assert_array_equal(found["a"].labels == IGNORE, pieces)
    found, _, _ = read(write_set(tmp_path, [crowd, {"segmentation": SQUARE}, *many[:8]]))
    assert not (found["a"].labels == IGNORE).any()


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        ([[2, 2, float("nan"), 2, 6, 6]], r"has a point at \(nan, 2\)"),
        ([[2, 2, float("inf"), 2, 6, 6]], r"has a point at \(inf, 2\)"),
        ([[2, 2, 1e12, 2, 6, 6]], r"has a point at \(1e\+12, 2\) though the image is 16×16 px"),
        ([[2, 2, 10**400, 2, 6, 6]], "not a list of numbers"),
        ([[2, 2, None, 2, 6, 6]], r"point at \(nan, 2\)"),
        ([["x", 2, 6, 2, 6, 6]], "not a list of numbers"),
        ("outline", "not a list of numbers"),
        ({"size": [16, 16], "counts": [10**40]}, "do not add up"),
        ({"size": [16, 16], "counts": None}, "do not add up"),
        ({"size": [16, 16], "counts": "~~~~~~~~~~~~~~~~"}, "do not add up"),
        ({"counts": [256]}, "is for no px but"),
        ([], "no segmentation"),
        (None, "no segmentation"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_left_out_by_name(
    tmp_path: Path, segmentation: Any, reason: str
) -> None:
    path = write_set(tmp_path, [{"segmentation": segmentation}, {"segmentation": LOW}])
    found, notes, _ = read(path)
    np.testing.assert_array_equal(found["a"].labels, draw(10) * 1)
    assert "1 object left out: set.json: annotation 1 of a.png" in notes
    with pytest.raises(SegfitError, match=reason):
        open_labelled(path, strict=True)


def test_an_outline_that_hangs_over_the_edge_is_cut_there(tmp_path: Path) -> None:
    found, _, _ = read(write_set(tmp_path, [{"segmentation": [[-8, 2, 6, 2, 6, 6, -8, 6]]}]))
    assert found["a"].labels[3].tolist() == [1] * 6 + [0] * 10


@pytest.mark.parametrize(
    "segmentation",
    [SQUARE[0], [[2, 2], [6, 2], [6, 6], [2, 6]], [[[2, 2], [6, 2], [6, 6], [2, 6]]]],
    ids=["flat", "points", "points in a list"],
)
def test_polygons_that_are_nested_otherwise(tmp_path: Path, segmentation: Any) -> None:
    found, _, _ = read(write_set(tmp_path, [{"segmentation": segmentation}]))
    np.testing.assert_array_equal(found["a"].labels, draw(2) * 1)


def test_ids_as_text_and_categories_by_name(tmp_path: Path) -> None:
    images = [{"id": "1", "file_name": "a.png"}, {"id": 2.0, "file_name": "b.png"}]
    annotations = [
        {"segmentation": SQUARE, "category_id": "1", "iscrowd": None},
        {"segmentation": LOW, "category_id": "cell", "image_id": "2"},
    ]
    found, _, names = read(write_set(tmp_path, annotations, images=images))
    assert names == ("background", "cell")
    np.testing.assert_array_equal(found["a"].labels, draw(2) * 1)
    np.testing.assert_array_equal(found["b"].labels, draw(10) * 1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_what_windows_editors_save(tmp_path: Path, encoding: str) -> None:
    found, _, _ = read(write_set(tmp_path, [{"segmentation": SQUARE}], encoding=encoding))
    np.testing.assert_array_equal(found["a"].labels, draw(2) * 1)


def test_one_id_for_two_images_leaves_both_out(tmp_path: Path) -> None:
    write_images(tmp_path, "c.png", "d.png")
    images = [
        {"id": i, "file_name": f"{name}.png"} for i, name in zip((1, 1, 2, 3), "abcd", strict=True)
    ]
    annotations = [{"segmentation": SQUARE, "image_id": i} for i in (1, 2, 3)]
    path = write_set(tmp_path, annotations, images=images)
    found, notes, _ = read(path)
    assert sorted(found) == ["c", "d"]
    assert "2 images of set.json share an id with another image (id 1: a.png, b.png)" in notes
    with pytest.raises(SegfitError, match="number the images anew"):
        open_labelled(path, strict=True)


def test_one_image_under_two_ids_has_the_annotations_of_both(tmp_path: Path) -> None:
    images = [
        {"id": i, "file_name": name} for i, name in ((1, "a.png"), (2, "./a.png"), (3, "b.png"))
    ]
    annotations = [{"segmentation": SQUARE}, {"segmentation": LOW, "image_id": 2}]
    found, notes, _ = read(write_set(tmp_path, annotations, images=images))
    np.testing.assert_array_equal(found["a"].labels, draw(2, 10) * 1)
    assert "1 image of set.json under more than one id (a.png)" in notes


def test_annotation_ids_given_twice(tmp_path: Path) -> None:
    annotations = [{"segmentation": SQUARE, "id": 7}, {"segmentation": LOW, "id": 7}]
    found, notes, _ = read(write_set(tmp_path, annotations))
    np.testing.assert_array_equal(found["a"].objects, draw(2) * 1 + draw(10) * 2)
    assert "1 annotation id of set.json given more than once (7)" in notes


def test_a_path_with_folders_never_stands_for_another_folder_s_image(tmp_path: Path) -> None:
    write_images(tmp_path, "images/left/x.png", "images/right/y.png")
    images = [
        {"id": i, "file_name": n}
        for i, n in enumerate(("left/x.png", "right/x.png", "right/y.png"))
    ]
    annotations = [{"segmentation": SQUARE, "image_id": i} for i in (0, 1, 2)]
    found, notes, _ = read(write_set(tmp_path, annotations, images=images))
    assert sorted(found) == ["x", "y"]
    assert "1 image of set.json not found near" in notes
    assert "(right/x.png)" in notes


@pytest.mark.parametrize(
    "file_name", [r"C:\Users\me\scans\left\x.png", "/data/job 7/x.png", "http://host/left/x.png"]
)
def test_an_absolute_path_of_another_computer(tmp_path: Path, file_name: str) -> None:
    write_images(tmp_path, "scans/left/x.png")
    images = [{"id": 1, "file_name": file_name}, {"id": 2, "file_name": "b.png"}]
    found, _, _ = read(write_set(tmp_path, [{"segmentation": SQUARE}], images=images))
    np.testing.assert_array_equal(found["x"].labels, draw(2) * 1)


def test_images_in_the_folder_of_their_subset(tmp_path: Path) -> None:
    """As CVAT's archives have it: the same names in the folders of several subsets."""
    for subset in ("Train", "Validation"):
        write_images(tmp_path / "images" / subset, "a.png", "b.png")
        write_set(tmp_path, [{"segmentation": SQUARE}], file=f"annotations/instances_{subset}.json")
    for name in ("a.png", "b.png"):
        (tmp_path / name).unlink()
    data = open_labelled(tmp_path)
    assert {split: images.names for split, images in data.splits.items()} == {
        "train": ("a", "b"),
        "val": ("a", "b"),
    }


def test_captions_and_keypoints_beside_the_outlines(tmp_path: Path) -> None:
    for split in ("train", "val"):
        path = write_set(
            tmp_path, [{"segmentation": SQUARE}], file=f"annotations/instances_{split}2017.json"
        )
        content = json.loads(path.read_text())
        path.with_name(f"person_keypoints_{split}2017.json").write_text(json.dumps(content))
        del content["categories"]
        path.with_name(f"captions_{split}2017.json").write_text(json.dumps(content))
    assert list(open_labelled(tmp_path).splits) == ["train", "val"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("retrieval_test", "test"), ("instances_val2017", "val"), ("setTrain", "train"),
        ("TRAIN", "train"), ("latest", None), ("contest-validation", "val"), ("train_val", None),
        ("trainval", None), ("default", None),
    ],
)  # fmt: skip
def test_splits_are_words_of_a_name(name: str, split: str | None) -> None:
    assert name_split_of(Path(f"{name}.json")) == split


def test_roboflow_s_heading_is_no_class(tmp_path: Path) -> None:
    categories = [
        {"id": 0, "name": "cells-Xy1z", "supercategory": "none"},
        {"id": 1, "name": "cell", "supercategory": "cells-Xy1z"},
        {"id": 2, "name": "debris", "supercategory": "cells-Xy1z"},
    ]
    annotations = [{"segmentation": SQUARE}, {"segmentation": LOW, "category_id": 2}]
    for split in ("train", "valid"):
        write_set(
            tmp_path / split, annotations, categories=categories, file="_annotations.coco.json"
        )
    _, notes, names = read(tmp_path)
    assert names == ("background", "cell", "debris")
    assert "No class is made of cells-Xy1z" in notes


def test_a_category_that_is_its_own_heading_or_has_annotations_stays(tmp_path: Path) -> None:
    categories = [
        {"id": 1, "name": "cell", "supercategory": "cell"},
        {"id": 2, "name": "nucleus", "supercategory": "cell"},
    ]
    _, _, names = read(write_set(tmp_path, [{"segmentation": SQUARE}], categories=categories))
    assert names == ("background", "cell", "nucleus")


def test_a_file_for_each_image_with_categories_of_its_own(tmp_path: Path) -> None:
    for name, category in (("a", "cell"), ("b", "wall")):
        write_set(
            tmp_path,
            [{"segmentation": SQUARE}],
            images=[{"id": 1, "file_name": f"{name}.png"}],
            categories=[{"id": 1, "name": category}],
            file=f"{name}.json",
        )
    found, notes, names = read(tmp_path)
    assert names == ("background", "cell", "wall")
    np.testing.assert_array_equal(found["a"].labels, draw(2) * 1)
    np.testing.assert_array_equal(found["b"].labels, draw(2) * 2)
    assert "number their categories differently" in notes


def test_two_files_of_one_image_are_refused(tmp_path: Path) -> None:
    for file in ("first.json", "second.json"):
        write_set(tmp_path, [{"segmentation": SQUARE}], file=file)
    with pytest.raises(SegfitError, match=r"first\.json and second\.json both annotate .*a\.png"):
        open_labelled(tmp_path)


def test_one_id_with_two_names_is_refused(tmp_path: Path) -> None:
    path = write_set(
        tmp_path, [{"segmentation": SQUARE}], categories=[CELL, {"id": 1, "name": "wall"}]
    )
    with pytest.raises(SegfitError, match="category 1 is 'cell' and 'wall': give each its own id"):
        open_labelled(path)


def test_two_ids_of_one_name_are_one_class(tmp_path: Path) -> None:
    annotations = [{"segmentation": SQUARE}, {"segmentation": LOW, "category_id": 2}]
    path = write_set(tmp_path, annotations, categories=[CELL, {"id": 2, "name": "cell"}])
    found, _, names = read(path)
    assert names == ("background", "cell")
    np.testing.assert_array_equal(found["a"].labels, draw(2, 10) * 1)


def test_boxes_alone_and_panoptic_files_are_refused(tmp_path: Path) -> None:
    path = write_set(tmp_path, [{"bbox": [2, 2, 4, 4]}, {"bbox": [2, 2, 4, 4], "image_id": 2}])
    with pytest.raises(SegfitError, match=r"no labelled image can be used .* has no segmentation"):
        open_labelled(path)
    path = write_set(tmp_path, [{"segments_info": []}])
    with pytest.raises(SegfitError, match="is a panoptic COCO file, which holds no outlines"):
        open_labelled(path)
