"""The filters on images that can be drawn by hand."""

import cv2
import numpy as np
import pytest

from segfit.scribbles.filters import OCTAVES, describe_scales

CHANNELS = slice(0, 3)
GRADIENT, HESSIAN, TENSOR = 3, slice(4, 6), slice(6, 8)


def edge(angle_deg=0.0):
    """Black left of a line through the middle, white right of it."""
    down, across = np.mgrid[:64, :64] - 31.5
    angle = np.deg2rad(angle_deg)
    is_white = across * np.cos(angle) + down * np.sin(angle) > 0
    return np.repeat(np.where(is_white, 255, 0).astype(np.uint8)[..., None], 3, axis=2)


def test_each_scale_has_half_the_cells():
    planes = describe_scales(np.zeros((32, 64, 3), np.uint8))
    assert [plane.shape for plane in planes] == [
        (11, 32, 64), (8, 16, 32), (8, 8, 16), (8, 4, 8), (8, 2, 4),
    ]  # fmt: skip
    assert len(planes) == OCTAVES


def test_a_flat_image_has_nothing_but_its_color():
    planes = describe_scales(np.full((32, 32, 3), (255, 255, 255), np.uint8))
    for plane in (planes[0][3:], *planes[1:]):
        np.testing.assert_allclose(plane[0], 1, atol=1e-4)
        np.testing.assert_allclose(plane[1:], 0, atol=1e-3)


@pytest.mark.parametrize("angle_deg", [0, 90, 45])
def test_an_edge_has_one_direction(angle_deg):
    filters = describe_scales(edge(angle_deg))[0][3:]
    at_edge, far = filters[:, 31, 31], filters[:, 10, 10]
    assert at_edge[GRADIENT] > 0.2
    larger, smaller = at_edge[TENSOR]
    assert larger > 5 * smaller
    assert abs(far[GRADIENT:]).max() < 1e-3


def test_a_turned_image_has_the_same_filters_turned():
    random = np.random.default_rng(0)
    image = cv2.GaussianBlur(random.integers(0, 256, (64, 64, 3), np.uint8), (0, 0), 1)
    turned = describe_scales(np.ascontiguousarray(np.rot90(image)))
    for plane, other in zip(describe_scales(image), turned, strict=True):
        np.testing.assert_allclose(np.rot90(plane, axes=(1, 2)), other, atol=1e-4)


def test_a_bright_spot_curves_down_in_both_directions():
    image = np.zeros((32, 32, 3), np.uint8)
    image[15:18, 15:18] = 255
    larger, smaller = describe_scales(image)[0][3:][HESSIAN, 16, 16]
    assert smaller <= larger < 0
