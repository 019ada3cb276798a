"""Outlines drawn on images that are turned by their EXIF orientation, or on their stored pixels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mask_sets import draw_objects, encode, find_note, read_labels
from PIL import Image
from skimage.measure import find_contours
from test_exif_orientation import GREY, ORIENTATIONS, turn

from segfit.datasets import open_labelled
from segfit.errors import SegfitError

NAMES = ("disc", "box")


def outline(labels):
    """Points (N, 2) of each object, in pixels, by its class."""
    for index, name in enumerate(NAMES, start=1):
        padded = np.pad(labels == index, 1)
        (ring,) = find_contours(padded.astype(float), 0.5)
        yield name, index, ring[:, ::-1] - 0.5


def write_coco(root, files, labels):
    height, width = labels.shape
    annotations = [
        {"id": 10 * number + index, "image_id": number, "category_id": index, "iscrowd": 0,
         "segmentation": [ring.ravel().tolist()]}
        for number in range(len(files))
        for _, index, ring in outline(labels)
    ]  # fmt: skip
    images = [
        {"id": number, "file_name": name, "height": height, "width": width}
        for number, name in enumerate(files)
    ]
    categories = [{"id": index, "name": name} for index, name in enumerate(NAMES, start=1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "coco.json").write_text(json.dumps(content))
    return root / "coco.json"


def write_labelme(root, files, labels):
    for name in files:
        shapes = [{"label": name, "points": ring.tolist()} for name, _, ring in outline(labels)]
        content = {"shapes": shapes, "imagePath": name, "imageHeight": labels.shape[0],
                   "imageWidth": labels.shape[1]}  # fmt: skip
        (root / name).with_suffix(".json").write_text(json.dumps(content))
    return root


def write_label_studio(root, files, labels):
    height, width = labels.shape
    regions = [
        {"id": name, "type": "polygonlabels", "original_width": width, "original_height": height,
         "value": {"points": (100 * ring / (width, height)).tolist(), "polygonlabels": [name]}}
        for name, _, ring in outline(labels)
    ]  # fmt: skip
    tasks = [{"data": {"image": name}, "annotations": [{"result": regions}]} for name in files]
    (root / "export.json").write_text(json.dumps(tasks))
    return root / "export.json"


def write_via(root, files, labels):
    regions = [
        {"shape_attributes": {"name": "polygon", "all_points_x": ring[:, 0].tolist(),
                              "all_points_y": ring[:, 1].tolist()},
         "region_attributes": {"class": name}}
        for name, _, ring in outline(labels)
    ]  # fmt: skip
    content = {name: {"filename": name, "regions": regions} for name in files}
    (root / "via.json").write_text(json.dumps(content))
    return root / "via.json"


def write_yolo(root, files, labels):
    (root / "images").mkdir()
    (root / "labels").mkdir()
    (root / "classes.txt").write_text("disc\nbox\n")
    lines = [
        " ".join(map(str, [index - 1, *(ring / labels.shape[::-1]).ravel()]))
        for _, index, ring in outline(labels)
    ]
    for name in files:
        (root / name).rename(root / "images" / name)
        (root / "labels" / name).with_suffix(".txt").write_text("\n".join(lines))
    return root


def write_voc(root, files, labels):
    for folder in ("JPEGImages", "SegmentationClass"):
        (root / folder).mkdir()
    (root / "labelmap.txt").write_text("background:0,0,0::\ndisc:128,0,0::\nbox:0,128,0::\n")
    colors = np.array([(0, 0, 0), (128, 0, 0), (0, 128, 0)], np.uint8)[labels]
    for name in files:
        (root / name).rename(root / "JPEGImages" / name)
        (root / "SegmentationClass" / name).with_suffix(".png").write_bytes(encode(colors))
    return root


WITH_SIZES = (write_coco, write_labelme, write_label_studio, write_voc)
WITHOUT_SIZES = (write_yolo, write_via)


def write_images(root, orientation, *, shape=(64, 64), plain=False):
    """Three images stored askew; gives their names and the labels of what is stored."""
    stored = draw_objects()[: shape[0], : shape[1]]
    names = [f"{number}.jpg" for number in range(3)]
    exif = Image.Exif()
    exif[274] = orientation
    image = GREY[0 * stored if plain else stored][..., None].repeat(3, axis=2)
    for name in names:
        (root / name).write_bytes(encode(image, "JPEG", quality=95, exif=exif.tobytes()))
    return names, stored


def by_name(data):
    """The labels of all images, 1 for the disc and 2 for the box whatever the order of classes."""
    index_of = [0, *(NAMES.index(name) + 1 for name in data.classes.names[1:])]
    return [np.array(index_of)[labels] for labels in read_labels(data).values()]


@pytest.mark.parametrize("write", [*WITH_SIZES, *WITHOUT_SIZES])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("drawn_upright", [True, False])
def test_edges_tell_on_which_outlines_were_drawn(tmp_path, write, orientation, drawn_upright):
    names, stored = write_images(tmp_path, orientation)
    upright = turn(stored, orientation)
    data = open_labelled(write(tmp_path, names, upright if drawn_upright else stored))
    for labels in by_name(data):
        assert (labels != upright).mean() < 0.01
    note = find_note(data, "EXIF")
    assert "annotations of 3 images with an EXIF orientation (0.jpg, 1.jpg, 2.jpg)" in note
    assert ("on the upright image" if drawn_upright else "on the stored pixels") in note


@pytest.mark.parametrize("write", WITH_SIZES)
@pytest.mark.parametrize("orientation", [6, 7])
@pytest.mark.parametrize("drawn_upright", [True, False])
def test_sizes_tell_on_which_outlines_were_drawn(tmp_path, write, orientation, drawn_upright):
    names, stored = write_images(tmp_path, orientation, shape=(64, 61), plain=True)
    upright = turn(stored, orientation)
    data = open_labelled(write(tmp_path, names, upright if drawn_upright else stored))
    assert len(by_name(data)) == 3
    for labels in by_name(data):
        assert (labels != upright).mean() < 0.01
    assert "as their sizes say" in find_note(data, "EXIF")


@pytest.mark.parametrize("spread", [256, 1], ids=["noise", "flat"])
@pytest.mark.parametrize("write", [write_yolo, write_labelme, write_coco])
def test_without_edges_it_is_asked_and_classes_json_answers(tmp_path, write, spread):
    names, stored = write_images(tmp_path, 3)
    noise = np.random.default_rng(0).integers(0, spread, (64, 64, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = 3
    for name in names:
        (tmp_path / name).write_bytes(encode(noise, "JPEG", exif=exif.tobytes()))
    place = write(tmp_path, names, stored)
    with pytest.raises(SegfitError, match=r'annotations drawn.*do not tell.*"orientation"'):
        open_labelled(place)
    (tmp_path / "classes.json").write_text('{"orientation": "stored"}')
    data = open_labelled(place)
    assert len(by_name(data)) == 3
    for labels in by_name(data):
        assert (labels != turn(stored, 3)).mean() < 0.01
    assert "as classes.json says" in find_note(data, "EXIF")


@pytest.mark.parametrize("write", [*WITH_SIZES, *WITHOUT_SIZES])
def test_images_without_orientation_say_nothing(tmp_path, write):
    names, stored = write_images(tmp_path, 1)
    data = open_labelled(write(tmp_path, names, stored))
    assert not any("EXIF" in note for note in data.notes)


def test_image_is_turned_with_what_is_drawn(tmp_path):
    names, stored = write_images(tmp_path, 6)
    data = open_labelled(write_coco(tmp_path, names, stored))
    first = data.splits["train"][0]
    expected = np.asarray(Image.open(tmp_path / names[0]).transpose(Image.Transpose.ROTATE_270))
    np.testing.assert_array_equal(first.image, expected)
    assert (np.unique(first.objects[first.labels > 0]) > 0).all()
    assert (first.objects[first.labels == 0] == 0).all()
