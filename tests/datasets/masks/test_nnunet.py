"""nnU-Net's raw data: channels in files of their own, named labels, and no volumes."""

import numpy as np
import pytest

from label_files import SIDE, SQUARE, save, save_image, write_nnunet
from segfit.datasets import open_labelled
from segfit.errors import SegfitError


def test_labels_by_value_and_ignore(tmp_path):
    write_nnunet(tmp_path, labels={"0": "background", "1": "cell", "2": "ignore"})
    labels = SQUARE.copy()
    labels[0] = 2
    save(labels, tmp_path / "labelsTr" / "a.png")
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("background", "cell")
    (example,) = [e for split in data.splits.values() for e in split if e.name == "a"]
    assert (example.labels[0] == 255).all()
    assert "ignore = 2 is ignored" in " ".join(data.notes)


def test_three_channels_are_one_image(tmp_path):
    write_nnunet(tmp_path, channels=3)
    save(np.full((SIDE, SIDE), 90, np.uint8), tmp_path / "imagesTr" / "a_0001.png")
    data = open_labelled(tmp_path, strict=True)
    (example,) = [e for split in data.splits.values() for e in split if e.name == "a"]
    assert example.image[0, 0].tolist() == [0, 90, 0]


def test_labelled_test_cases_are_the_test_split(tmp_path):
    write_nnunet(tmp_path)
    save_image(tmp_path / "imagesTs" / "t_0000.png")
    save(SQUARE, tmp_path / "labelsTs" / "t.png")
    assert open_labelled(tmp_path, strict=True).splits["test"].names == ("t",)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"background": 0, "whole": [1, 2]}, "'whole' is a region of several labels"),
        ({"background": 0, "cell": "one"}, "expected names with numbers"),
    ],
)
def test_labels_that_are_refused(tmp_path, labels, message):
    write_nnunet(tmp_path, labels=labels)
    with pytest.raises(SegfitError, match=message):
        open_labelled(tmp_path)


def test_volumes_and_other_numbers_of_channels_are_refused_by_name(tmp_path):
    write_nnunet(tmp_path / "two", channels=2)
    with pytest.raises(SegfitError, match=r"2 cases with 2 channels \(a, b\); one or three"):
        open_labelled(tmp_path / "two")
    write_nnunet(tmp_path / "deep")
    (tmp_path / "deep" / "imagesTr" / "liver_0000.nii.gz").write_bytes(b"")
    with pytest.raises(SegfitError, match=r"holds volumes \(liver_0000\.nii\.gz\)"):
        open_labelled(tmp_path / "deep")


def test_what_is_missing_is_said(tmp_path):
    write_nnunet(tmp_path)
    save_image(tmp_path / "imagesTr" / "c_0000.png")
    assert "1 case in" in " ".join(open_labelled(tmp_path).notes)
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(SegfitError, match=r"no dataset\.json: add it"):
        open_labelled(tmp_path)
