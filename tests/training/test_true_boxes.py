"""The true boxes of regions, by hand-drawn labels."""

import numpy as np
import pytest

from segfit.partition import partition_of
from segfit.result.regions import fit_box
from segfit.training.data.true_boxes import find_true_boxes, halve_steps, match_regions


def test_regions_match_where_they_share_most_of_both():
    first, second = np.zeros((20, 40), np.uint8), np.zeros((20, 40), np.uint8)
    first[2:8, 2:8], second[3:9, 3:9] = 1, 1  # 25 of 36 pixels
    first[2:8, 20:30], second[2:8, 20:24], second[2:8, 26:30] = 1, 1, 1  # one for two
    first[12:18, 2:8], second[12:18, 2:8] = 1, 2  # another class
    matches = match_regions(partition_of(first), partition_of(second))
    assert matches.tolist() == [[0, 0], [1, 3]], "the backgrounds, and the first square"


def test_true_boxes_are_those_of_whole_labelled_regions():
    labels = np.zeros((40, 60), np.uint8)
    labels[4:14, 6:26] = 1
    labels[24:34, 6:26], labels[24:34, 20:26] = 1, 255  # partly unknown
    labels[4:6, 40:42] = 1  # very small
    first = partition_of(np.where(labels == 255, 1, labels).astype(np.uint8))
    true = find_true_boxes(first, labels, background=0)
    assert len(true.regions) == len(true.boxes) == 1
    (box,) = true.boxes
    assert (box.center_xy, box.width, box.height) == (
        pytest.approx((16, 9)), pytest.approx(20), pytest.approx(10),
    )  # fmt: skip


def test_middles_of_pixel_sides_lie_about_a_slanting_edge():
    ring = np.array([[0.0, 0], [3, 0], [3, 2], [0, 2]])
    middles = halve_steps(ring)
    assert len(middles) == 10
    assert middles[:4].tolist() == [[0.5, 0], [1.5, 0], [2.5, 0], [3, 0.5]]
    y, x = np.mgrid[:60, :60] + 0.5
    along, across = (x + y - 60) / np.sqrt(2), (y - x) / np.sqrt(2)
    labels = ((abs(along) < 20) & (abs(across) < 10)).astype(np.uint8)
    (ring,) = partition_of(labels).polygon(1)
    box = fit_box(halve_steps(ring))
    assert sorted((box.width, box.height)) == pytest.approx([20, 40], abs=0.8)
