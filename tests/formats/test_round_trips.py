"""segfit reads everything that it writes: the results of a run in, the same labels out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfit.batch.predict import apply_method
from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.formats import FORMATS, Content
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

# The background is neither first nor called so; sky has no objects; two nuclei touch.
CLASSES = ClassTable.from_names(
    ("sky, blue", "ground", "nucleus"), background=1, object_classes=(2,)
)
NUCLEI = ClassTable.from_names(("ground", "nucleus"), object_classes=(1,))

NO_LABELS = {
    "overlay": "an image of the classes, for people",
    "json": "figures of the classes",
    "probabilities-png": "how sure the model is of every class",
    "probabilities-npz": "how sure the model is of every class",
    "edges": "edges, which have no classes",
    "strength": "edges, which have no classes",
    "lines": "edges, which have no classes",
}
"""Formats that hold no labels, and what they hold."""
WAITING = {"imagej"}
"""Formats whose readers are not here yet."""


def draw_labels(first: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and objects: two nuclei that touch, one with a hole, and sky from a row on."""
    labels = np.ones((24, 32), np.uint8)
    objects = np.zeros((24, 32), np.int32)
    labels[first:] = 0
    labels[2:9, 3:20] = 2
    objects[2:9, 3:12], objects[2:9, 12:20] = 1, 2
    labels[4:6, 5:8] = 1
    objects[4:6, 5:8] = 0
    return labels, objects


@dataclass(frozen=True)
class ReadsOff:
    """A method that finds what is drawn into its images: red are labels, green are objects."""

    classes: ClassTable
    provides: frozenset[Content] = frozenset({Content.OBJECTS})

    def __call__(self, image: np.ndarray, /) -> Segmentation:
        labels, objects = image[:, :, 0] // 80, image[:, :, 1] // 80
        return Segmentation(image, LabelGrid(labels, objects.astype(np.int32)), self.classes)


def predict(root: Path, names: list[str], classes: ClassTable = CLASSES) -> None:
    """Images in ``photos/``, the results of a run over them in ``results/``."""
    photos = root / "photos"
    photos.mkdir()
    for name, first in (("a", 15), ("b", 18)):
        labels, objects = draw_labels(first)
        if classes is NUCLEI:
            labels = np.uint8(labels == 2)
        image = np.dstack([labels * 80, objects * 80, np.zeros_like(labels)])
        Image.fromarray(image.astype(np.uint8)).save(photos / f"{name}.png")
    images = sorted(photos.glob("*.png"))
    report = apply_method(ReadsOff(classes), images, root / "results", names)
    assert report.failed == ()


def move(source: Path, target: Path) -> None:
    """Move a folder, or the files in it into one that is there."""
    target.mkdir(parents=True, exist_ok=True)
    for path in source.iterdir():
        shutil.move(path, target / path.name)


def beside_the_images(root: Path) -> Path:
    move(root / "photos", root / "results")
    return root / "results"


def under_masks(root: Path) -> Path:
    move(root / "results", root / "data" / "masks")
    move(root / "photos", root / "data" / "images")
    return root / "data"


def under_instances(root: Path) -> Path:
    for path in (root / "results").glob("*_instances.png"):
        (root / "data" / "instances").mkdir(parents=True, exist_ok=True)
        shutil.move(path, root / "data" / "instances" / path.name)
    return under_masks(root)


def into(folder: str) -> Callable[[Path], Path]:
    def move_images(root: Path) -> Path:
        move(root / "photos", root / "results" / folder / "images")
        return root / "results" / folder

    return move_images


@dataclass(frozen=True)
class Trip:
    """How the results of a run are laid out to be read, and what they hold.

    ``objects``: whether touching ones are told apart; ``things``: whether every class is taken for
    one of objects, since the format cannot say which are not; ``beside``: other formats with it.
    """

    lay_out: Callable[[Path], Path]
    objects: bool = True
    things: bool = False
    beside: tuple[str, ...] = ()


