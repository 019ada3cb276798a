"""Cityscapes: which numbers count, objects by number, and files in any arrangement."""

import numpy as np
import pytest

from label_files import SIDE, SQUARE, save, save_image, write_cityscapes
from segfit.datasets import open_labelled
from segfit.datasets.masks.cityscapes import EVALUATED, IGNORED
from segfit.errors import SegfitError


def test_its_numbers_are_all_known():
    assert sorted([*EVALUATED, *IGNORED]) == list(range(34))
    assert len(EVALUATED) == 19


def test_splits_come_from_folders_and_ignored_classes_are_named(tmp_path):
    for split in ("train", "val", "test"):
        write_cityscapes(tmp_path, split=split)
    labels = np.full((SIDE, SIDE), 4, np.uint8)  # static
    labels[:8] = 7
    name = "a_gtFine_labelIds.png"
    save(labels, tmp_path / "gtFine" / "train" / "ulm" / name)
    data = open_labelled(tmp_path)
    assert {split: len(images) for split, images in data.splits.items()} == {
        "train": 2,
        "val": 2,
        "test": 2,
    }
    assert (data.splits["train"][0].labels[8:] == 255).all()
    assert data.classes.background is None
    (note,) = [note for note in data.notes if "labelIds" in note]
    assert "unlabeled, ego vehicle" in note
    assert "trailer" in note


def test_objects_are_numbers_from_1000_on(tmp_path):
    write_cityscapes(tmp_path)
    numbers = np.full((SIDE, SIDE), 7, np.uint16)
    numbers[4:12, 4:8], numbers[4:12, 8:12] = 26001, 26  # a car, and a group of cars
    save(numbers, tmp_path / "gtFine" / "train" / "ulm" / "a_gtFine_instanceIds.png")
    data = open_labelled(tmp_path)
    (example,) = [e for split in data.splits.values() for e in split if e.name == "a"]
    assert len(np.unique(example.objects[SQUARE > 0])) == 2
    assert "32 pixels of classes with objects have no object number" in " ".join(data.notes)


def test_all_files_in_one_folder_and_train_ids(tmp_path):
    for name in "ab":
        save_image(tmp_path / f"{name}_rgb_anon.png")
        save(np.where(SQUARE, 13, 255).astype(np.uint8), tmp_path / f"{name}_gt_labelTrainIds.png")
    save(np.where(SQUARE, 13, 0).astype(np.uint8), tmp_path / "b_gt_labelTrainIds.png")
    data = open_labelled(tmp_path, strict=True)
    images = [example for split in data.splits.values() for example in split]
    assert {example.name for example in images} == {"a", "b"}
    for example in images:
        assert data.classes.names[example.labels[5, 5]] == "car"
        assert data.classes.object_classes == ()
    assert "labelTrainIds: 19 classes; 255 is ignored" in " ".join(data.notes)


def test_files_without_partner_are_counted_and_named(tmp_path):
    write_cityscapes(tmp_path)
    save_image(tmp_path / "leftImg8bit" / "train" / "ulm" / "c_leftImg8bit.png")
    save(SQUARE + 7, tmp_path / "gtFine" / "train" / "ulm" / "d_gtFine_labelIds.png")
    notes = " ".join(open_labelled(tmp_path).notes)
    assert "left out: 1 × image without a file of labels (c_leftImg8bit.png)" in notes
    assert "left out: 1 × file of labels without an image (d_gtFine_labelIds.png)" in notes
    with pytest.raises(SegfitError, match="image without a file of labels"):
        open_labelled(tmp_path, strict=True)


def test_fine_labels_come_before_coarse_ones(tmp_path):
    write_cityscapes(tmp_path)
    for name in "ab":
        labels = np.full((SIDE, SIDE), 23, np.uint8)
        save(labels, tmp_path / "gtCoarse" / "train" / "ulm" / f"{name}_gtCoarse_labelIds.png")
    data = open_labelled(tmp_path)
    assert data.classes.names[data.splits["train"][0].labels[0, 0]] == "road"


def test_two_files_of_one_name_are_refused(tmp_path):
    write_cityscapes(tmp_path)
    (tmp_path / "leftImg8bit" / "train" / "ulm").rename(tmp_path / "leftImg8bit" / "train" / "bonn")
    write_cityscapes(tmp_path)
    with pytest.raises(SegfitError, match=r"a_leftImg8bit\.png and .* share a name"):
        open_labelled(tmp_path)
