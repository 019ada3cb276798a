"""Pixels drawn from an image, and what marks say of their regions."""

from __future__ import annotations

import numpy as np

from segfit.classes import IGNORE
from segfit.scribbles import Marks, PixelFeatures
from segfit.scribbles.drawn import draw_pixels

HALVES = np.repeat([[0.0] * 8 + [1.0] * 8], 16, axis=0).astype(np.float16)


def describe(image):
    """A feature that is the image (H, W)."""
    none = np.empty(0, np.int64)
    return PixelFeatures(
        (image[..., None],),
        (1,),
        image.shape,
        np.zeros(1, np.float32),
        np.ones(1, np.float32),
        none,
    )


def mark(*marks):
    """Marks of (row, column, class)."""
    points, classes = np.array(marks)[:, :2], np.array(marks)[:, 2]
    return Marks(points.astype(np.int32), classes.astype(np.uint8))


def test_a_small_image_is_drawn_whole_and_the_same_each_time():
    drawn, again = draw_pixels(describe(HALVES)), draw_pixels(describe(HALVES))
    assert len(drawn) == 256 == len(np.unique(drawn.points, axis=0))
    np.testing.assert_array_equal(drawn.points, again.points)
    np.testing.assert_array_equal(drawn.rows[:, 0], HALVES[tuple(drawn.points.T)])
    assert len(drawn.first(10)) == len(drawn.first(10).rows) == 10


def test_a_region_ends_where_the_color_does():
    drawn = draw_pixels(describe(HALVES))
    assert len(np.unique(drawn.regions)) == 2
    logits = drawn.points[:, 1:].astype(np.float32)
    left = drawn.points[:, 1] < 8
    np.testing.assert_allclose(drawn.average(logits)[:, 0], np.where(left, 3.5, 11.5))


def test_marks_speak_for_their_region_where_they_agree():
    drawn = draw_pixels(describe(HALVES))
    left = drawn.points[:, 1] < 8
    once = drawn.mark(mark((2, 2, 4), (9, 3, 4)))
    np.testing.assert_array_equal(once.said, np.where(left, 4, IGNORE))
    assert sorted(map(tuple, drawn.points[once.is_marked].tolist())) == [(2, 2), (9, 3)]
    torn = drawn.mark(mark((2, 2, 4), (9, 3, 5), (9, 12, 0)))
    np.testing.assert_array_equal(torn.said, np.where(left, IGNORE, 0))
    assert not drawn.is_marked.any()
    assert (drawn.said == IGNORE).all()
