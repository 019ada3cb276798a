"""Images and masks under the names that people give to their folders and files."""

import json

import numpy as np
import pytest

from label_files import SQUARE, save, save_image, write_images
from segfit.datasets import open_labelled
from segfit.datasets.masks.pairs import pair_by_name
from segfit.errors import SegfitError

BOTH = {"a", "b"}


def names_of(data):
    return {example.name for images in data.splits.values() for example in images}


def write_both(images, masks, *, image="{}.jpg", mask="{}.png"):
    for name in BOTH:
        save_image(images / image.format(name))
        save(SQUARE, masks / mask.format(name))


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("image", "mask"),
        ("imgs", "masks"),
        ("frames", "masks"),
        ("img", "ann_dir"),
        ("Images", "Ground Truth"),
        ("images", "labels"),
        ("images", "annotations"),
        ("IMG", "GT"),
        ("pictures", "segmentations"),
    ],
)
def test_names_of_folders(tmp_path, images, masks):
    write_both(tmp_path / images, tmp_path / masks)
    data = open_labelled(tmp_path, strict=True)
    assert names_of(data) == BOTH
    np.testing.assert_array_equal(data.splits["train"][0].labels, SQUARE)


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("img_dir/{}", "ann_dir/{}"),
        ("{}/images", "{}/masks"),
        ("{}", "{}_masks"),
        ("{}", "{}annot"),
        ("{}", "{}_labels"),
    ],
)
def test_splits_in_any_order_of_folders(tmp_path, images, masks):
    for split in ("train", "val", "test"):
        write_both(tmp_path / images.format(split), tmp_path / masks.format(split))
    data = open_labelled(tmp_path, strict=True)
    assert {split: set(images.names) for split, images in data.splits.items()} == {
        "train": BOTH,
        "val": BOTH,
        "test": BOTH,
    }


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}.jpg", "{}_mask.png"),
        ("{}.JPG", "{}_mask.PNG"),
        ("{}.TIF", "{}.tif"),
        ("{}.png", "{}_label.png"),
        ("{}.png", "{}_gt.png"),
        ("{}.png", "{}-seg.png"),
        ("{}_sat.jpg", "{}_mask.png"),
        ("IMG_{}.png", "img_{}.png"),
        ("image_{}.png", "mask_{}.png"),
        ("{}_image.png", "{}_segmentation.png"),
        ("{}_0001.png", "{}_0001_mask.png"),
    ],
)
def test_names_of_files(tmp_path, image, mask):
    write_both(tmp_path / "images", tmp_path / "masks", image=image, mask=mask)
    assert len(names_of(open_labelled(tmp_path, strict=True))) == 2


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("{}.jpg", "{}_mask.png"),
        ("{}_sat.jpg", "{}_mask.png"),
        ("{}.png", "{}_GT.png"),
        ("{}.jpg", "{}.png"),
    ],
)
def test_images_and_masks_in_one_folder(tmp_path, image, mask):
    write_both(tmp_path, tmp_path, image=image, mask=mask)
    assert len(names_of(open_labelled(tmp_path, strict=True))) == 2


def test_a_folder_a_patient(tmp_path):
    for patient in ("TCGA_1", "TCGA_2"):
        save_image(tmp_path / patient / "s_1.tif")
        save(SQUARE * 255, tmp_path / patient / "s_1_mask.tif")
    assert names_of(open_labelled(tmp_path, strict=True)) == {"TCGA_1/s_1", "TCGA_2/s_1"}


def test_folders_within_folders(tmp_path):
    for video in ("v1", "v2"):
        save_image(tmp_path / "frames" / video / "0.jpg")
        save(SQUARE, tmp_path / "masks" / video / "0.png")
    assert names_of(open_labelled(tmp_path, strict=True)) == {"v1/0", "v2/0"}


@pytest.fixture
def photos(tmp_path):
    """A folder of photos as the studio leaves it: labels in it, three of its images labelled."""
    names = ["a", "b", "day 1/a", "day 1/wet/c", "photos/d"]
    for name in names:
        save_image(tmp_path / f"{name}.jpg")
    for name in ("a", "day 1/a", "day 1/wet/c"):
        labels = SQUARE.copy()
        labels[:4] = 255
        save(labels, tmp_path / "masks" / f"{name}.png")
        save(SQUARE.astype(np.uint16), tmp_path / "instances" / f"{name}.png")
    save_image(tmp_path / ".segfit" / "jobs" / "preview.png")
    classes = [{"name": "sky", "value": 0}, {"name": "cell", "value": 1, "instances": True}]
    text = json.dumps({"classes": classes, "ignore": [255], "orientation": "upright"})
    (tmp_path / "classes.json").write_text(text)
    return tmp_path


