"""Names that tools give to masks, and what lies beside images and masks without being read."""

from __future__ import annotations

import numpy as np
import pytest
from mask_sets import draw_objects, encode, find_note, write_set

from segfit.datasets import open_labelled
from segfit.errors import SegfitError


@pytest.mark.parametrize(
    "ending",
    ["_Simple Segmentation", "-Simple_Segmentation", "_Object Identities", "-labelled", "_labeled"],
)
def test_names_of_ilastik_and_qupath(tmp_path, ending):
    for name in ("s [x=0,y=0,w=64,h=64]", "s [x=64,y=0,w=64,h=64]"):
        (tmp_path / f"{name}.png").write_bytes(encode(np.full((64, 64, 3), 90, np.uint8)))
        (tmp_path / f"{name}{ending}.png").write_bytes(encode(draw_objects()))
    data = open_labelled(tmp_path, strict=True)
    assert {len(split) for split in data.splits.values()} == {1}


def test_masks_in_one_folder_of_their_own(tmp_path):
    """As the Oxford pets have it: images/a.jpg and annotations/trimaps/a.png."""
    mask = encode(draw_objects())
    write_set(tmp_path, {f"{name}.png": mask for name in "abc"})
    (tmp_path / "annotations").mkdir()
    (tmp_path / "masks").rename(tmp_path / "annotations" / "trimaps")
    data = open_labelled(tmp_path, strict=True)
    assert sum(map(len, data.splits.values())) == 3


def test_masks_in_several_folders_do_not_pair_with_images_in_none(tmp_path):
    mask = encode(draw_objects())
    write_set(tmp_path, {f"{name}.png": mask for name in "abc"})
    for name in "abc":
        (tmp_path / "masks" / name).mkdir()
        (tmp_path / "masks" / f"{name}.png").rename(tmp_path / "masks" / name / f"{name}.png")
    with pytest.raises(SegfitError, match="no image has a mask of the same name"):
        open_labelled(tmp_path)


def test_further_folders_and_lists_are_said(tmp_path):
    """``mask/`` is the field of view in some sets of retinas, and their labels lie beside it."""
    mask = encode(draw_objects())
    write_set(tmp_path, {f"{name}.png": mask for name in "abc"})
    (tmp_path / "1st_manual").mkdir()
    (tmp_path / "1st_manual" / "a.png").write_bytes(mask)
    (tmp_path / "notes").mkdir()
    for name in ("train.txt", "val.txt", "labels.txt", "readme.txt"):
        (tmp_path / name).write_text("images/a.png masks/a.png\n")
    assert find_note(open_labelled(tmp_path), "Not read").startswith(
        "Not read: 1st_manual/, labels.txt, train.txt, val.txt. Images and masks are those of "
        "images/, masks/;"
    )


def test_images_below_those_that_are_read_are_said(tmp_path):
    mask = encode(draw_objects())
    write_set(tmp_path, {f"{name}.png": mask for name in "abc"})
    (tmp_path / "images" / "day 2").mkdir()
    (tmp_path / "images" / "day 2" / "d.png").write_bytes(mask)
    assert "Not read: images/day 2/." in find_note(open_labelled(tmp_path), "Not read")


def test_nothing_is_said_where_all_is_read(tmp_path):
    write_set(tmp_path, {f"{name}.png": encode(draw_objects()) for name in "abc"})
    assert not any("Not read" in note for note in open_labelled(tmp_path).notes)
