"""Samples of pictures between their pixels, at any scale, and of grids of regions."""

import numpy as np

from segfit.sampling import (
    build_pyramid,
    choose_level,
    sample_bilinear,
    sample_picture,
    sample_regions,
)


def test_bilinear_samples_have_pixel_centres_at_half_numbers():
    image = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    points = np.array([[[0.5, 0.5], [1.0, 0.5], [1.5, 2.0], [-3.0, 0.5], [9.0, 9.0]]], np.float32)
    assert sample_bilinear(image, points)[0, :, 0].tolist() == [0, 0.5, 7, 0, 11]


def test_pyramid_ends_where_its_pixels_are_as_wide_as_asked():
    picture = np.zeros((20, 24, 3), np.uint8)
    shapes = [level.shape[:2] for level in build_pyramid(picture, coarsest_px=4.0)]
    assert shapes == [(20, 24), (10, 12), (5, 6)]
    assert len(build_pyramid(picture[:1], coarsest_px=64.0)) == 1, "one row is not halved"


def test_level_is_the_one_whose_pixels_are_as_wide_as_the_step():
    steps_px = (0.3, 1.0, 1.9, 2.0, 7.0, 99.0)
    assert [choose_level(step_px, 3) for step_px in steps_px] == [0, 0, 0, 1, 2, 2]


def test_every_level_is_sampled_in_the_picture_s_frame():
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[:, 4:] = 100
    levels = build_pyramid(picture, coarsest_px=2.0)
    points = np.array([[[1.0, 4.0], [4.0, 4.0], [7.0, 4.0]]], np.float32)
    for step_px in (1.0, 2.0):
        assert sample_picture(levels, points, step_px)[0, :, 0].tolist() == [0, 50, 100]


def test_regions_beyond_the_edge_are_those_on_it():
    regions = np.array([[0, 1], [2, 3]], np.int32)
    points = np.array([[0.9, 0.9], [1.0, 0.0], [-5, 1.5], [9, 9]], np.float32)
    assert sample_regions(regions, points).tolist() == [0, 1, 2, 3]