def test_masks_in_the_folder_of_their_images(photos):
    data = open_labelled(photos, hold_out=False)
    assert names_of(data) == {"a", "day 1/a", "day 1/wet/c"}
    example = data.splits["train"][0]
    assert (example.labels[:4] == 255).all()
    np.testing.assert_array_equal(example.labels[4:], SQUARE[4:])
    np.testing.assert_array_equal(example.objects[4:], SQUARE[4:])
    assert data.classes.object_classes == (1,)


def test_images_that_have_no_labels_yet_are_counted(photos):
    notes = " ".join(open_labelled(photos, hold_out=False).notes)
    assert "2 images" in notes
    assert "without a mask of the same name (b.jpg, d.jpg)" in notes
    assert "Not read" not in notes


def test_splits_in_the_folder_of_the_masks(tmp_path):
    for split in ("train", "val"):
        write_both(tmp_path / split, tmp_path / "masks" / split)
    (tmp_path / "classes.json").write_text(
        '{"classes": [{"name": "sky", "value": 0}, {"name": "cell", "value": 1}]}'
    )
    data = open_labelled(tmp_path, strict=True)
    assert {split: set(images.names) for split, images in data.splits.items()} == {
        "train": BOTH,
        "val": BOTH,
    }


def test_masks_of_a_folder_of_images_are_not_those_of_the_folder_around(tmp_path):
    write_both(tmp_path / "img", tmp_path / "masks")
    save_image(tmp_path / "a.jpg")
    (tmp_path / "classes.json").write_text(
        '{"classes": [{"name": "sky", "value": 0}, {"name": "cell", "value": 1}]}'
    )
    assert names_of(open_labelled(tmp_path)) == BOTH


def test_folders_within_folders_beside_images(tmp_path):
    write_both(tmp_path / "images", tmp_path / "masks")
    save_image(tmp_path / "images" / "deep" / "er" / "c.jpg")
    save(SQUARE, tmp_path / "masks" / "deep" / "er" / "c.png")
    assert names_of(open_labelled(tmp_path, strict=True)) == {*BOTH, "deep/er/c"}


@pytest.mark.parametrize("ending", ["", "_instances"])
def test_masks_that_number_objects(tmp_path, ending):
    write_both(tmp_path / "images", tmp_path / "masks", mask="{}_mask.png")
    for name in BOTH:
        save(SQUARE.astype(np.uint16) * 300, tmp_path / "instances" / f"{name}{ending}.png")
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.object_classes == (1,)
    assert data.splits["train"][0].objects.max() == 300


def test_text_labels_beside_masks_are_yolo_s(tmp_path):
    write_images(tmp_path / "images")
    (tmp_path / "labels").mkdir()
    for name in BOTH:
        (tmp_path / "labels" / f"{name}.txt").write_text("0 .25 .25 .75 .25 .75 .75 .25 .75")
    assert any("YOLO" in note for note in open_labelled(tmp_path).notes)


def test_two_folders_of_masks_are_not_guessed_between(tmp_path):
    write_both(tmp_path / "images", tmp_path / "masks")
    write_both(tmp_path / "images", tmp_path / "gt")
    with pytest.raises(SegfitError, match=r"several folders of masks \(gt/, masks/\)"):
        open_labelled(tmp_path)


def test_two_folders_of_one_split_are_refused(tmp_path):
    for split in ("val", "Valid"):
        write_both(tmp_path / split / "images", tmp_path / split / "masks")
    with pytest.raises(SegfitError, match="both the val split"):
        open_labelled(tmp_path)


def pair(images, masks):
    files = [{name.rpartition(".")[0]: name for name in names} for names in (images, masks)]
    paths = [{stem: type("P", (), {"name": name})() for stem, name in one.items()} for one in files]
    pairing = pair_by_name(*paths, where="here")
    return {p.image.name: p.mask.name for p in pairing.pairs}, " ".join(pairing.problems)


def test_equal_names_come_before_those_with_a_word():
    pairs, problems = pair(["x_mask.jpg", "x.jpg"], ["x_mask.png", "x.png"])
    assert pairs == {"x_mask.jpg": "x_mask.png", "x.jpg": "x.png"}
    assert not problems


def test_an_image_with_several_masks_is_left_out_by_name():
    pairs, problems = pair(
        ["benign (1).png", "benign (2).png", "c.png"],
        [
            "benign (1)_mask.png",
            "benign (2)_mask.png",
            "benign (2)_mask_1.png",
            "c_gt.png",
            "c_seg.png",
        ],
    )
    assert pairs == {"benign (1).png": "benign (1)_mask.png"}
    assert "2 images in here with a mask that is not clear (c.png, benign (2).png" in problems
    assert "without" not in problems


def test_composed_and_decomposed_names_are_one():
    assert pair(["Zürich.png"], ["Zu\u0308rich.png"])[0] == {"Zürich.png": "Zu\u0308rich.png"}


def test_capitals_alone_do_not_join_two_images():
    pairs, problems = pair(["A.png", "a.jpg"], ["a.png"])
    assert pairs == {"a.jpg": "a.png"}
    assert "1 image in here without a mask of the same name (A.png)" in problems
