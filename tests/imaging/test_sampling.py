"""Samples of images between their pixels, at any scale, and of grids of regions."""

import numpy as np

from segfit.imaging.pyramid import Pyramid
from segfit.imaging.sampling import sample_bilinear, sample_image, sample_regions


def test_bilinear_samples_have_pixel_centres_at_half_numbers():
    image = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    points = np.array([[[0.5, 1.0, 1.5, -3.0, 9.0]], [[0.5, 0.5, 2.0, 0.5, 9.0]]], np.float32)
    assert sample_bilinear(image, points)[0, :, 0].tolist() == [0, 0.5, 7, 0, 11]


def test_every_level_is_sampled_in_the_image_s_frame():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:, 4:] = 100
    points = np.array([[[1, 4, 7]], [[4, 4, 4]]], np.float32)
    for step_px in (0.5, 1.0, 2.0):
        samples = sample_image(Pyramid(image), points, step_px)
        assert samples[0, :, 0].tolist() == [0, 50, 100]


def test_regions_beyond_the_edge_are_those_on_it():
    regions = np.array([[0, 1], [2, 3]], np.int32)
    points = np.array([[0.9, 1.0, -5, 9], [0.9, 0.0, 1.5, 9]], np.float32)
    assert sample_regions(regions, points).tolist() == [0, 1, 2, 3]
