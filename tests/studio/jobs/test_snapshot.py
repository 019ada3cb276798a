"""What a training learns from, and what is held out for good."""

import json

import numpy as np
import pytest

from label_files import SQUARE, save, save_image
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.studio.jobs.snapshot import (
    LabelledFile,
    choose_held_out,
    find_labelled,
    write_snapshot,
)

CLASSES = {
    "classes": [
        {"name": "sky", "value": 0},
        {"name": "cell", "value": 1, "instances": True},
        {"name": "rare", "value": 2},
    ],
    "ignore": [255],
    "orientation": "upright",
}


@pytest.fixture
def folder(tmp_path):
    """Images with labels in the studio's layout: two with sky and cell, one with nothing."""
    (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
    for name in ("a", "day 1/b", "empty", "new"):
        save_image(tmp_path / f"{name}.jpg")
    for name in ("a", "day 1/b"):
        save(SQUARE, tmp_path / "masks" / f"{name}.png")
        save(SQUARE.astype(np.uint16), tmp_path / "instances" / f"{name}.png")
    save(np.full_like(SQUARE, 255), tmp_path / "masks" / "empty.png")
    return tmp_path


def file_of(name, *shown, held_out=False):
    pixels = tuple(int(index in shown) for index in range(4))
    return LabelledFile(name, None, None, None, pixels, held_out)


def test_images_with_labels_are_found(folder):
    labelled = find_labelled(folder)
    assert [file.name for file in labelled.files] == ["a", "day 1/b"]
    assert labelled.describe_lack() is None
    assert labelled.list_unlabelled() == ["rare"]


def test_a_damaged_mask_is_left_out_by_name(folder):
    (folder / "masks" / "a.png").write_bytes(b"no png")
    labelled = find_labelled(folder)
    assert [file.name for file in labelled.files] == ["day 1/b"]
    assert "a.png" in labelled.unreadable[0]


def test_what_is_missing_is_said(folder):
    def lack():
        return find_labelled(folder).describe_lack()

    (folder / "masks" / "a.png").unlink()
    assert "Only day 1/b is labelled: label a second image" in lack()
    save(np.zeros_like(SQUARE), folder / "masks" / "day 1" / "b.png")
    assert lack() == "Only sky is labelled so far: mark some of cell, rare, too."
    save(np.full_like(SQUARE, 255), folder / "masks" / "day 1" / "b.png")
    assert "Nothing is labelled yet" in lack()
    (folder / "classes.json").write_text('{"classes": [{"name": "sky", "value": 0}]}')
    with pytest.raises(SegfitError, match="segmentation needs 2 to 255"):
        lack()
    (folder / "classes.json").unlink()
    with pytest.raises(SegfitError, match="no classes are named yet"):
        find_labelled(folder)


def test_a_snapshot_is_what_it_was_whatever_happens_to_the_labels(folder, tmp_path):
    labelled = find_labelled(folder)
    target = tmp_path / ".segfit" / "jobs" / "1" / "data"
    write_snapshot(folder, labelled.files, {"a"}, target)
    save(1 - SQUARE, folder / "masks" / "a.png")
    save(1 - SQUARE, folder / "masks" / "day 1" / "b.png")
    data = open_labelled(target, strict=True)
    assert {split: images.names for split, images in data.splits.items()} == {
        "train": ("day 1/b",),
        "val": ("a",),
    }
    np.testing.assert_array_equal(data.splits["val"][0].labels, SQUARE)
    np.testing.assert_array_equal(data.splits["train"][0].objects, SQUARE)


def test_a_fifth_is_held_out_and_stays_so():
    files = [file_of(f"{number:02}", 0, 1) for number in range(10)]
    first = choose_held_out(files, before=(), learned=())
    assert len(first) == 2
    more = [*files, *(file_of(f"{number:02}", 0, 1) for number in range(10, 20))]
    learned = {file.name for file in files} - first
    second = choose_held_out(more, before=first, learned=learned)
    assert len(second) == 4
    assert first < second
    assert not second & learned


def test_nothing_that_was_learned_is_held_out_where_something_is():
    files = [file_of(f"{number:02}", 0, 1) for number in range(10)]
    learned = {file.name for file in files[1:]}
    assert choose_held_out(files, before={"00"}, learned=learned) == {"00"}


def test_a_class_of_a_single_image_is_learned():
    files = [file_of("a", 0, 1), file_of("b", 0, 1, 2), file_of("c", 0, 1)]
    for _ in range(3):
        held_out = choose_held_out(files, before=(), learned=())
        assert len(held_out) == 1
        assert "b" not in held_out


def test_images_that_show_most_classes_measure():
    files = [*(file_of(f"{number}", 0) for number in range(6)), *(
        file_of(name, 0, 1, 2) for name in ("x", "y")
    )]  # fmt: skip
    assert choose_held_out(files, before=(), learned=()) & {"x", "y"}


def test_folders_that_say_what_validates_are_followed():
    files = [file_of("train/a", 0), file_of("val/a", 0, held_out=True), file_of("train/b", 0)]
    assert choose_held_out(files, before=(), learned=()) == {"val/a"}
