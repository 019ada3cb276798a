"""Data sets as they come out of archives: wrapped, with litter, with odd lists and names."""

from __future__ import annotations

import numpy as np
import pytest

from label_files import SQUARE, WRITTEN, save, write_cityscapes, write_masks, write_voc
from segfit.datasets import open_labelled
from segfit.errors import SegfitError


def names_of(data):
    return {example.name for images in data.splits.values() for example in images}


@pytest.mark.parametrize("layout", WRITTEN)
def test_litter_of_other_systems_changes_nothing(tmp_path, layout):
    """``._a.png`` and ``__MACOSX/`` of macOS, ``Thumbs.db`` of Windows, and notebooks' own."""
    WRITTEN[layout].write(tmp_path)
    for folder in [tmp_path, *(path for path in tmp_path.rglob("*") if path.is_dir())]:
        (folder / "._a.png").write_bytes(b"\0\5\x16\7")
        (folder / "Thumbs.db").write_bytes(b"\xd0\xcf")
        (folder / ".DS_Store").write_bytes(b"Bud1")
    (tmp_path / "__MACOSX" / "images").mkdir(parents=True)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    data = open_labelled(tmp_path, strict=True)
    assert len(names_of(data)) == 2


def test_a_wrapped_folder_is_named(tmp_path):
    write_masks(tmp_path / "data" / "data")
    (tmp_path / "data" / "__MACOSX").mkdir()
    with pytest.raises(SegfitError, match=r"is not labelled data, but .*data/data is: give that"):
        open_labelled(tmp_path / "data")


def test_cvat_keeps_folders_and_names_with_spaces(tmp_path):
    write_voc(tmp_path)
    for folder, ending in (("JPEGImages", "jpg"), ("SegmentationClass", "png")):
        inner = tmp_path / folder / "day 1"
        inner.mkdir()
        for name in "ab":
            (tmp_path / folder / f"{name}.{ending}").rename(inner / f"img {name}.v2.{ending}")
    for path in (tmp_path / "SegmentationObject").iterdir():
        path.unlink()
    lists = tmp_path / "ImageSets" / "Segmentation"
    (lists / "default.txt").unlink()
    (lists / "Train.txt").write_text("day 1/img a.v2\n")
    (lists / "Validation.txt").write_text('"day 1/img b.v2"\n')
    data = open_labelled(tmp_path, strict=True)
    assert data.splits["train"].names == ("day 1/img a.v2",)
    assert data.splits["val"].names == ("day 1/img b.v2",)


def test_lists_of_file_paths(tmp_path):
    """As DeepLab's tools write them: the image's path and the mask's."""
    write_voc(tmp_path)
    lists = tmp_path / "ImageSets" / "Segmentation"
    (lists / "default.txt").unlink()
    lines = [f"JPEGImages/{name}.jpg SegmentationClass/{name}.png" for name in "ab"]
    (lists / "train.txt").write_text("\n".join(lines))
    assert names_of(open_labelled(tmp_path, strict=True)) == {"a", "b"}


def test_byte_order_marks_and_utf_16(tmp_path):
    write_voc(tmp_path)
    path = tmp_path / "labelmap.txt"
    path.write_text(path.read_text(), encoding="utf-16")
    assert open_labelled(tmp_path, strict=True).classes.names == ("background", "foreground")


def test_how_much_is_ignored_is_said(tmp_path):
    write_cityscapes(tmp_path)
    labels = np.where(SQUARE, 26, 7).astype(np.uint8)
    labels[:2] = 0
    folder = tmp_path / "gtFine" / "train" / "ulm"
    for name in "ab":
        save(labels, folder / f"{name}_gtFine_labelIds.png")
    notes = open_labelled(tmp_path, strict=True).notes
    assert "12.50% of all labelled pixels are ignored: neither trained on nor measured." in notes
