"""What holds for labelled data of every layout: it is told, read, pickled and compared."""

import copy
import json
import pickle
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.datasets.drawn import Drawing, DrawnImage
from segfit.datasets.labelled import LabelledImage, Reading
from segfit.datasets.masks.codes import ColorCode, DecodedMask, ThresholdCode, ValueCode
from segfit.datasets.opening import LAYOUTS

CORNERS = [[4, 4], [12, 4], [12, 12], [4, 12]]
FLAT = [number for corner in CORNERS for number in corner]


def write_masks(folder):
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12, 4:12] = 1
    for name in "ab":
        path = folder / "masks" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(mask).save(path)
    write_images(folder / "images")


def write_images(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in "ab":
        Image.new("RGB", (16, 16)).save(folder / f"{name}.png")


def write_coco(path, images):
    write_images(images)
    path.parent.mkdir(exist_ok=True)
    numbered = list(enumerate("ab"))
    content = {
        "images": [{"id": number, "file_name": f"{name}.png"} for number, name in numbered],
        "annotations": [
            {"id": number, "image_id": number, "category_id": 1, "segmentation": [FLAT]}
            for number, _ in numbered
        ],
        "categories": [{"id": 1, "name": "foreground"}],
    }
    path.write_text(json.dumps(content))


def write_yolo(folder):
    write_images(folder / "images")
    (folder / "labels").mkdir()
    for name in "ab":
        shares = " ".join(str(number / 16) for number in FLAT)
        (folder / "labels" / f"{name}.txt").write_text(f"0 {shares}")
    (folder / "data.yaml").write_text("names: [foreground]")


def write_labelme(folder):
    write_images(folder)
    for name in "ab":
        content = {"shapes": [{"label": "foreground", "points": CORNERS}]}
        (folder / f"{name}.json").write_text(json.dumps(content))


def write_geojson(folder):
    write_images(folder)
    rings = [[*CORNERS, CORNERS[0]]]
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": rings},
        "properties": {"class": "foreground", "label": 1, "object": 1},
    }
    for name in "ab":
        content = {"type": "FeatureCollection", "features": [feature]}
        (folder / f"{name}.geojson").write_text(json.dumps(content))


WRITERS = {
    "masks": write_masks,
    "coco": lambda folder: write_coco(folder / "annotations" / "train.json", folder / "images"),
    "coco file": lambda folder: write_coco(folder / "set.json", folder),
    "yolo": write_yolo,
    "labelme": write_labelme,
    "outlines": write_geojson,
}


def test_every_layout_is_tested():
    assert len(WRITERS) == len(LAYOUTS)
    assert len({layout.description for layout in LAYOUTS}) == len(LAYOUTS)


@pytest.mark.parametrize("layout", WRITERS)
def test_every_layout_gives_the_same_labels_and_travels(tmp_path, layout):
    WRITERS[layout](tmp_path)
    data = open_labelled(tmp_path, strict=True)
    assert data.classes.names == ("background", "foreground")
    expected = np.zeros((16, 16), np.uint8)
    expected[4:12, 4:12] = 1
    for travelled in (data, pickle.loads(pickle.dumps(data)), copy.deepcopy(data)):
        for split in ("train", "val"):
            (example,) = travelled.splits[split]
            np.testing.assert_array_equal(example.labels, expected)
            assert travelled.splits[split].stats == data.splits[split].stats
    hash(data)
    assert data == data
    assert data != copy.deepcopy(data)


GRID = np.zeros((2, 2), np.uint8)
IMAGE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LabelledImage("a", IMAGE, GRID, None),
        lambda: Reading(IMAGE, GRID),
        lambda: DecodedMask(GRID),
        lambda: Drawing(GRID > 0, GRID.astype(np.int64)),
        lambda: DrawnImage("a", IMAGE, ()),
        lambda: ValueCode(((0, 0), (7, 1))),
        lambda: ThresholdCode(),
        lambda: ColorCode(((0, 0, 0),)),
        lambda: ClassTable.from_names(("a", "b")),
    ],
)
def test_comparing_and_hashing_never_raise(make):
    first, second = make(), make()
    assert first == first
    assert isinstance(first == second, bool)
    assert isinstance(hash(first), int)
    same = copy.copy(first)
    for field in fields(first):
        assert getattr(same, field.name) is getattr(first, field.name)
