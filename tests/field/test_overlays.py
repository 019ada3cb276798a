"""Overlays of large and of small images: lines that one can see, and small objects under none."""

import cv2
import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.formats.draw import draw_overlay
from segfit.formats.outlining import line_color, line_width_px

CELLS = ClassTable.from_names(("background", "cell"), object_classes=(1,))
LINE = line_color(CELLS.colors[1])
GREY = 90


def draw(objects, *, opacity=0):
    """An overlay whose tints are left out, so that what differs from grey is a line."""
    labels = (objects > 0).astype(np.uint8)
    image = np.full((*objects.shape, 3), GREY, np.uint8)
    return draw_overlay(image, labels, CELLS, objects=objects, opacity=opacity)


def is_line(drawn):
    return (drawn != GREY).any(axis=2)


@pytest.mark.parametrize("side", [64, 520, 2400])
def test_a_line_is_seen_when_the_whole_image_is_looked_at(side):
    objects = np.zeros((side, side), np.int32)
    objects[side // 4 : -side // 4, side // 4 : -side // 4] = 1
    looked_at = cv2.resize(draw(objects), (480, 480), interpolation=cv2.INTER_AREA)
    row = np.abs(looked_at[240].astype(int) - GREY).max(axis=1)
    contrast = np.abs(np.array(LINE) - GREY).max()
    assert row[:240].max() > 0.5 * contrast
    assert row[240:].max() > 0.5 * contrast


@pytest.mark.parametrize("object_px", [1, 2, 5, 9])
def test_a_small_object_of_a_large_image_has_its_line_around_it(object_px):
    objects = np.zeros((2400, 2400), np.int32)
    small = np.s_[1000 : 1000 + object_px, 1000 : 1000 + object_px]
    objects[small] = 1
    lines = is_line(draw(objects))
    assert not lines[small].any()
    width_px = line_width_px(objects.shape)
    assert width_px == 4
    assert lines[1000, 1000 - width_px : 1000].all()
    assert lines[1000, 1000 + object_px : 1000 + object_px + width_px].all()


def test_a_thin_object_keeps_its_pixels_beside_a_thick_one():
    objects = np.zeros((60, 60), np.int32)
    objects[10:40, 10:40] = 1
    objects[10:40, 40:42] = 2
    lines = is_line(draw(objects))
    assert not lines[10:40, 40:42].any()
    assert lines[20, 39]
    assert lines[20, 42]


def test_touching_objects_of_a_large_image_have_a_line_as_wide_as_the_others_between_them():
    objects = np.zeros((2400, 2400), np.int32)
    objects[800:1600, 800:1200], objects[800:1600, 1200:1600] = 1, 2
    assert np.count_nonzero(is_line(draw(objects))[1200, 1150:1250]) == 4
    tinted = draw(objects, opacity=0.5)
    assert (tinted[1200, 1000] != tinted[1200, 1400]).any()


def test_a_mouth_of_three_pixels_in_a_face_is_not_covered():
    classes = ClassTable.from_names(("background", "face", "mouth"))
    labels = np.zeros((900, 900), np.uint8)
    labels[100:800, 100:800] = 1
    labels[500:503, 440:460] = 2
    image = np.full((900, 900, 3), GREY, np.uint8)
    lines = is_line(draw_overlay(image, labels, classes, opacity=0))
    assert not lines[labels == 2].any()
    assert lines[498:500, 450].all()
