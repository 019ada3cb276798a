"""Folders that look like two layouts, or like none: what they are taken for, or what is asked."""

from __future__ import annotations

import numpy as np
import pytest

from label_files import (
    SQUARE,
    make_region,
    make_task,
    make_via_image,
    make_via_region,
    save,
    save_image,
    save_json,
    write_coco,
    write_images,
    write_labelme,
)
from segfit.datasets import open_labelled
from segfit.errors import SegfitError


def write_masks_of(folder, *, image="{}.jpg", mask="{}.png"):
    for name in "ab":
        save_image(folder / image.format(name))
        save(SQUARE, folder / mask.format(name))


def test_masks_in_labels_are_no_yolo(tmp_path):
    """``images/`` and ``labels/`` with images in both."""
    for name in "ab":
        save_image(tmp_path / "images" / f"{name}.jpg")
        save(SQUARE, tmp_path / "labels" / f"{name}.png")
    (tmp_path / "labels" / "classes.txt").write_text("background\nforeground\n")
    data = open_labelled(tmp_path, strict=True)
    np.testing.assert_array_equal(data.splits["train"][0].labels, SQUARE)
    assert data.classes.object_classes == ()


def test_coco_s_own_folder_of_panoptic_images_is_no_folder_of_masks(tmp_path):
    write_coco(tmp_path / "annotations" / "train.json", tmp_path / "images")
    for name in "ab":
        save(np.full((16, 16), 7, np.uint8), tmp_path / "annotations" / "panoptic" / f"{name}.png")
    assert "Classes of the COCO file" in " ".join(open_labelled(tmp_path, strict=True).notes)


def test_a_json_file_is_told_by_what_it_holds(tmp_path):
    write_images(tmp_path)
    files = {
        "labels.json": [make_task(name, [make_region()]) for name in "ab"],
        "regions.json": {name: make_via_image(name, make_via_region()) for name in "ab"},
    }
    for name, content in files.items():
        save_json(content, tmp_path / name)
    write_coco(tmp_path / "coco.json", tmp_path)
    notes = {
        name: " ".join(open_labelled(tmp_path / name, strict=True).notes)
        for name in (*files, "coco.json")
    }
    assert "Label Studio" in notes["labels.json"]
    assert "VIA" in notes["regions.json"]
    assert "COCO" in notes["coco.json"]
    save_json({"what": "ever"}, tmp_path / "other.json")
    with pytest.raises(SegfitError, match=r"other\.json"):
        open_labelled(tmp_path / "other.json")


def test_outlines_beside_masks_come_first(tmp_path):
    """LabelMe's files with exported masks beside them: the outlines are what was drawn."""
    write_labelme(tmp_path)
    for name in "ab":
        save(SQUARE, tmp_path / f"{name}_mask.png")
    data = open_labelled(tmp_path)
    assert "LabelMe" in " ".join(data.notes)
    assert "2 images" in " ".join(data.notes)  # the masks, which have no file of their own


def test_plain_images_are_no_masks_of_each_other(tmp_path):
    write_images(tmp_path)
    write_images(tmp_path / "b", ".jpg")
    with pytest.raises(SegfitError, match="labelled data is"):
        open_labelled(tmp_path)


def test_a_left_and_a_right_image_are_no_pair(tmp_path):
    for name in ("a_left.png", "a_right.png", "a.png"):
        save_image(tmp_path / name)
    with pytest.raises(SegfitError, match="labelled data is"):
        open_labelled(tmp_path)


def test_a_mask_that_is_a_photograph_is_left_out(tmp_path):
    write_masks_of(tmp_path, mask="{}_mask.png")
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    save_image(tmp_path / "c.jpg")
    save(noise, tmp_path / "c_mask.png")
    assert any("c_mask.png" in note for note in open_labelled(tmp_path).notes)


def test_some_masks_named_otherwise(tmp_path):
    """Three people label; each has a way with names."""
    for name, mask in (("x", "x"), ("y", "y_mask"), ("IMG_7", "img_7_label")):
        save_image(tmp_path / "images" / f"{name}.JPG")
        save(SQUARE, tmp_path / "masks" / f"{mask}.png")
    data = open_labelled(tmp_path, strict=True)
    assert {e.name for images in data.splits.values() for e in images} == {"x", "y", "IMG_7"}
