"""Pascal VOC and CVAT's masks: colors, splits by lists, and what is missing."""

import numpy as np
import pytest

from label_files import SQUARE, save, save_image, write_images, write_voc
from segfit.datasets import open_labelled
from segfit.datasets.masks.voc import VOID, make_voc_colors, read_object_colors
from segfit.errors import SegfitError


def notes_of(data):
    return " ".join(data.notes)


def test_colors_of_voc():
    colors = make_voc_colors(21)
    assert colors[15] == (192, 128, 128)  # person
    assert colors[20] == (0, 64, 128)  # tvmonitor
    assert len(set(make_voc_colors(256))) == 256
    assert make_voc_colors(256)[255] == VOID


def test_the_line_around_objects_is_ignored(tmp_path):
    write_voc(tmp_path)
    for name in "ab":
        colors = SQUARE[..., np.newaxis] * np.array((128, 0, 0), np.uint8)
        colors[4] = VOID
        save(colors, tmp_path / "SegmentationClass" / f"{name}.png")
        save(colors, tmp_path / "SegmentationObject" / f"{name}.png")
    data = open_labelled(tmp_path, strict=True)
    example = data.splits["train"][0]
    assert (example.labels[4] == 255).all()
    assert (example.objects[4] == 0).all()
    assert (example.labels[5, 4:12] == 1).all()
    assert "color #e0e0c0 is ignored" in notes_of(data)


def test_every_color_of_the_object_mask_is_an_object(tmp_path):
    colors = np.zeros((4, 6, 3), np.uint8)
    colors[0, 0], colors[0, 2], colors[3, 5], colors[2, 2] = (1, 0, 0), (2, 0, 0), (1, 0, 0), VOID
    save(colors, tmp_path / "objects.png")
    numbers = read_object_colors(tmp_path / "objects.png")
    assert numbers[0, 0] == numbers[3, 5] == 1
    assert numbers[0, 2] == 2
    assert np.count_nonzero(numbers) == 3


def test_lists_say_the_splits(tmp_path):
    write_voc(tmp_path)
    lists = tmp_path / "ImageSets" / "Segmentation"
    (lists / "default.txt").rename(lists / "trainval.txt")
    (lists / "train.txt").write_text("a\n")
    (lists / "val.txt").write_text("b\n")
    data = open_labelled(tmp_path, strict=True)
    assert {split: images.names for split, images in data.splits.items()} == {
        "train": ("a",),
        "val": ("b",),
    }


def test_what_lists_name_twice_not_at_all_or_in_vain_is_said(tmp_path):
    write_voc(tmp_path)
    for name in "cd":
        save_image(tmp_path / "JPEGImages" / f"{name}.jpg")
        save(
            SQUARE[..., np.newaxis].repeat(3, 2) * 0, tmp_path / "SegmentationClass" / f"{name}.png"
        )
    save_image(tmp_path / "JPEGImages" / "bare.jpg")
    lists = tmp_path / "ImageSets" / "Segmentation"
    (lists / "train.txt").write_text("a\nb\nlost\n")
    (lists / "val.txt").write_text("b\nd\n")
    data = open_labelled(tmp_path)
    assert data.splits["train"].names == ("a", "b")
    assert data.splits["val"].names == ("d",)
    notes = notes_of(data)
    assert "1 image of ImageSets/Segmentation without an image or a mask (lost)" in notes
    assert "1 image of ImageSets/Segmentation in two splits (b)" in notes
    assert "1 image with a mask in no list of ImageSets/Segmentation (c)" in notes
    assert (
        "1 image of JPEGImages/ without a mask in SegmentationClass/, left out (bare.jpg)" in notes
    )
    with pytest.raises(SegfitError, match="without an image or a mask"):
        open_labelled(tmp_path, strict=True)


def test_without_images_the_message_says_what_to_export(tmp_path):
    write_voc(tmp_path)
    for path in (tmp_path / "JPEGImages").iterdir():
        path.unlink()
    (tmp_path / "JPEGImages").rmdir()
    with pytest.raises(SegfitError, match=r"no JPEGImages/: .*in CVAT: save images"):
        open_labelled(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("leaf 1,2,3", r"labelmap\.txt, line 1: expected a class as name:red,green,blue"),
        ("leaf:1,2::", "expected a class as name"),
        ("leaf:0,0,0::\nfruit:0,0,0::", "line 2: .* repeats a name or a color"),
    ],
)
def test_a_broken_labelmap_names_its_line(tmp_path, line, message):
    write_voc(tmp_path)
    (tmp_path / "labelmap.txt").write_text(line)
    with pytest.raises(SegfitError, match=message):
        open_labelled(tmp_path)


def test_a_labelmap_without_background_has_none(tmp_path):
    write_voc(tmp_path)
    (tmp_path / "labelmap.txt").write_text("soil:0,0,0::\nleaf:128,0,0::\n")
    classes = open_labelled(tmp_path).classes
    assert classes.names == ("soil", "leaf")
    assert classes.background is None


def test_voc_itself_is_told_by_the_names_of_its_images(tmp_path):
    folder = tmp_path / "VOC2012"
    for name in ("2007_000032", "2007_000039"):
        save_image(folder / "JPEGImages" / f"{name}.jpg")
        colors = SQUARE[..., np.newaxis] * np.array((192, 128, 128), np.uint8)
        save(colors, folder / "SegmentationClass" / f"{name}.png")
    data = open_labelled(tmp_path)
    assert len(data.classes) == 21
    assert data.classes.names[data.splits["train"][0].labels[5, 5]] == "person"
    assert "named as those of Pascal VOC" in notes_of(data)


def test_labelme_s_export_names_classes_in_order(tmp_path):
    write_images(tmp_path / "JPEGImages", ".jpg")
    (tmp_path / "class_names.txt").write_text("_background_\nleaf\n")
    (tmp_path / "SegmentationClass").mkdir()  # holds .npy
    for name in "ab":
        colors = SQUARE[..., np.newaxis] * np.array((128, 0, 0), np.uint8)
        save(colors, tmp_path / "SegmentationClassPNG" / f"{name}.png")
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("_background_", "leaf")
    np.testing.assert_array_equal(data.splits["train"][0].labels, SQUARE)


def test_without_any_names_the_classes_are_found_in_the_masks(tmp_path):
    write_voc(tmp_path)
    (tmp_path / "labelmap.txt").unlink()
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("background", "foreground")
