"""Painting drawn objects: each in a window of its own, the later over the earlier."""

import numpy as np

from segfit.basics.geometry import fill_polygon, fill_window
from segfit.classes import IGNORE
from segfit.datasets.painting import PaintedObject, paint_objects

IMAGE = np.zeros((4, 6, 3), np.uint8)


def square(left, top, side, *, number, class_index=1):
    corners = np.array([(0, 0), (side, 0), (side, side), (0, side)], float)
    ring = corners + np.array([left, top])
    mask, corner = fill_window([ring], height=4, width=6)
    return PaintedObject(mask, class_index, number, corner)


def test_the_later_lies_over_the_earlier_and_what_is_beneath_is_counted():
    reading = paint_objects(IMAGE, [square(0, 0, 2, number=1), square(1, 1, 2, number=2)])
    assert reading.objects.tolist() == [
        [1, 1, 0, 0, 0, 0],
        [1, 2, 2, 0, 0, 0],
        [0, 2, 2, 0, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert (reading.overlapped_px, reading.overlapped_objects, reading.lost_objects) == (1, 1, 0)


def test_what_lies_wholly_beneath_others_or_outside_is_lost():
    painted = [square(1, 1, 1, number=1), square(1, 1, 2, number=2), square(9, 9, 2, number=3)]
    reading = paint_objects(IMAGE, painted)
    assert np.unique(reading.objects).tolist() == [0, 2]
    assert reading.lost_objects == 2


def test_crowds_and_background_have_no_number():
    painted = [
        square(0, 0, 2, number=1),
        square(0, 0, 1, number=2, class_index=IGNORE),
        square(1, 1, 1, number=3, class_index=0),
    ]
    reading = paint_objects(IMAGE, painted)
    assert reading.labels[:2, :2].tolist() == [[IGNORE, 1], [1, 0]]
    assert reading.objects[:2, :2].tolist() == [[0, 1], [1, 0]]
    assert (reading.overlapped_px, reading.lost_objects) == (0, 0)


def test_a_mask_of_the_whole_image_is_a_window_too():
    mask = np.eye(4, 6, dtype=bool)
    reading = paint_objects(IMAGE, [PaintedObject(mask, 2, 7)])
    np.testing.assert_array_equal(reading.labels == 2, mask)
    np.testing.assert_array_equal(reading.objects == 7, mask)


def test_a_window_is_no_larger_than_what_is_drawn():
    """A mask of the whole image for each of 200 outlines was most of the time of reading them."""
    ring = np.array([(700.0, 300.0), (720.0, 300.0), (715.0, 330.0), (705.0, 330.0)])
    mask, corner = fill_window([ring], height=1024, width=1024)
    assert mask.shape == (30, 20)
    assert corner == (300, 700)
    whole = fill_polygon([ring], height=1024, width=1024)
    window, inside = PaintedObject(whole, 1, 1).crop()
    rows, columns = window
    assert (rows.start, columns.start) == (300, 700)
    assert rows.stop <= 330, "no pixel's centre may be within its tip"
    np.testing.assert_array_equal(whole[window], inside)
    assert whole.sum() == mask.sum() == inside.sum()
