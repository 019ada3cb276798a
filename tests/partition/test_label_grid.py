import numpy as np
import pytest

from segfit.partition import LabelGrid, merge_loose_pieces, partition_of, rasterize

LABELS = np.uint8([[0, 1, 1, 1], [2, 1, 1, 1], [2, 2, 2, 2]])
OBJECTS = np.int32([[0, 5, 5, 70_000], [0, 5, 70_000, 70_000], [0, 0, 0, 0]])


def test_codes_say_both_labels_and_objects():
    grid = LabelGrid(LABELS, OBJECTS)
    again = grid.with_codes(grid.codes)
    np.testing.assert_array_equal(again.labels, LABELS)
    np.testing.assert_array_equal(again.objects, OBJECTS)
    assert (again.labels.dtype, again.objects.dtype) == (np.uint8, np.int32)
    assert grid.shape == (3, 4)


def test_without_objects_the_labels_are_the_codes():
    grid = LabelGrid(LABELS)
    assert grid.codes is LABELS
    assert grid.with_codes(LABELS + 1).objects is None


def test_objects_of_one_class_are_regions_that_share_an_arc():
    partition = partition_of(LabelGrid(LABELS, OBJECTS))
    assert sorted(partition.labels.tolist()) == [0, 1, 1, 2]
    alike = partition.labels[partition.sides[~partition.is_edge]]
    assert (alike == 1).all(axis=1).sum() == 1
    regions = rasterize(partition)
    np.testing.assert_array_equal(partition.labels[regions], LABELS)
    assert regions[0, 1] == regions[1, 1] != regions[0, 3] == regions[1, 2]


@pytest.mark.parametrize(
    ("objects", "least", "left"),
    [
        # The second piece of object 1 goes to object 2, with which it has the longest border.
        ([[1, 1, 2, 2], [1, 1, 2, 1], [1, 1, 2, 2]], 0, [[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 2, 2]]),
        # A small object goes to its neighbour; one that is alone in the image stays.
        ([[1, 1, 1, 1], [1, 3, 1, 1], [1, 1, 1, 1]], 2, [[1] * 4] * 3),
        ([[3, 3], [3, 3]], 9, [[1, 1], [1, 1]]),
        # What is no object stays however small it is.
        ([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]], 2, [[1, 1, 1, 1], [1, 0, 1, 1], [1] * 4]),
        # A piece away from all objects is one of its own, unless it is too small.
        ([[1, 0, 0], [0, 0, 0], [0, 1, 1]], 0, [[1, 0, 0], [0, 0, 0], [0, 2, 2]]),
        ([[1, 0, 0], [0, 0, 0], [0, 1, 1]], 2, [[0, 0, 0], [0, 0, 0], [0, 1, 1]]),
    ],
)
def test_loose_pieces_go_to_an_object_or_are_one(objects, least, left):
    grid = LabelGrid(np.zeros(np.shape(objects), np.uint8), np.int32(objects))
    merged = merge_loose_pieces(grid, least)
    np.testing.assert_array_equal(merged.objects, left)
    assert not merged.labels.any()
    assert (merged.labels.dtype, merged.objects.dtype) == (np.uint8, np.int32)


def test_an_object_that_goes_to_another_takes_its_class():
    labels = np.uint8([[1, 1, 1], [1, 2, 1], [1, 1, 1]])
    merged = merge_loose_pieces(LabelGrid(labels, np.int32(labels)), 2)
    np.testing.assert_array_equal(merged.labels, np.ones((3, 3)))
    np.testing.assert_array_equal(merged.objects, np.ones((3, 3)))


@pytest.mark.parametrize("seed", range(20))
def test_every_object_is_one_region_afterwards(seed):
    rng = np.random.default_rng(seed)
    objects = rng.integers(0, 4, (12, 15)).astype(np.int32)
    labels = np.where(objects > 0, 1, rng.integers(2, 4, objects.shape)).astype(np.uint8)
    merged = merge_loose_pieces(LabelGrid(labels, objects), 5)
    partition, numbers = partition_of(merged), merged.objects
    is_object = partition.labels == 1
    assert is_object.sum() == numbers.max() == len(np.unique(numbers[numbers > 0]))
    assert partition.region_areas_px[is_object].min(initial=5) >= 5
    np.testing.assert_array_equal(numbers > 0, merged.labels == 1)
