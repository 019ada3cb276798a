"""Grey levels: where they lie, and spreading them out."""

import numpy as np
import pytest

from segfit.imaging.contrast import LEAST_RANGE, find_levels, stretch_levels


def make_image(low, high, *, channels=(1, 1, 1)):
    ramp = np.linspace(low, high, 64 * 64).reshape(64, 64, 1)
    return np.rint(ramp * np.array(channels)).astype(np.uint8)


@pytest.mark.parametrize(("low", "high"), [(0, 255), (10, 40), (100, 130)])
def test_levels_are_spread_over_all_that_there_are(low, high):
    image = make_image(low, high)
    assert find_levels(image) == (pytest.approx(low, abs=3), pytest.approx(high, abs=1))
    spread = stretch_levels(image)
    assert spread.dtype == np.uint8
    assert (spread.min(), spread.max()) == (0, 255)
    order = image.ravel().argsort(kind="stable")
    assert (np.diff(spread.ravel()[order].astype(int)) >= 0).all()


def test_few_bright_pixels_say_nothing_of_the_others():
    image = make_image(10, 40)
    image[0, :4] = 255
    assert find_levels(image)[1] <= 41


def test_colors_keep_their_relation():
    spread = stretch_levels(make_image(20, 100, channels=(1, 0.5, 0.5)))
    assert (spread[..., 0] >= spread[..., 1]).all()
    np.testing.assert_array_equal(spread[..., 1], spread[..., 2])


def test_noise_is_not_made_an_image():
    rng = np.random.default_rng(0)
    noise = rng.integers(10, 13, (64, 64, 3)).astype(np.uint8)
    assert stretch_levels(noise).max() <= 255 * 3 / LEAST_RANGE
    assert (stretch_levels(np.full((8, 8, 3), 9, np.uint8)) == 0).all()
