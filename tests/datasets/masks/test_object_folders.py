"""A folder an image and a mask an object, as in the Data Science Bowl."""

import numpy as np
import pytest

from label_files import SQUARE, save, save_image, write_object_folders
from segfit.datasets import open_labelled
from segfit.errors import SegfitError


def test_masks_are_objects_and_overlaps_are_counted(tmp_path):
    write_object_folders(tmp_path)
    second = np.zeros((16, 16), np.uint8)
    second[11:14, 4:12] = 255
    save(second, tmp_path / "a" / "masks" / "1.png")
    data = open_labelled(tmp_path, strict=True)
    (example,) = [e for split in data.splits.values() for e in split if e.name == "a"]
    assert len(np.unique(example.objects)) == 3
    assert example.objects[11, 5] == 2
    assert "8 pixels belong to two or more objects" in " ".join(data.notes)


def test_smeared_masks_part_halfway(tmp_path):
    write_object_folders(tmp_path)
    smeared = SQUARE * 255
    smeared[3, 4:12], smeared[12, 4:12] = 127, 128
    save(smeared, tmp_path / "a" / "masks" / "0f3a.png")
    data = open_labelled(tmp_path)
    (example,) = [e for split in data.splits.values() for e in split if e.name == "a"]
    assert not example.labels[3].any()
    assert example.labels[12, 4:12].all()


def test_folders_without_masks_and_kaggle_s_stage(tmp_path):
    write_object_folders(tmp_path / "stage1_train")
    save_image(tmp_path / "stage1_train" / "bare" / "images" / "bare.png")
    save_image(tmp_path / "stage1_test" / "t" / "images" / "t.png")
    assert "1 folder without masks left out (bare)" in " ".join(open_labelled(tmp_path).notes)
    with pytest.raises(SegfitError, match=r"1 folder without masks left out \(bare\)"):
        open_labelled(tmp_path, strict=True)


def test_a_mask_of_another_size_and_two_images(tmp_path):
    write_object_folders(tmp_path)
    save(np.zeros((8, 8), np.uint8), tmp_path / "a" / "masks" / "1.png")
    with pytest.raises(SegfitError, match=r"mask is 8×8 but its image \(a\.png\) is 16×16"):
        open_labelled(tmp_path, strict=True)
