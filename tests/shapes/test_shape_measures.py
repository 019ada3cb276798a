"""Measures of regions, against scikit-image's where both have them."""

import math

import numpy as np
import pytest
from skimage.draw import ellipse as draw_ellipse
from skimage.measure import regionprops

from segfit.classes import FOREGROUND
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation
from segfit.shapes import measure_intensities, measure_region, scale_measures


def draw_blob():
    mask = np.zeros((80, 100), np.uint8)
    mask[draw_ellipse(40, 50, 20, 32, rotation=0.5)] = 1
    mask[30:38, 60:90] = 1
    mask[42:46, 40:46] = 0  # a hole
    return mask


def region_of(mask, image=None):
    if image is None:
        image = np.zeros((*mask.shape, 3), np.uint8)
    (region,) = Segmentation(image, LabelGrid(mask), FOREGROUND).regions
    return region


def test_agrees_with_regionprops():
    mask = draw_blob()
    (expected,) = regionprops(mask)
    found = measure_region(region_of(mask))
    assert found["area"] == expected.area
    row, column = expected.centroid
    assert (found["x"], found["y"]) == pytest.approx((column + 0.5, row + 0.5))
    assert found["equivalent_diameter"] == pytest.approx(expected.equivalent_diameter_area)
    # Theirs are moments of the pixels' centres; a pixel itself has 1/12, and an axis is 4 sigma.
    for axis, theirs in (
        ("major", expected.axis_major_length),
        ("minor", expected.axis_minor_length),
    ):
        assert found[f"{axis}_axis"] == pytest.approx(math.sqrt(theirs**2 + 16 / 12))
    # Theirs counts from the rows' axis, anticlockwise.
    theirs = 90 - math.degrees(expected.orientation) % 180
    assert found["orientation_deg"] == pytest.approx(theirs)
    assert found["solidity"] == pytest.approx(expected.area / expected.area_convex, rel=0.02)
    assert found["largest_feret"] == pytest.approx(expected.feret_diameter_max, abs=0.5)


def test_a_rectangles_measures_are_those_of_the_rectangle():
    mask = np.zeros((20, 30), np.uint8)
    mask[5:11, 4:24] = 1
    found = measure_region(region_of(mask))
    assert (found["x"], found["y"]) == (14, 8)
    assert found["perimeter"] == 52
    assert found["largest_feret"] == pytest.approx(math.hypot(20, 6))
    assert found["smallest_feret"] == pytest.approx(6)
    assert found["solidity"] == pytest.approx(1)
    assert found["orientation_deg"] == pytest.approx(0)
    assert found["circularity"] == pytest.approx(4 * math.pi * 120 / 52**2)
    assert math.isnan(found["error"])


def test_scale_turns_lengths_and_areas():
    scaled = scale_measures({"area": 10.0, "perimeter": 4.0, "solidity": 0.5}, 0.5)
    assert scaled == {"area": 2.5, "perimeter": 2.0, "solidity": 0.5}


def test_intensities_are_those_of_the_pixels_inside():
    values = np.random.default_rng(0).integers(0, 60000, (80, 100, 2), dtype=np.uint16)
    mask = draw_blob()
    channels = {"DAPI": values[..., 0], "GFP": values[..., 1]}
    found = measure_intensities(region_of(mask), channels)
    inside = values[mask > 0].astype(float)
    for index, name in enumerate(channels):
        assert found[f"mean_{name}"] == pytest.approx(inside[:, index].mean())
        assert found[f"median_{name}"] == pytest.approx(np.median(inside[:, index]))
        assert found[f"integrated_{name}"] == pytest.approx(inside[:, index].sum())
        assert found[f"std_{name}"] == pytest.approx(inside[:, index].std())


def test_what_nobody_measured_does_not_count():
    values = np.full((80, 100), np.nan)
    mask = draw_blob()
    assert math.isnan(measure_intensities(region_of(mask), {"depth": values})["mean_depth"])
    values[40, 60] = 7
    found = measure_intensities(region_of(mask), {"depth": values})
    assert (found["mean_depth"], found["integrated_depth"], found["std_depth"]) == (7, 7, 0)
    assert measure_intensities(region_of(mask), {}) == {}
