"""Pixels are led to their objects' centres."""

from __future__ import annotations

import numpy as np

from segfit.result.offsets import follow_offsets, place_in_cells


def test_offsets_are_followed_in_both_directions():
    offsets = np.zeros((2, 8, 10), np.float32)
    offsets[0, :, :2], offsets[1, :2, :] = 3, 4
    ends = follow_offsets(np.array([[1.0, 6.0], [1.0, 5.0]], np.float32), offsets)
    np.testing.assert_allclose(ends, [[4.0, 6.0], [5.0, 5.0]], atol=1e-5)


def test_many_points_are_followed_like_few():
    rng = np.random.default_rng(0)
    offsets = rng.normal(0, 1, (2, 9, 11)).astype(np.float32)
    points = (rng.random((2, 70_000)) * np.array([[11], [9]])).astype(np.float32)
    at_once = follow_offsets(points, offsets)
    np.testing.assert_array_equal(at_once[:, -5:], follow_offsets(points[:, -5:], offsets))


def test_pixels_of_an_image_that_begins_within_a_cell_have_their_places():
    cells = place_in_cells(np.int64([0, 3]), np.int64([1, 2]), (0.5, 0.25), (1.5, 0.25))
    np.testing.assert_allclose(cells, [[1.875, 2.125], [0.5, 2.0]])
