"""What opening a data set finds, leaves out and tells."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from halves import draw_halves, write_classes
from PIL import Image

from segfit.datasets import open_labelled
from segfit.errors import SegfitError

Write = Callable[..., Path]


@pytest.mark.parametrize("kind", ["size", "corrupt", "ignored", "small"])
def test_a_bad_pair_is_left_out_with_a_note_or_raises(write_pair: Write, kind: str) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(0, 1))
    if kind == "size":
        write_pair("bad", draw_halves(0, 1), size=(20, 24))
        message = r"mask is 16×16 but its image \(bad\.png\) is 20×24: resize one of them"
    elif kind == "corrupt":
        write_pair("bad", draw_halves(0, 1))
        (root / "images" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
        message = r"bad\.png: this PNG file is damaged"
    elif kind == "ignored":
        write_pair("bad", draw_halves(255, 255))
        write_pair("c", draw_halves(0, 2))
        message = "bad: every pixel of its mask is ignored"
    else:
        write_pair("bad", draw_halves(0, 1, side=12))
        message = "bad is 12×12 px; a labelled image needs at least 16 px"
    data = open_labelled(root)
    assert "bad" not in {*data.splits["train"].names, *data.splits["val"].names}
    assert any(note.startswith("Left out: ") and "bad" in note for note in data.notes)
    with pytest.raises(SegfitError, match=message):
        open_labelled(root, strict=True)


def test_nothing_left(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(0, 1), size=(20, 24))
    with pytest.raises(SegfitError, match=r"no labelled image can be used \(1 found\): .*resize"):
        open_labelled(root)


def test_images_that_all_fail_alike_are_told_once(write_pair: Write) -> None:
    for name in ("a", "b_mask", "c", "d", "e"):
        root = write_pair(name, draw_halves(0, 1), size=(20, 24))
    (root / "images" / "c.png").write_bytes(b"not an image")
    with pytest.raises(SegfitError) as refusal:
        open_labelled(root)
    said = str(refusal.value)
    assert said.startswith("no labelled image can be used (5 found): ")
    assert said.count("resize one of them") == 1
    assert "a.png: mask is 16×16 but its image (a.png) is 20×24" in said
    assert "so it is with 3 others (b_mask, d, e); " in said
    assert said.count("is not a PNG") == 1


def test_reasons_that_differ_are_told_apart(write_pair: Write) -> None:
    for name, width in (("1", 20), ("2", 24), ("3", 24)):
        root = write_pair(name, draw_halves(0, 1), size=(20, width))
    with pytest.raises(
        SegfitError, match=r"20×20: resize one of them; .*so it is with 1 other \(3"
    ):
        open_labelled(root)


def test_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match=r"gone: no such file or folder$"):
        open_labelled(tmp_path / "gone")


def test_images_and_masks_without_partner(write_pair: Write, tmp_path: Path) -> None:
    for name in "abcdefg":
        root = write_pair(name, draw_halves(0, 1))
    for name in "cdef":
        (tmp_path / "masks" / f"{name}.png").unlink()
    (tmp_path / "images" / "g.png").unlink()
    notes = " ".join(open_labelled(root).notes)
    assert "4 images in" in notes
    assert "(c.png, d.png, e.png and 1 more)" in notes
    assert "1 mask in" in notes
    with pytest.raises(SegfitError, match="without a mask of the same name"):
        open_labelled(root, strict=True)
    for name in "ab":
        (tmp_path / "masks" / f"{name}.png").unlink()
    with pytest.raises(SegfitError, match="no image has a mask of the same name"):
        open_labelled(root)


def test_two_images_of_one_name(write_pair: Write, tmp_path: Path) -> None:
    root = write_pair("a", draw_halves(0, 1))
    Image.new("RGB", (16, 16)).save(tmp_path / "images" / "a.jpg")
    with pytest.raises(SegfitError, match=r"a\.jpg and a\.png share a name"):
        open_labelled(root)


def test_one_image_cannot_be_split(write_pair: Write) -> None:
    with pytest.raises(SegfitError, match=r"only 1 labelled image.*at least two"):
        open_labelled(write_pair("a", draw_halves(0, 1)))


def test_where_one_image_is_left_the_others_are_accounted_for(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(0, 1))
    write_pair("b", draw_halves(0, 1))
    (root / "images" / "b.png").write_bytes(b"not an image")
    with pytest.raises(SegfitError, match=r"only 1 labelled image.*Left out.*b\.png"):
        open_labelled(root)


def test_one_class_only(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(1, 1))
    with pytest.raises(SegfitError, match="every labelled pixel of the masks has the value 1"):
        open_labelled(root)
    write_classes(root, classes=[{"name": "x", "value": 0}, {"name": "y", "value": 1}])
    with pytest.raises(SegfitError, match="every labelled pixel is 'y'"):
        open_labelled(root)


def test_a_class_without_a_pixel_is_noted(write_pair: Write) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(0, 1))
    entries = [{"name": name, "value": value} for value, name in enumerate("xyz")]
    write_classes(root, classes=entries)
    assert "No pixel is labelled 'z'." in open_labelled(root).notes


def test_splits_are_kept_and_classes_found_over_all(write_pair: Write) -> None:
    write_pair("a", draw_halves(0, 1), split="train")
    write_pair("a", draw_halves(0, 2), split="valid")
    root = write_pair("a", draw_halves(1, 2), split="test")
    calls: list[tuple[int, int]] = []
    data = open_labelled(root, on_progress=lambda done, total: calls.append((done, total)))
    assert list(data.splits) == ["train", "val", "test"]
    assert len(data.classes) == 3
    assert not any("held out" in note for note in data.notes)
    assert calls == [(1, 3), (2, 3), (3, 3)] * 2
    alone = root / "train"
    write_classes(root, classes=[{"name": name, "value": i} for i, name in enumerate("xyz")])
    write_pair("b", draw_halves(0, 1), split="train")
    assert open_labelled(alone).classes.names == ("x", "y", "z")


def test_exif_turned_image_is_compared_upright(write_pair: Write, tmp_path: Path) -> None:
    for name in ("a", "b"):
        root = write_pair(name, np.vstack([draw_halves(0, 1)] * 2))
        exif = Image.Exif()
        exif[274] = 6
        Image.new("RGB", (32, 16)).save(tmp_path / "images" / f"{name}.png", exif=exif)
    assert open_labelled(root, strict=True).splits["val"][0].image.shape == (32, 16, 3)


def test_data_set_slices_subsets_and_pickles(write_pair: Write) -> None:
    for name in "abcdef":
        root = write_pair(name, draw_halves(0, 1))
    images = open_labelled(root).splits["train"]
    assert len(images) == 5
    assert images[1:3].names == images.subset([1, 2]).names == images.names[1:3]
    assert images[-1].name == images.names[-1]
    copy = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(copy[0].labels, images[0].labels)
    with pytest.raises(IndexError):
        images[5]


def test_unknown_layouts(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match="no such file or folder"):
        open_labelled(tmp_path / "none")
    with pytest.raises(SegfitError, match="is an empty folder"):
        open_labelled(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(SegfitError, match=r"has images/ \(0 images\) but no masks/"):
        open_labelled(tmp_path)
    (tmp_path / "images").rename(tmp_path / "pics")
    with pytest.raises(
        SegfitError, match=r"holds pics/: put the images into images/ and masks.*labelled data is"
    ):
        open_labelled(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(SegfitError, match=r"a\.txt is not labelled data"):
        open_labelled(tmp_path / "a.txt")
