"""Where the truth's outlines are, and outlines to begin with."""

import numpy as np
import pytest

from segfit.classes import IGNORE
from segfit.partition import LabelGrid, fill_ignored, partition_of
from segfit.refinement.outlines import start_walk
from segfit.refinement.truth import (
    coarsen_truth,
    draw_first_outlines,
    find_offsets,
    measure_errors,
    read_truth,
)

HEIGHT, WIDTH = 48, 64


def labels_up_to(border_px):
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, border_px:] = 1
    return labels


def outward(walk):
    """1 where a strip runs to the right, −1 where it runs to the left."""
    return np.sign(walk.normals[:, 0])


@pytest.mark.parametrize("truth_px", [27, 30, 34])
@pytest.mark.parametrize("step_px", [1.0, 2.0])
def test_offset_is_the_distance_of_the_true_border(truth_px, step_px):
    walk = start_walk(partition_of(labels_up_to(30)), step_px)
    offsets = find_offsets(read_truth(labels_up_to(truth_px), 2), walk, reach_steps=8)
    inner = slice(2, -2)  # at its ends, where it meets the edge, an arc has only one side
    expected = (truth_px - 30) / step_px * outward(walk)
    np.testing.assert_allclose(offsets[inner], expected[inner], atol=0.05)


@pytest.mark.parametrize(("truth_px", "reach_steps"), [(50, 8), (36, 4)])
def test_a_border_out_of_reach_is_no_border(truth_px, reach_steps):
    walk = start_walk(partition_of(labels_up_to(30)), 1.0)
    truth = read_truth(labels_up_to(truth_px), 2)
    assert np.isnan(find_offsets(truth, walk, reach_steps=reach_steps)).all()


def test_of_two_borders_the_nearer_one_counts_and_the_direction_matters():
    truth = labels_up_to(33)
    truth[:, 38:42] = 0  # 0 | 1 | 0 | 1: two borders lead from 0 to 1, one back
    walk = start_walk(partition_of(labels_up_to(36)), 1.0)
    offsets = find_offsets(read_truth(truth, 2), walk, reach_steps=8)[3:-3]
    np.testing.assert_allclose(offsets, -3 * outward(walk)[3:-3], atol=0.1)


def test_ignored_pixels_have_no_border():
    truth = labels_up_to(30)
    truth[:, 26:34] = IGNORE
    walk = start_walk(partition_of(labels_up_to(30)), 1.0)
    assert np.isnan(find_offsets(read_truth(truth, 2), walk, reach_steps=8)).all()


def test_coarse_truth_is_near_the_truth_and_not_it():
    truth = labels_up_to(31)
    coarse = coarsen_truth(truth, 2, cell_px=8.0, rng=np.random.default_rng(0))
    areas = dict(zip(coarse.labels, coarse.region_areas_px, strict=True))
    assert areas[0] / HEIGHT == pytest.approx(31, abs=6)
    again = coarsen_truth(truth, 2, cell_px=8.0, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(coarse.points, again.points)


def test_ignored_pixels_take_the_label_of_the_nearest():
    labels = np.array([[0, 0, IGNORE, IGNORE, 1]], np.uint8)
    assert fill_ignored(LabelGrid(labels)).labels.tolist() == [[0, 0, 0, 1, 1]]
    nothing = np.full((2, 2), IGNORE, np.uint8)
    assert fill_ignored(LabelGrid(nothing)).labels.tolist() == [[IGNORE] * 2] * 2


def test_errors_are_measured_along_the_normals():
    truth, first = np.zeros((40, 40), np.uint8), np.zeros((40, 40), np.uint8)
    truth[:, 20:], first[:, 22:] = 1, 1
    distances, claimed = measure_errors(partition_of(first), read_truth(truth, 2))
    np.testing.assert_allclose(np.abs(distances), 2, atol=0.05)
    assert np.isnan(claimed).all()


def test_first_outlines_are_the_same_for_the_same_seed_and_as_coarse_as_said():
    truth = labels_up_to(31)
    truth[:4] = IGNORE
    drawn = [draw_first_outlines(truth, 2, np.random.default_rng(seed)) for seed in (5, 5, 6)]
    (first, cell_px), (again, _), (_, other_px) = drawn
    np.testing.assert_array_equal(first.points, again.points)
    assert 2 <= cell_px <= 8
    assert cell_px != other_px
    assert set(first.labels.tolist()) == {0, 1}


def objects_up_to(border_px, *, numbers=(5, 6)):
    """Two objects of one class side by side."""
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    objects = np.where(np.arange(WIDTH) < border_px, *numbers).astype(np.int32)
    return labels, np.tile(objects, (HEIGHT, 1))


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1), (5, 70_000), (7, 8)])
@pytest.mark.parametrize("truth_px", [27, 30, 34])
def test_between_objects_of_one_class_their_border_counts(truth_px, numbers):
    """Whatever their numbers, and whatever numbers the first outlines have."""
    walk = start_walk(partition_of(LabelGrid(*objects_up_to(30, numbers=(3, 4)))), 1.0)
    labels, objects = objects_up_to(truth_px, numbers=numbers)
    offsets = find_offsets(read_truth(labels, 2, objects=objects), walk, reach_steps=8)
    inner = slice(2, -2)
    np.testing.assert_allclose(offsets[inner], (truth_px - 30) * outward(walk)[inner], atol=0.05)


def test_of_many_objects_every_border_is_found():
    """Eight strips of 8 px: each arc between two of them finds its own border, 2 px off."""
    columns = np.arange(WIDTH) // 8 + 1
    first = np.tile(np.roll(columns, 2), (HEIGHT, 1)).astype(np.int32)
    first[:, :2] = 1
    truth = np.tile(columns, (HEIGHT, 1)).astype(np.int32)
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    walk = start_walk(partition_of(LabelGrid(labels, first)), 1.0)
    offsets = find_offsets(read_truth(labels, 2, objects=truth), walk, reach_steps=8)
    middle = np.abs(walk.points[:, 1] - HEIGHT / 2) < HEIGHT / 2 - 6
    assert middle.sum() > 60
    np.testing.assert_allclose(offsets[middle], -2 * outward(walk)[middle], atol=0.05)


def test_one_true_object_has_no_border_inside():
    labels = np.ones((HEIGHT, WIDTH), np.uint8)
    walk = start_walk(partition_of(LabelGrid(*objects_up_to(30))), 1.0)
    truth = read_truth(labels, 2, objects=labels.astype(np.int32))
    assert np.isnan(find_offsets(truth, walk, reach_steps=8)).all()
