"""YOLO data sets as Roboflow, CVAT and Ultralytics lay them out, and rows that are no outlines.

Images are 32×16; SQUARE of class 0 covers rows 4 to 7 and columns 8 to 15.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from segfit.datasets import open_labelled
from segfit.datasets.yolo import find_yolo_images
from segfit.errors import SegfitError

SQUARE = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5"
BOX = "0 0.5 0.5 0.2 0.2"
NAMES = "names: [leaf]\n"


def write(root: Path, images: str, labels: str, **texts: str | None) -> None:
    """Images by name with their label files, if any."""
    (root / images).mkdir(parents=True, exist_ok=True)
    (root / labels).mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        Image.new("RGB", (32, 16)).save(root / images / f"{name}.jpg")
        if text is not None:
            (root / labels / f"{name}.txt").write_text(text)


def name_splits(path: Path) -> tuple[dict[str, tuple[str, ...]], str]:
    data = open_labelled(path)
    return {split: images.names for split, images in data.splits.items()}, " ".join(data.notes)


def expected() -> Any:
    labels = np.zeros((16, 32), np.uint8)
    labels[4:8, 8:16] = 1
    return labels


@pytest.mark.parametrize("up", ["", "../"])
def test_roboflow_s_paths_are_followed(tmp_path: Path, up: str) -> None:
    """Its export says ``../train/images`` of a folder that lies beside data.yaml."""
    for split in ("train", "valid", "test"):
        write(tmp_path, f"{split}/images", f"{split}/labels", a=SQUARE)
    text = f"train: {up}train/images\nval: {up}valid/images\ntest: {up}test/images\n\nnc: 1\n"
    (tmp_path / "data.yaml").write_text(text + "names: ['leaf']\n")
    for path in (tmp_path, tmp_path / "data.yaml"):
        splits, _ = name_splits(path)
        assert splits == {"train": ("a",), "val": ("a",), "test": ("a",)}


def test_folders_of_any_name_and_a_yaml_of_any_name(tmp_path: Path) -> None:
    write(tmp_path, "data/images/first", "data/labels/first", a=SQUARE)
    write(tmp_path, "data/images/second", "data/labels/second", b=SQUARE)
    write(tmp_path, "data/images/held", "data/labels/held", c=SQUARE)
    (tmp_path / "leaves-seg.yaml").write_text(
        "path: data\ntrain: [images/first, images/second]\nval: images/held\ntest:  # none\n"
        + NAMES
    )
    splits, _ = name_splits(tmp_path / "leaves-seg.yaml")
    assert splits == {"train": ("a", "b"), "val": ("c",)}


def test_lists_of_images(tmp_path: Path) -> None:
    """As CVAT exports them: paths that begin with a folder that is not there."""
    write(tmp_path, "images/train", "labels/train", a=SQUARE, b=SQUARE, c=SQUARE)
    (tmp_path / "data.yaml").write_text("path: ./\ntrain: train.txt\nval: val.txt\n" + NAMES)
    (tmp_path / "train.txt").write_text(
        "data/images/train/a.jpg\n./images/train/b.jpg\ndata/images/train/gone.jpg\n"
    )
    (tmp_path / "val.txt").write_text("images/train/c.jpg\n\n")
    splits, notes = name_splits(tmp_path)
    assert splits == {"train": ("a", "b"), "val": ("c",)}
    assert "1 image that data.yaml lists for train not found (data/images/train/gone.jpg)" in notes


def test_a_path_of_another_computer(tmp_path: Path) -> None:
    write(tmp_path, "train/images", "train/labels", a=SQUARE, b=SQUARE)
    (tmp_path / "data.yaml").write_text(
        f"path: /home/me/leaves\ntrain: 'D:\\work\\leaves\\train\\images'\n{NAMES}"
    )
    splits, _ = name_splits(tmp_path)
    assert sorted(name for names in splits.values() for name in names) == ["a", "b"]


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    write(tmp_path, "train/images", "train/labels", a=SQUARE, b=SQUARE)
    (tmp_path / "data.yaml").write_text(f"train: elsewhere\n{NAMES}")
    with pytest.raises(SegfitError, match=r"data\.yaml names elsewhere, which is not there"):
        open_labelled(tmp_path)


def test_the_same_images_for_training_and_validation(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", a=SQUARE, b=SQUARE)
    (tmp_path / "data.yaml").write_text(f"train: images\nval: images\n{NAMES}")
    splits, notes = name_splits(tmp_path)
    assert sorted(map(len, splits.values())) == [1, 1]
    assert "data.yaml gives the same images for train and for val: they are train only" in notes


@pytest.mark.parametrize(
    "names",
    [
        "names: ['leaf, green', \"fruit, red\"]",
        "names:\n  0: leaf, green\n  1: 'fruit, red'",
        "nc: 2\nnames: {0: 'leaf, green', 1: 'fruit, red'}",
    ],
)
def test_names_with_commas(tmp_path: Path, names: str) -> None:
    write(tmp_path, "images", "labels", a=SQUARE, b=SQUARE)
    (tmp_path / "data.yaml").write_text(names)
    assert open_labelled(tmp_path).classes.names == ("background", "leaf, green", "fruit, red")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (BOX, "line 2 holds a box, not an outline"),
        ("0 0.1 0.1 0.9", "line 2 has 3 coordinates"),
        ("0 nan 0.1 0.9 0.9 0.1 0.9", "coordinates outside 0 to 1"),
        ("0 1e12 0.1 0.9 0.9 0.1 0.9", "coordinates outside 0 to 1"),
        ("leaf 0.1 0.1 0.9 0.9 0.1 0.9", "expected a class number"),
        ("7 0.1 0.1 0.9 0.9 0.1 0.9", "line 2 has class 7"),
    ],
)
def test_a_row_that_is_no_outline_is_left_out_by_its_line(
    tmp_path: Path, row: str, reason: str
) -> None:
    write(tmp_path, "images", "labels", a=f"{SQUARE}\n{row}\n", b=SQUARE)
    (tmp_path / "data.yaml").write_text(NAMES)
    data = open_labelled(tmp_path)
    for split in data.splits.values():
        for image in split:
            np.testing.assert_array_equal(image.labels, expected())
    assert "1 object left out: " in " ".join(data.notes)
    with pytest.raises(SegfitError, match=reason):
        open_labelled(tmp_path, strict=True)


def test_boxes_alone_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", a=f"{BOX}\n{BOX}", b=BOX)
    (tmp_path / "data.yaml").write_text(NAMES)
    with pytest.raises(SegfitError, match=r"no labelled image can be used .* holds a box"):
        open_labelled(tmp_path)


def test_an_empty_label_file_is_background_and_an_image_without_one_is_said(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", a=SQUARE, b="", c="\n", d=None)
    (tmp_path / "data.yaml").write_text(NAMES)
    splits, notes = name_splits(tmp_path)
    assert sum(map(len, splits.values())) == 4
    assert "1 image in" in notes
    assert "without a label file (d.jpg), taken as background throughout" in notes


def test_labels_that_are_images_are_not_yolo(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", a=None, b=None)
    for name in "ab":
        Image.fromarray(expected()).save(tmp_path / "labels" / f"{name}.png")
    assert find_yolo_images(tmp_path, strict=False, on_progress=None) is None


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_what_windows_editors_save(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, "images", "labels", a=SQUARE, b=SQUARE)
    (tmp_path / "data.yaml").write_text("names: [Blütenblatt]\n", encoding=encoding)
    (tmp_path / "labels" / "a.txt").write_text(SQUARE, encoding=encoding)
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "Blütenblatt")
    for split in data.splits.values():
        for image in split:
            np.testing.assert_array_equal(image.labels, expected())


def test_labels_beside_the_images(tmp_path: Path) -> None:
    write(tmp_path, "scans", "scans", a=SQUARE, b=SQUARE)
    (tmp_path / "data.yaml").write_text(f"train: scans\n{NAMES}")
    splits, _ = name_splits(tmp_path)
    assert sum(map(len, splits.values())) == 2


def test_two_images_of_one_name_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "images", "labels", a=SQUARE, b=SQUARE)
    Image.new("RGB", (32, 16)).save(tmp_path / "images" / "a.png")
    (tmp_path / "data.yaml").write_text(NAMES)
    with pytest.raises(SegfitError, match=r"a\.png and a\.jpg share a name"):
        open_labelled(tmp_path)
