"""Cellpose's masks: when values number cells, and what is only a pickle."""

import numpy as np
import pytest

from label_files import SQUARE, save, save_image, write_cellpose, write_images
from segfit.datasets import open_labelled
from segfit.errors import SegfitError

CELLS = np.zeros((16, 16), np.uint8)
CELLS[1:5, 1:5], CELLS[1:5, 5:9], CELLS[8:14, 8:14] = 1, 2, 3


def test_every_value_is_a_cell(tmp_path):
    write_images(tmp_path)
    for name in "ab":
        save(CELLS, tmp_path / f"{name}_masks.tif")
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("background", "cell")
    np.testing.assert_array_equal(data.splits["train"][0].objects, CELLS)
    assert "every other value numbers a cell" in " ".join(data.notes)


def test_its_own_training_data_have_img_in_their_names(tmp_path):
    for split in ("train", "test"):
        for name in ("000", "001"):
            save_image(tmp_path / split / f"{name}_img.png")
            save(CELLS, tmp_path / split / f"{name}_masks.png")
    data = open_labelled(tmp_path, strict=True)
    assert set(data.splits) == {"train", "val", "test"}


def test_values_in_many_pieces_are_classes(tmp_path):
    write_images(tmp_path)
    values = np.zeros((16, 16), np.uint8)
    values[::4, ::4], values[2::4, 2::4] = 1, 2
    for name in "ab":
        save(values.repeat(2, 0).repeat(2, 1), tmp_path / f"{name}_masks.png")
        save_image(tmp_path / f"{name}.png", side=32)
    data = open_labelled(tmp_path)
    assert not any("Cellpose" in note for note in data.notes)
    assert data.classes.object_classes == ()


def test_black_and_white_is_no_list_of_cells(tmp_path):
    write_images(tmp_path)
    for name in "ab":
        save(SQUARE * 255, tmp_path / f"{name}_masks.png")
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "foreground")


def test_pickles_are_refused_with_what_to_do(tmp_path):
    write_images(tmp_path)
    (tmp_path / "a_seg.npy").write_bytes(b"")
    with pytest.raises(SegfitError, match=r"a_seg\.npy.*may run code.*save the masks in Cellpose"):
        open_labelled(tmp_path)


def test_other_files_of_cellpose_are_no_images(tmp_path):
    write_cellpose(tmp_path)
    save_image(tmp_path / "a_flows.tif")
    (tmp_path / "a_seg.npy").write_bytes(b"")
    assert not any("without a mask" in note for note in open_labelled(tmp_path, strict=True).notes)
