"""255 in masks: a class where it fills areas, to be ignored where it looks like void."""

from __future__ import annotations

import numpy as np
import pytest
from mask_sets import draw_objects, encode, find_note, open_set, read_labels

import segfit
from segfit.classes import IGNORE
from segfit.errors import SegfitError

NAMES = ("a.png", "b.png", "c.png")


def color(*levels):
    """The objects with these values for the ground, the disc and the box."""
    return np.array(levels, np.uint8)[draw_objects()]


def ring(labels, width=1):
    """The same with void of value 255 along all borders, so many pixels on either side."""
    padded = np.pad(labels, width, mode="edge")
    size = 2 * width + 1
    around = np.lib.stride_tricks.sliding_window_view(padded, (size, size)).reshape(
        *labels.shape, -1
    )
    return np.where(np.ptp(around, axis=2) > 0, 255, labels).astype(np.uint8)


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ((0, 128, 255), "evenly spread grey levels"),
        ((0, 127, 255), "evenly spread grey levels"),
        ((0, 100, 255), "it fills areas"),
        ((50, 180, 255), "it fills areas"),
    ],
)
def test_grey_levels_with_255_are_classes(tmp_path, levels, reason):
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(color(*levels))))
    assert data.classes.names == tuple(f"class_{level}" for level in levels)
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels, draw_objects())
    share = (draw_objects() == 2).mean()
    note = find_note(data, "255 is a class")
    assert f"on {share:.2%} of all pixels, in 3 of 3 masks: a.png, b.png, c.png" in note
    assert reason in note
    assert '{"ignore": [255]}' in note


def test_four_even_levels(tmp_path):
    mask = np.repeat(np.array([0, 85, 170, 255], np.uint8), 16)[None].repeat(64, axis=0)
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(mask)))
    assert len(data.classes) == 4


@pytest.mark.parametrize("width", [1, 2])
def test_void_along_borders_is_ignored(tmp_path, width):
    mask = ring(color(0, 1, 2), width)
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(mask)))
    assert data.classes.names == ("class_0", "class_1", "class_2")
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels, mask)
    note = find_note(data, "255 is ignored")
    assert f"on {(mask == 255).mean():.2%} of all pixels, in 3 of 3 masks" in note
    assert '{"ignore": []}' in note


def test_void_along_borders_of_grey_levels_is_ignored(tmp_path):
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(ring(color(0, 90, 200)))))
    assert data.classes.names == ("class_0", "class_90", "class_200")


def test_void_at_the_edge_of_images_is_ignored(tmp_path):
    mask = color(0, 1, 2)
    mask[-10:] = 255  # the bonnet of the car that the camera is in
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(mask)))
    assert len(data.classes) == 3
    assert all((labels[-10:] == IGNORE).all() for labels in read_labels(data).values())


def test_areas_of_255_beside_numbers_of_classes_are_asked_about(tmp_path):
    masks = dict.fromkeys(NAMES, encode(color(0, 1, 255)))
    with pytest.raises(SegfitError, match=r'255 in areas inside the image.*3 of 3.*"ignore": \[\]'):
        open_set(tmp_path, masks)
    as_class = open_set(tmp_path, masks, said={"ignore": []})
    assert as_class.classes.names == ("class_0", "class_1", "class_255")
    as_void = open_set(tmp_path, masks, said={"ignore": [255]})
    assert as_void.classes.names == ("background", "foreground")
    assert (read_labels(as_void)["a"][draw_objects() == 2] == IGNORE).all()
    assert "255 ignored" in find_note(as_void, "Classes found")


def test_one_mask_in_many_with_an_area_of_255_does_not_ask(tmp_path):
    masks = dict.fromkeys([f"{number}.png" for number in range(5)], encode(color(0, 1, 2)))
    data = open_set(tmp_path, {**masks, "odd.png": encode(color(0, 1, 255))})
    assert len(data.classes) == 3
    assert "in 1 of 6 masks: odd.png" in find_note(data, "255 is ignored")


def test_what_is_said_of_255_outweighs_its_look(tmp_path):
    masks = dict.fromkeys(NAMES, encode(ring(color(0, 1, 2))))
    data = open_set(tmp_path, masks, said={"ignore": []})
    assert data.classes.names[-1] == "class_255"


def test_foreground_of_1_in_some_masks_and_of_255_in_others(tmp_path):
    foreground = (draw_objects() > 0).astype(np.uint8)
    masks = {"a.png": encode(foreground), "b.png": encode(foreground * np.uint8(255))}
    data = open_set(tmp_path, masks)
    assert data.classes.names == ("background", "foreground")
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels, foreground)
    assert "1 in 1 mask (a.png) and 255 in 1 (b.png)" in find_note(data, "Foreground is")


def test_arrays_are_judged_like_files():
    refiner = segfit.load_refiner("outlines")
    image = np.repeat(color(0, 128, 255)[..., None], 3, axis=2)
    assert len(refiner(color(0, 128, 255), image).classes) == 3
    assert len(refiner(ring(color(0, 1, 2)), image).classes) == 3
    with pytest.raises(SegfitError, match=r"areas inside the image.*give its classes="):
        refiner(color(0, 1, 255), image)
