"""Borders between regions that become one go; all others stay, point by point."""

from dataclasses import replace

import numpy as np
import pytest
from grids import GRIDS, draw_grid, find_arc, show_grid
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.partition import dissolve_small_regions, partition_of, rasterize, rasterize_labels
from segfit.partition.dissolve import dissolve_borders
from segfit.partition.planar_map import OUTSIDE


def own_numbers(partition):
    return np.arange(partition.region_count)


def merge_label_into(partition, label, into):
    """Owners where every region of a label goes to the only one of another."""
    owners = own_numbers(partition)
    (heir,) = np.flatnonzero(partition.labels == into)
    owners[partition.labels == label] = heir
    return owners


def describe(partition):
    """What does not depend on the order of arcs, and on where rings begin."""
    lengths = partition.arc_lengths_px.round(9)
    sides = np.sort(partition.sides, axis=1)
    arcs = sorted(zip(*sides.T.tolist(), lengths.tolist(), strict=True))
    areas_px = partition.loop_areas_px.tolist()
    loops = sorted(zip(partition.loop_regions.tolist(), areas_px, strict=True))
    return partition.labels.tolist(), arcs, loops


@settings(deadline=None)
@given(GRIDS, st.integers(0, 4), st.integers(0, 4))
def test_it_is_the_map_of_the_merged_grid(labels, gone, heir):
    """A label painted over by another: regions that come to touch are one region of the grid."""
    partition = partition_of(labels)
    merged = partition_of(np.where(labels == gone, heir, labels))
    owners = own_numbers(partition)
    now = rasterize(merged)[tuple(first_pixels(partition).T)]  # of every former region
    for region in np.unique(now):
        owners[now == region] = np.flatnonzero(now == region)[0]
    found, numbers = dissolve_borders(partition, owners)
    np.testing.assert_array_equal(numbers, now)
    np.testing.assert_array_equal(rasterize(found), rasterize(merged))
    expected = replace(merged, labels=found.labels)
    assert describe(found) == describe(expected)
    assert_is_sound(found)


def first_pixels(partition):
    """Row and column of a pixel of every region, (R, 2)."""
    regions = rasterize(partition)
    _, first = np.unique(regions, return_index=True)
    return np.stack(np.unravel_index(first, regions.shape), axis=1)


def assert_is_sound(partition):
    """Arcs join at their junctions, rings close, and every side of every arc is walked once."""
    assert (partition.sides[:, 0] != partition.sides[:, 1]).all()
    first, last = partition.arc_starts[:-1], partition.arc_starts[1:] - 1
    closed = partition.is_closed
    np.testing.assert_array_equal(partition.points[first[closed]], partition.points[last[closed]])
    places = {}
    for arc in np.flatnonzero(~closed):
        for junction, point in zip(partition.ends[arc], (first[arc], last[arc]), strict=True):
            place = places.setdefault(int(junction), partition.points[point].tolist())
            assert partition.points[point].tolist() == place
    assert sorted(places) == list(range(len(places)))
    walked = sorted(partition.loops.tolist())
    sides = partition.sides
    expected = [arc for arc in range(len(sides)) if sides[arc, 1] != OUTSIDE]
    expected += [~arc for arc in range(len(sides)) if sides[arc, 0] != OUTSIDE]
    assert walked == sorted(expected)


def test_what_stays_keeps_its_places_and_errors():
    """The border of 0 and 1 has a speck on it; where it was, the border's two pieces join."""
    partition = partition_of(draw_grid("0011 0211 0011"))
    points = partition.points.copy()
    inner = (points > 0).all(axis=1) & (points < (4, 3)).all(axis=1)
    points[inner] += 0.25
    errors = 10 * points[:, 0] + points[:, 1]  # every place has an error of its own
    partition = replace(partition, points=points, error_px=errors)
    found, numbers = dissolve_borders(partition, merge_label_into(partition, 2, into=1))
    assert numbers.tolist() == [0, 1, 1]
    border = found.points[np.isin(found.arc_of_point, find_arc(found, 0, 1))]
    expected = [[2, 0], [2.25, 1.25], [1.25, 1.25], [1.25, 2.25], [2.25, 2.25], [2, 3]]
    assert border.tolist() in (expected, expected[::-1])
    np.testing.assert_allclose(found.error_px, 10 * found.points[:, 0] + found.points[:, 1])


def test_nothing_to_dissolve_gives_the_same_map():
    partition = partition_of(draw_grid("0011 0211 0011"))
    found, numbers = dissolve_borders(partition, own_numbers(partition))
    assert describe(found) == describe(partition)
    assert numbers.tolist() == [0, 1, 2]


def test_all_regions_may_become_one():
    partition = partition_of(draw_grid("01020 30405 01020"))
    found, _ = dissolve_borders(partition, np.zeros(partition.region_count, np.int64))
    assert describe(found) == describe(partition_of(np.zeros((3, 5), np.uint8)))


def dissolve(image, min_area_px, **settings):
    partition = partition_of(draw_grid(image))
    found, _ = dissolve_small_regions(partition, min_area_px, **settings)
    return show_grid(rasterize_labels(found)), found.region_count


def test_a_speck_goes_to_the_neighbour_with_the_longest_border():
    assert dissolve("00011 00211 00011", 2) == ("00011 00011 00011", 2)


def test_regions_that_come_to_touch_are_one_unless_they_are_objects():
    image = "11211 11211"
    assert dissolve(image, 3) == ("11111 11111", 1)
    assert dissolve(image, 3, apart=[1]) == ("11111 11111", 2)


@settings(deadline=None)
@given(GRIDS, st.integers(0, 40))
def test_none_is_left_that_is_small_and_large_ones_keep_their_pixels(labels, min_area_px):
    partition = partition_of(labels)
    found, numbers = dissolve_small_regions(partition, min_area_px)
    assert_is_sound(found)
    assert found.region_count == 1 or found.region_areas_px.min() >= min_area_px
    large = partition.region_areas_px >= min_area_px
    kept = large[rasterize(partition)]
    np.testing.assert_array_equal(rasterize_labels(found)[kept], labels[kept])
    np.testing.assert_array_equal(rasterize(found), numbers[rasterize(partition)])


@pytest.mark.parametrize("min_area_px", [0, 6])
def test_objects_that_touch_stay_apart(min_area_px):
    """Two squares of one label, as objects, with a border between them and none of them small."""
    apart = partition_of(draw_grid("1122 1122 1122"))
    objects = replace(apart, labels=np.ones(2, np.uint8))
    found, _ = dissolve_small_regions(objects, min_area_px)
    assert found.region_count == 2
