"""Images turned by their EXIF orientation, with masks that were turned or were not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from mask_sets import draw_objects, encode, find_note, read_labels
from PIL import Image, ImageOps

from segfit.batch.fit import FitJob, fit_masks
from segfit.batch.masks import find_mask_classes, pair_masks
from segfit.batch.refine import refine_masks
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.refiner import load_refiner
from segfit.shapes import make_fit

ORIENTATIONS = range(2, 9)
GREY = np.array([60, 130, 200], np.uint8)


def turn(values, orientation):
    """A grid as a viewer shows it."""
    image = Image.fromarray(values)
    exif = image.getexif()
    exif[274] = orientation
    return np.asarray(ImageOps.exif_transpose(image))


def write_turned(root, orientation, *, drawn_upright, shape=(64, 64), plain=False, count=3):
    """Images stored askew, and masks as they are seen or as they are stored; gives the truth."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    stored = draw_objects()[: shape[0], : shape[1]]
    for number in range(count):
        image = GREY[0 * stored if plain else stored][..., None].repeat(3, axis=2)
        exif = Image.Exif()
        exif[274] = orientation
        (root / "images" / f"{number}.jpg").write_bytes(
            encode(image, "JPEG", quality=95, exif=exif.tobytes())
        )
        mask = turn(stored, orientation) if drawn_upright else stored
        (root / "masks" / f"{number}.png").write_bytes(encode(mask))
    return turn(stored, orientation)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("drawn_upright", [True, False])
def test_edges_tell_how_masks_lie(tmp_path, orientation, drawn_upright):
    truth = write_turned(tmp_path / "set", orientation, drawn_upright=drawn_upright)
    data = open_labelled(tmp_path / "set")
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels, truth)
    note = find_note(data, "EXIF")
    assert "3 images with an EXIF orientation (0.jpg, 1.jpg, 2.jpg)" in note
    assert ("on the upright image" if drawn_upright else "on the stored pixels") in note
    assert f'{{"orientation": "{"stored" if drawn_upright else "upright"}"}}' in note


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("drawn_upright", [True, False])
def test_sizes_tell_how_masks_lie(tmp_path, orientation, drawn_upright):
    truth = write_turned(
        tmp_path / "set", orientation, drawn_upright=drawn_upright, shape=(64, 60), plain=True
    )
    data = open_labelled(tmp_path / "set")
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels, truth)
    assert "as their sizes say" in find_note(data, "EXIF")


def test_without_edges_it_is_asked(tmp_path):
    root = tmp_path / "set"
    truth = write_turned(root, 3, drawn_upright=False)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = 3
    for path in (root / "images").iterdir():
        path.write_bytes(encode(noise, "JPEG", exif=exif.tobytes()))
    with pytest.raises(SegfitError, match=r'edges do not tell which.*"orientation": "stored"'):
        open_labelled(root)
    (root / "classes.json").write_text(json.dumps({"orientation": "stored"}))
    data = open_labelled(root)
    np.testing.assert_array_equal(read_labels(data)["0"], truth)
    assert "as classes.json says" in find_note(data, "EXIF")


def test_images_without_orientation_say_nothing(tmp_path):
    write_turned(tmp_path / "set", 1, drawn_upright=True)
    assert not any("EXIF" in note for note in open_labelled(tmp_path / "set").notes)


@pytest.mark.parametrize("command", ["fit", "refine"])
def test_masks_of_fit_and_refine_lie_alike(tmp_path, command):
    truth = write_turned(tmp_path / "set", 6, drawn_upright=False)
    masks = sorted((tmp_path / "set" / "masks").iterdir())
    images, classes = tmp_path / "set" / "images", find_mask_classes(masks)
    said: list[str] = []
    if command == "fit":
        fit_masks(
            FitJob(make_fit("circle")), masks, classes, tmp_path / "out", ("json",),
            images=images, on_note=said.append,
        )  # fmt: skip
        rows = json.loads((tmp_path / "out" / "0_shapes.json").read_text())
        areas = sorted(row["area_px2"] for row in rows if row["class"] != "class_0")
        expected = sorted(np.bincount(truth.ravel())[1:])
        assert areas == pytest.approx(expected, rel=0.05)
    else:
        paired = pair_masks(masks, images)
        refine_masks(
            load_refiner("outlines"), paired, classes, tmp_path / "out", ("mask",),
            off_by_px=2, on_note=said.append,
        )  # fmt: skip
        (found,) = [path for path in (tmp_path / "out").iterdir() if path.name.startswith("0")]
        assert (np.asarray(Image.open(found)) != truth).mean() < 0.02
    assert len(said) == 1
    assert "on the stored pixels" in said[0]
