"""Pixels that point to centres become objects."""

import cv2
import numpy as np
import pytest

from segfit.classification.grouping import find_meetings, group_objects
from segfit.partition import LabelGrid, partition_of

CELLS = (0.5, 0.5)
"""Two labels per cell and side."""


def draw_discs(centres, *, shape=(48, 64), radius=9.0):
    """Numbers of discs about centres (x, y), each pixel belonging to the nearest one."""
    rows, columns = np.indices(shape) + 0.5
    distances = np.stack([np.hypot(columns - x, rows - y) for x, y in centres])
    nearest = distances.argmin(axis=0) + 1
    return np.where(distances.min(axis=0) < radius, nearest, 0).astype(np.int32)


def point_to(objects, *, stride=2):
    """Offsets (2, h, w) from every cell to its object's centre, in cells."""
    cells = objects[stride // 2 :: stride, stride // 2 :: stride]
    down, right = np.indices(cells.shape) + 0.5
    offsets = np.zeros((2, *cells.shape), np.float32)
    for number in np.unique(objects[objects > 0]):
        rows, columns = np.nonzero(objects == number)
        inside = cells == number
        offsets[0, inside] = (columns.mean() + 0.5) / stride - right[inside]
        offsets[1, inside] = (rows.mean() + 0.5) / stride - down[inside]
    return offsets


def same_division(first, second):
    """Whether two grids of numbers divide the pixels alike, whatever the numbers are."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    return len(pairs[0]) == len(np.unique(first)) == len(np.unique(second))


def group(*arguments, **options):
    """Labels and objects of the grid that ``group_objects`` gives."""
    grid = group_objects(*arguments, **options)
    return grid.labels, grid.objects


@pytest.mark.parametrize(
    "centres",
    [
        [(20, 20)],
        [(14, 14), (34, 14), (24, 35), (46, 30)],
        [(0, 0), (63, 47)],  # cut by the image's edge
    ],
)
def test_objects_apart_are_found_exactly(centres):
    truth = draw_discs(centres)
    labels, objects = group(
        (truth > 0).astype(np.uint8), (1,), point_to(truth), cells_per_label=CELLS
    )
    assert same_division(objects, truth)
    np.testing.assert_array_equal(labels, truth > 0)


def test_touching_objects_are_divided_where_they_meet():
    truth = draw_discs([(16, 20), (32, 22)])
    _, objects = group((truth > 0).astype(np.uint8), (1,), point_to(truth), cells_per_label=CELLS)
    inner = cv2.erode((truth == 1).astype(np.uint8), np.ones((5, 5))) > 0
    inner |= cv2.erode((truth == 2).astype(np.uint8), np.ones((5, 5))) > 0
    assert same_division(objects * inner, truth * inner)  # but for a cell at their border
    assert len(np.unique(objects)) == 3


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_a_cell_changes_nothing_but_the_border(seed):
    rng = np.random.default_rng(seed)
    truth = draw_discs([(14, 20), (31, 20), (48, 24)])
    offsets = point_to(truth) + rng.normal(0, 0.6, (2, 24, 32)).astype(np.float32)
    _, objects = group((truth > 0).astype(np.uint8), (1,), offsets, cells_per_label=CELLS)
    assert len(np.unique(objects)) == 4
    # A pixel's number is that which most of its true object has.
    for number in (1, 2, 3):
        found = objects[truth == number]
        assert np.bincount(found).max() > 0.9 * len(found)


def test_nothing_gives_nothing():
    labels, objects = group(
        np.zeros((6, 8), np.uint8), (1,), np.zeros((2, 3, 4), np.float32), cells_per_label=CELLS
    )
    assert not labels.any()
    assert not objects.any()
    assert objects.shape == (6, 8)


def test_everything_may_be_one_object():
    truth = np.ones((20, 20), np.int32)
    _, objects = group(truth.astype(np.uint8), (1,), point_to(truth), cells_per_label=CELLS)
    assert (objects == objects[0, 0]).all()
    assert objects[0, 0] > 0


def test_objects_are_connected_and_specks_go_to_a_neighbour():
    truth = draw_discs([(16, 20), (44, 22)])
    labels = (truth > 0).astype(np.uint8)
    labels[2, 60] = 1  # a speck, smaller than an object can be
    offsets = point_to(truth)
    offsets[0, 7:10, 6:9] += 14  # cells inside the first disc that point to the second
    labels, objects = group(labels, (1,), offsets, cells_per_label=CELLS)
    partition = partition_of(LabelGrid(labels, objects))
    assert np.count_nonzero(partition.labels == 1) == len(np.unique(objects)) - 1 == 2
    assert labels[2, 60] == 0
    np.testing.assert_array_equal(objects > 0, labels == 1)


def test_things_are_grouped_class_by_class_and_stuff_stays():
    """A nucleus in the middle of its cell is an object, though both have one centre."""
    cell = draw_discs([(24, 20)], radius=15.0)
    nucleus = draw_discs([(24, 20)], radius=6.0)
    labels = np.where(nucleus, 2, cell).astype(np.uint8)
    labels[42:] = 3  # stuff
    found, objects = group(labels, (1, 2), point_to(cell), cells_per_label=CELLS)
    np.testing.assert_array_equal(found, labels)
    assert not objects[labels == 3].any()
    assert not objects[labels == 0].any()
    numbers = [np.unique(objects[labels == index]).tolist() for index in (1, 2)]
    assert [len(one) for one in numbers] == [1, 1]
    assert numbers[0] != numbers[1]


def test_a_part_away_from_all_objects_is_one():
    """A block whose pixels are led to another object's centre, but that touches none."""
    truth = draw_discs([(16, 20)])
    labels = (truth > 0).astype(np.uint8)
    labels[30:40, 40:50] = 1
    offsets = point_to(truth)
    down, right = np.indices((24, 32)) + 0.5
    offsets[:, 15:20, 20:25] = np.stack([8 - right, 10 - down])[:, 15:20, 20:25]
    found, objects = group(labels, (1,), offsets, cells_per_label=CELLS)
    np.testing.assert_array_equal(found, labels)
    assert len(np.unique(objects)) == 3
    assert len(np.unique(objects[30:40, 40:50])) == 1


@pytest.mark.parametrize("share", [0.9, 0.97, 1.0])
def test_a_round_object_is_one_though_its_pixels_stop_short_of_the_centre(share):
    """Offsets that are a little too short make a ring of equal peaks, of which one counts."""
    truth = draw_discs([(24, 24)], radius=6.0)
    _, objects = group(truth.astype(np.uint8), (1,), share * point_to(truth), cells_per_label=CELLS)
    assert len(np.unique(objects)) == 2


def test_points_that_never_meet_are_given_to_the_densest_place():
    ends = np.array([[1.0, 30.0], [1.0, 20.0]], np.float32)
    assert len(find_meetings(ends, (24, 32), area_cells=0.25, spread_cells=1.0)) == 2