TRIPS = {
    "mask": Trip(under_masks, objects=False),
    "instances": Trip(under_instances, beside=("mask",)),
    "coco": Trip(beside_the_images),
    "polygons": Trip(beside_the_images),
    "geojson": Trip(beside_the_images),
    "qupath": Trip(beside_the_images, things=True),
    "imagej": Trip(beside_the_images, things=True),
    "svg": Trip(beside_the_images),
    "yolo": Trip(into("yolo"), things=True),
    "labelme": Trip(lambda root: root / "results" / "labelme", things=True),
    "cvat": Trip(
        lambda root: (
            move(root / "photos", root / "results/cvat/JPEGImages") or root / "results" / "cvat"
        ),
        things=True,
    ),
    "label-studio": Trip(beside_the_images, things=True),
}


def test_every_format_is_read_again_or_holds_no_labels():
    assert {*TRIPS, *NO_LABELS} == {*FORMATS}
    assert not TRIPS.keys() & NO_LABELS.keys()


@pytest.mark.parametrize("name", [name for name in TRIPS if name not in WAITING])
def test_labels_come_back(tmp_path, name):
    trip = TRIPS[name]
    predict(tmp_path, [name, *trip.beside])
    data = open_labelled(trip.lay_out(tmp_path), strict=True)
    found = {one.name: one for split in data.splits.values() for one in split}
    for image, first in (("a", 15), ("b", 18)):
        labels, objects = draw_labels(first)
        read = name_pixels(found[image].labels, data.classes)
        np.testing.assert_array_equal(read, name_pixels(labels, CLASSES))
        if trip.objects:
            pairs = np.stack([objects, found[image].objects])[:, labels == 2]
            assert np.unique(pairs, axis=1).shape == (2, 2)
            assert pairs.min() > 0
    told_apart = {data.classes.names[index] for index in data.classes.object_classes}
    assert told_apart == ({"sky, blue", "nucleus"} if trip.things else {"nucleus"})


def name_pixels(labels, classes):
    """Names of the classes of pixels; the background has its own, whatever it is called."""
    names = np.array(classes.names, dtype=object)
    if classes.background is not None:
        names[classes.background] = "(background)"
    return names[labels]


def test_numbers_of_objects_alone_name_their_class(tmp_path):
    predict(tmp_path, ["instances"], NUCLEI)
    data = open_labelled(under_masks_named(tmp_path), strict=True)
    assert data.classes.names == ("ground", "nucleus")
    assert data.classes.object_classes == (1,)
    image = data.splits["val"][0]
    assert np.unique(image.objects).tolist() == [0, 1, 2]


def under_masks_named(root: Path) -> Path:
    for path in (root / "results").glob("*_instances.png"):
        path.rename(path.with_name(path.name.replace("_instances", "")))
    return under_masks(root)


def test_an_image_of_nothing_comes_back(tmp_path):
    """No region in one of two images: its file is there, and says so."""
    for name in ("yolo", "coco", "labelme", "geojson"):
        root = tmp_path / name
        root.mkdir()
        predict(root, ["mask"])
        shutil.rmtree(root / "results")
        Image.fromarray(np.full((24, 32, 3), (80, 0, 0), np.uint8)).save(root / "photos" / "b.png")
        images = sorted((root / "photos").glob("*.png"))
        apply_method(ReadsOff(CLASSES), images, root / "results", [name])
        data = open_labelled(TRIPS[name].lay_out(root), strict=True)
        found = {one.name: one for split in data.splits.values() for one in split}
        assert sorted(found) == ["a", "b"]
        assert not found["b"].labels.any()


def test_a_mask_is_not_taken_for_the_image_of_its_name(tmp_path):
    """The masks of PNG images are called like them, and lie beside the COCO file."""
    predict(tmp_path, ["mask", "coco", "geojson"])
    with pytest.raises(SegfitError, match=r"2 images of coco\.json not found .*a\.png, b\.png"):
        open_labelled(tmp_path / "results" / "coco.json")
    shutil.move(tmp_path / "results" / "coco.json", tmp_path / "photos" / "coco.json")
    with pytest.raises(SegfitError, match="labelled data is"):
        open_labelled(tmp_path / "results")
    image = open_labelled(tmp_path / "photos").splits["val"][0]
    assert np.unique(image.image[:, :, 0]).tolist() == [0, 80, 160]
