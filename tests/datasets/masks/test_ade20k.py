"""ADE20K's scene parsing, and what only looks like it."""

import numpy as np
import pytest

from label_files import SQUARE, save, save_image, write_ade
from segfit.datasets import open_labelled
from segfit.errors import SegfitError


def test_zero_is_ignored_and_names_come_from_the_table(tmp_path):
    write_ade(tmp_path)
    labels = SQUARE + 1
    labels[0] = 0
    save(labels, tmp_path / "annotations" / "training" / "a.png")
    data = open_labelled(tmp_path)
    assert data.classes.names == ("wall", "sky")
    assert data.classes.background is None
    (example,) = [e for split in data.splits.values() for e in split if e.name == "a"]
    assert (example.labels[0] == 255).all()
    assert "0, everything else, is ignored" in " ".join(data.notes)


def test_its_image_names_are_enough(tmp_path):
    for number, split in enumerate(("training", "validation"), start=1):
        name = f"ADE_{split[:5] if split == 'training' else 'val'}_0000000{number}"
        save_image(tmp_path / "images" / split / f"{name}.jpg")
        save(SQUARE + 1, tmp_path / "annotations" / split / f"{name}.png")
    data = open_labelled(tmp_path)
    assert len(data.classes) == 150
    assert list(data.splits) == ["train", "val"]


def test_other_data_of_that_layout_has_zero_for_background(tmp_path):
    for name in "ab":
        save_image(tmp_path / "images" / "training" / f"{name}.jpg")
        save(SQUARE, tmp_path / "annotations" / "training" / f"{name}.png")
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("background", "foreground")


def test_the_full_set_is_refused_by_name(tmp_path):
    save_image(tmp_path / "ADE_train_00000001.jpg")
    save(np.zeros((16, 16, 3), np.uint8), tmp_path / "ADE_train_00000001_seg.png")
    with pytest.raises(SegfitError, match=r"full ADE20K.*ADEChallengeData2016"):
        open_labelled(tmp_path)


def test_a_broken_table_names_its_line(tmp_path):
    write_ade(tmp_path)
    (tmp_path / "objectInfo150.txt").write_text("Idx\tName\n1\twall\n3\tsky\n")
    with pytest.raises(SegfitError, match=r"objectInfo150\.txt, line 3: expected class 2"):
        open_labelled(tmp_path)
