from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as mask_api

from segfit.basics.arrays import BoolArray, Int32Array, UInt8Array
from segfit.classes import IGNORE
from segfit.datasets import open_labelled
from segfit.datasets.coco.outlines import decode_counts, fill_runs
from segfit.errors import SegfitError

SQUARE = [[2, 2, 6, 2, 6, 6, 2, 6]]  # rows and columns 2 to 5
CATEGORIES = [{"id": 7, "name": "cell"}, {"id": 3, "name": "wall"}]


def write_coco(
    root: Path,
    annotations: list[dict[str, object]],
    *,
    file: str = "set.json",
    folder: str = "",
    count: int = 2,
    categories: list[dict[str, object]] | None = None,
) -> Path:
    """Write ``count`` black 16×16 images; annotations go to the first unless they say."""
    images = []
    for number in range(count):
        path = root / folder / f"p{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (16, 16)).save(path)
        images.append({"id": number, "file_name": f"./p{number}.png", "height": 16, "width": 16})
    filled = [{"id": i, "image_id": 0, "category_id": 7} | a for i, a in enumerate(annotations)]
    content = {"images": images, "annotations": filled, "categories": categories or CATEGORIES}
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(content))
    return root / file


def read_first(path: Path) -> tuple[UInt8Array, Int32Array, str]:
    data = open_labelled(path)
    images = [*data.splits["train"], *data.splits["val"]]
    image = next(p for p in images if p.name == "p0")
    assert image.objects is not None
    return image.labels, image.objects, " ".join(data.notes)


def block(rows: slice, columns: slice) -> BoolArray:
    mask = np.zeros((16, 16), bool)
    mask[rows, columns] = True
    return mask


def test_polygons_of_several_pieces(tmp_path: Path) -> None:
    pieces = [*SQUARE, [10, 10, 12, 10, 12, 13, 10, 13]]
    labels, objects, notes = read_first(write_coco(tmp_path, [{"segmentation": pieces}]))
    expected = block(slice(2, 6), slice(2, 6)) | block(slice(10, 13), slice(10, 12))
    np.testing.assert_array_equal(labels, expected * 2)  # cell has id 7, after wall with 3
    np.testing.assert_array_equal(objects, expected * 1)
    assert "background, wall, cell" in notes
    assert "1 image of set.json without annotations (p1)" in notes


@pytest.mark.parametrize("compressed", [True, False])
def test_run_lengths(tmp_path: Path, compressed: bool) -> None:
    mask = block(slice(3, 9), slice(1, 15))
    runs = [16 + 3, *[6, 10] * 13, 6, 7 + 16]  # down the columns: 0s, 1s, 0s, …
    if compressed:
        encoded = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    segmentation = {"size": [16, 16], "counts": encoded if compressed else runs}
    labels, _, _ = read_first(write_coco(tmp_path, [{"segmentation": segmentation}]))
    np.testing.assert_array_equal(labels == 2, mask)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_compressed_run_lengths_come_back(mask: BoolArray) -> None:
    counts = mask_api.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"].decode()
    height, width = mask.shape
    filled = fill_runs(decode_counts(counts), height=height, width=width)
    np.testing.assert_array_equal(filled, mask)


def test_later_objects_win_and_crowds_are_ignored(tmp_path: Path) -> None:
    annotations: list[dict[str, object]] = [
        {"segmentation": SQUARE},
        {"segmentation": [[4, 2, 8, 2, 8, 6, 4, 6]], "category_id": 3},
        {"segmentation": [[0, 12, 16, 12, 16, 16, 0, 16]], "iscrowd": 1},
    ]
    labels, objects, notes = read_first(write_coco(tmp_path, annotations))
    assert labels[3].tolist() == [0, 0, 2, 2, 1, 1, 1, 1] + [0] * 8
    assert objects[3].tolist() == [0, 0, 1, 1, 2, 2, 2, 2] + [0] * 8
    assert (labels[12:] == IGNORE).all()
    assert (objects[12:] == 0).all()
    assert "8 pixels belong to two or more objects" in notes
    assert "1 object lost some" in notes


def test_objects_without_a_pixel_of_their_own_are_counted(tmp_path: Path) -> None:
    annotations: list[dict[str, object]] = [
        {"segmentation": SQUARE},
        {"segmentation": SQUARE},
        {"segmentation": [[9.1, 9.1, 9.2, 9.1, 9.2, 9.2]]},
    ]
    _, objects, notes = read_first(write_coco(tmp_path, annotations))
    assert np.unique(objects).tolist() == [0, 2]
    assert (
        "2 objects left out: smaller than a pixel, outside the image, or wholly covered by others"
        in notes
    )


def test_stuff_has_no_objects_and_unused_categories_are_said(tmp_path: Path) -> None:
    categories: list[dict[str, object]] = [
        {"id": 3, "name": "wall", "isthing": 0},
        {"id": 7, "name": "cell", "isthing": 1},
        {"id": 8, "name": "car"},
    ]
    annotations: list[dict[str, object]] = [
        {"segmentation": SQUARE},
        {"segmentation": [[8, 8, 12, 8, 12, 12, 8, 12]], "category_id": 3},
    ]
    path = write_coco(tmp_path, annotations, categories=categories)
    assert open_labelled(path).classes.object_classes == (2, 3)
    labels, objects, notes = read_first(path)
    assert (labels[8:12, 8:12] == 1).all()
    assert (objects[8:12, 8:12] == 0).all()
    assert "No pixel is labelled 'car'" in notes


