"""Roboflow's masks with ``_classes.csv``."""

import pytest

from label_files import save_image, write_roboflow
from segfit.datasets import open_labelled
from segfit.errors import SegfitError


def test_splits_and_what_is_unpaired(tmp_path):
    write_roboflow(tmp_path)
    (tmp_path / "valid").mkdir()
    for path in [*(tmp_path / "train").glob("b*"), tmp_path / "train" / "_classes.csv"]:
        (tmp_path / "valid" / path.name).write_bytes(path.read_bytes())
    save_image(tmp_path / "valid" / "c.jpg")
    data = open_labelled(tmp_path)
    assert data.splits["val"].names == ("b",)
    assert "without a mask of the same name (c.jpg)" in " ".join(data.notes)
    assert "_classes.csv names 2 classes: background = 0, foreground = 1." in data.notes


def test_splits_that_disagree_are_refused(tmp_path):
    write_roboflow(tmp_path)
    (tmp_path / "train").rename(tmp_path / "valid")
    write_roboflow(tmp_path)
    (tmp_path / "valid" / "_classes.csv").write_text("Pixel Value, Class\n0, background\n1, leaf\n")
    with pytest.raises(SegfitError, match=r"_classes\.csv of train and of val name different"):
        open_labelled(tmp_path)


def test_a_broken_line_is_named(tmp_path):
    write_roboflow(tmp_path)
    (tmp_path / "train" / "_classes.csv").write_text("Pixel Value, Class\nleaf, 1\n")
    with pytest.raises(SegfitError, match=r"_classes\.csv, line 2: expected a value and the name"):
        open_labelled(tmp_path)


def test_the_file_of_that_name_for_whole_images_is_not_meant(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "_classes.csv").write_text("filename, leaf, fruit\na.jpg, 1, 0\n")
    save_image(tmp_path / "train" / "a.jpg")
    with pytest.raises(SegfitError, match="labelled data is"):
        open_labelled(tmp_path)
