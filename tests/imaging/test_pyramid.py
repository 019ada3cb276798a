"""Levels of an image, and the image at another size."""

import numpy as np
import pytest

from segfit.imaging.pyramid import Pyramid, as_pyramid


def grey(rows):
    return np.repeat(np.array(rows, np.uint8)[:, :, None], 3, axis=2)


def test_a_level_is_the_mean_of_four_pixels_and_is_made_once():
    pyramid = Pyramid(grey([[0, 100], [100, 200]]))
    assert pyramid.level(1).tolist() == [[[100, 100, 100]]]
    assert pyramid.level(1) is pyramid.level(1)
    assert pyramid.level(7) is pyramid.level(1), "one pixel cannot be halved"
    assert pyramid.level(0) is pyramid.image


def test_odd_sides_are_rounded_up():
    assert Pyramid(np.zeros((5, 9, 3), np.uint8)).level(2).shape == (2, 3, 3)


def test_shrinking_takes_the_mean_of_the_area():
    assert Pyramid(grey([[0, 100], [100, 200]])).resize(1, 1).tolist() == [[[100, 100, 100]]]


def test_image_of_the_right_size_is_handed_through():
    image = grey([[1, 2]])
    assert Pyramid(image).resize(1, 2) is image


@pytest.mark.parametrize("size", [(30, 20), (41, 67), (16, 16), (125, 99)])
def test_by_way_of_a_level_it_is_the_same_image_to_a_grey_level(size):
    rng = np.random.default_rng(0)
    smooth = np.add.outer(np.arange(200), np.arange(160)) / 2 + rng.random((200, 160))
    image = grey(smooth.astype(np.uint8))
    height, width = size
    rows = (np.arange(height) + 0.5) * 200 / height
    columns = (np.arange(width) + 0.5) * 160 / width
    expected = np.add.outer(rows, columns) / 2 - 0.5
    resized = Pyramid(image).resize(height, width)
    assert np.abs(resized[..., 0] - expected).max() < 2


def test_a_pyramid_stays_what_it_is():
    pyramid = Pyramid(grey([[1]]))
    assert as_pyramid(pyramid) is pyramid
    assert as_pyramid(pyramid.image).image is pyramid.image