def test_polygons_that_cross_themselves_are_filled_as_pycocotools_fills_them(
    tmp_path: Path,
) -> None:
    bow = [2.0, 2.0, 13.0, 12.0, 13.0, 2.0, 2.0, 12.0]
    labels, objects, _ = read_first(write_coco(tmp_path, [{"segmentation": [bow]}]))
    runs = mask_api.frPyObjects([bow], 16, 16)
    expected = fill_runs(decode_counts(runs[0]["counts"].decode()), height=16, width=16)
    np.testing.assert_array_equal(labels == 2, expected)
    assert 20 < expected.sum() < 100
    assert np.unique(objects).tolist() == [0, 1]


def test_an_empty_outline_leaves_its_image_out(tmp_path: Path) -> None:
    annotations: list[dict[str, object]] = [
        {"segmentation": SQUARE},
        {"segmentation": SQUARE, "image_id": 1},
        {"segmentation": [], "image_id": 2},
    ]
    data = open_labelled(write_coco(tmp_path, annotations, count=3))
    assert sum(len(split) for split in data.splits.values()) == 2
    assert any(
        "Left out: " in note and "annotation 2 of p2.png has no" in note for note in data.notes
    )


@pytest.mark.parametrize("folder", ["", "images", "data/train", "annotations"])
def test_images_are_found_near_the_file(tmp_path: Path, folder: str) -> None:
    write_coco(tmp_path, [{"segmentation": SQUARE}], file="annotations/a.json", folder=folder)
    labels, _, _ = read_first(tmp_path)
    assert (labels == 2).sum() == 16


def test_splits_from_the_names_of_the_files(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_coco(tmp_path, [{"segmentation": SQUARE}], file=f"annotations/set_{split}2017.json")
    assert list(open_labelled(tmp_path).splits) == ["train", "val", "test"]
    write_coco(tmp_path, [], file="annotations/copy_of_val.json")
    with pytest.raises(SegfitError, match=r"copy_of_val\.json and set_val2017\.json both annotate"):
        open_labelled(tmp_path)
    (tmp_path / "annotations" / "copy_of_val.json").rename(tmp_path / "annotations" / "old.json")
    with pytest.raises(SegfitError, match=r"cannot tell which split old\.json is"):
        open_labelled(tmp_path)


def test_a_background_category_is_the_background(tmp_path: Path) -> None:
    categories: list[dict[str, object]] = [
        {"id": 7, "name": "cell"},
        {"id": 9, "name": "Background"},
    ]
    path = write_coco(tmp_path, [{"segmentation": SQUARE}], categories=categories)
    assert open_labelled(path).classes.names == ("background", "cell")


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({}, "annotation 0 of p0.png has no segmentation"),
        ({"segmentation": [[1, 1, 2, 2]]}, "polygon of 4 numbers"),
        ({"segmentation": {"size": [8, 8], "counts": [64]}}, "is for 8×8 px but the image"),
        ({"segmentation": {"size": [16, 16], "counts": [3]}}, "do not add up"),
        ({"segmentation": SQUARE, "category_id": 99}, "category 99, which is not among"),
    ],
)
def test_bad_annotations(tmp_path: Path, annotation: dict[str, object], reason: str) -> None:
    with pytest.raises(SegfitError, match=reason):
        open_labelled(write_coco(tmp_path, [annotation]), strict=True)


def test_missing_images_and_wrong_sizes(tmp_path: Path) -> None:
    path = write_coco(tmp_path, [{"segmentation": SQUARE}], count=4)
    (tmp_path / "p3.png").unlink()
    Image.new("RGB", (20, 24)).save(tmp_path / "p2.png")
    notes = " ".join(open_labelled(path).notes)
    assert "1 image of set.json not found near" in notes
    assert "annotated at 16×16 but the image is 24×20" in notes
    with pytest.raises(SegfitError, match="not found near"):
        open_labelled(path, strict=True)


def test_a_json_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"images": []}')
    with pytest.raises(
        SegfitError, match=r"a\.json is not a COCO file: annotations: Field required"
    ):
        open_labelled(tmp_path / "a.json")


def test_missing_pycocotools_prints_the_install_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_coco(tmp_path, [{"segmentation": SQUARE}])
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(SegfitError, match=r'pip install "segfit\[train\]"'):
        open_labelled(path)


def test_meltpool(shared_data: Path) -> None:
    data = open_labelled(shared_data / "meltpool", strict=True)
    assert data.classes.names == ("background", "melt pool")
    assert {split: len(images) for split, images in data.splits.items()} == {
        "train": 48,
        "val": 12,
    }
    image = data.splits["val"][0]
    assert image.objects is not None
    np.testing.assert_array_equal(image.objects > 0, image.labels == 1)
