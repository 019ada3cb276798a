"""How sure a result is of its regions."""

from __future__ import annotations

import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.partition import LabelGrid, fill_regions
from segfit.result.scores import Scores
from segfit.result.scoring import average_in_regions, measure_tightness, score_regions
from segfit.result.segmentation import Segmentation

CLASSES = ClassTable.from_names(("background", "nucleus"), object_classes=(1,))
SHAPE = (24, 48)
CENTRES = ((12.0, 12.0), (32.0, 12.0))


def test_regions_are_averaged_over_their_own_class():
    """Two classes on four pixels; the third region has none, the fourth is of no class."""
    probabilities = np.float32([[[0.9, 0.6, 0.2, 0.3]], [[0.1, 0.4, 0.8, 0.7]]])
    of_pixels = np.int32([0, 0, 1, 3])
    means = average_in_regions(probabilities, np.uint8([0, 1, 1, 255]), of_pixels)
    np.testing.assert_allclose(means, [0.75, 0.8, np.nan, np.nan], rtol=1e-6)


def draw_discs(radius=7.0):
    """Two discs, numbered from 1, and how far right and down each pixel's centre is."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    objects = np.zeros(SHAPE, np.int32)
    offsets = np.zeros((2, *SHAPE), np.float32)
    for number, (x, y) in enumerate(CENTRES, start=1):
        inside = np.hypot(columns - x, rows - y) < radius
        objects[inside] = number
        offsets[:, inside] = np.stack([x - columns, y - rows])[:, inside]
    return objects, offsets


def score(objects, offsets):
    """Scores of the objects of an image, whose nuclei have a probability of 0.8."""
    logits = np.where(objects > 0, np.log(4), -5).astype(np.float32)[None]
    maps = np.concatenate([np.zeros((1, *SHAPE), np.float32), offsets])
    grid = LabelGrid((objects > 0).astype(np.uint8), objects)
    scores = Scores(logits, SHAPE, SHAPE, object_maps=maps)
    image = np.zeros((*SHAPE, 3), np.uint8)
    result = Segmentation(image, grid, CLASSES, scores.for_result())
    direct = score_regions(fill_regions(result.partition), result.partition.labels, scores, CLASSES)
    found = [region.score for region in result.regions]
    np.testing.assert_allclose(found, direct[~np.isnan(direct)], atol=1e-3)
    return found


def test_an_object_whose_pixels_meet_scores_its_mean_probability():
    assert score(*draw_discs()) == pytest.approx([0.8, 0.8], abs=1e-3)


def test_two_objects_taken_for_one_score_less():
    """What lies between the pixels' ends is the distance of the two centres."""
    objects, offsets = draw_discs()
    objects[12, 12:32] = 1
    objects[objects == 2] = 1
    (merged,) = score(objects, offsets)
    assert merged < 0.5


def test_an_object_whose_pixels_are_led_nowhere_scores_less():
    objects, offsets = draw_discs()
    rng = np.random.default_rng(0)
    offsets[:, objects == 2] = rng.normal(0, 2, (2, np.count_nonzero(objects == 2)))
    sure, unsure = score(objects, offsets)
    assert unsure < 0.6 < sure


def test_tightness_is_of_each_region_by_itself():
    """Two pixels meet, two end 1 cell apart after 1 and 3; a speck on its centre; one is empty."""
    cells = np.float32([[0, 4, 10, 15, 20], [0, 0, 0, 0, 0]])
    ends = np.float32([[2, 2, 11, 12, 20], [0, 0, 0, 0, 0]])
    found = measure_tightness(cells, ends, np.int32([0, 0, 1, 1, 3]), count=4)
    np.testing.assert_allclose(found, [1, (1 + 0.5 / 2) ** -0.5, np.nan, 1])
