from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import shapely
from grids import GRIDS, SMALL_GRIDS, draw_grid, find_arc
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.partition import OUTSIDE, partition_of, rasterize


def measure_ring(ring):
    """Area by the shoelace formula, positive clockwise on the screen."""
    x, y = ring.T
    return (x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def walk_arc(partition, signed):
    """Points of an arc in the direction of the walk."""
    return partition.arc(signed) if signed >= 0 else partition.arc(~signed)[::-1]


def split_loops(partition):
    return np.split(partition.loops, partition.loop_starts[1:-1])


@settings(deadline=None)
@given(GRIDS)
def test_polygons_have_the_areas_of_their_pixels(labels):
    partition = partition_of(labels)
    areas = [
        sum(measure_ring(ring) for ring in partition.polygon(region))
        for region in range(partition.region_count)
    ]
    np.testing.assert_array_equal(areas, np.bincount(rasterize(partition).ravel()))
    np.testing.assert_array_equal(areas, partition.region_areas_px)
    assert sum(areas) == labels.size


@settings(deadline=None)
@given(GRIDS)
def test_each_region_has_one_outer_loop_and_it_comes_first(labels):
    partition = partition_of(labels)
    for region in range(partition.region_count):
        areas = [measure_ring(ring) for ring in partition.polygon(region)]
        assert areas[0] > 0
        assert all(area < 0 for area in areas[1:])


@settings(deadline=None)
@given(GRIDS)
def test_loops_follow_each_other_by_region(labels):
    partition = partition_of(labels)
    assert np.unique(partition.loop_regions).tolist() == list(range(partition.region_count))
    assert (np.diff(partition.loop_regions) >= 0).all()
    assert partition.loop_starts[0] == 0
    assert partition.loop_starts[-1] == len(partition.loops)
    assert len(partition.loop_starts) == len(partition.loop_regions) + 1
    loops = [
        loop for region in range(partition.region_count) for loop in partition.loops_of(region)
    ]
    assert loops == list(range(len(partition.loop_regions)))


@settings(deadline=None)
@given(GRIDS)
def test_neighbours_share_arcs(labels):
    partition = partition_of(labels)
    uses = Counter(partition.loops.tolist())
    for arc, (left, right) in enumerate(partition.sides.tolist()):
        assert left != right
        # Forwards for the region on its right, backwards for the one on its left.
        assert uses.pop(arc, 0) == (right != OUTSIDE)
        assert uses.pop(~arc, 0) == (left != OUTSIDE)
        assert partition.is_edge[arc] == (OUTSIDE in (left, right))
    assert not uses


@settings(deadline=None)
@given(GRIDS)
def test_loops_are_closed_walks_with_their_region_on_the_right(labels):
    partition = partition_of(labels)
    for region, loop in zip(partition.loop_regions, split_loops(partition), strict=True):
        for signed, following in zip(loop, np.roll(loop, -1), strict=True):
            walked = walk_arc(partition, signed)
            assert (walked[-1] == walk_arc(partition, following)[0]).all()
            sides = partition.sides[max(signed, ~signed)]
            assert (sides[1] if signed >= 0 else sides[0]) == region


@settings(deadline=None)
@given(GRIDS)
def test_arcs_meet_at_junctions(labels):
    partition = partition_of(labels)
    height, width = labels.shape
    corners = {(0, 0), (width, 0), (0, height), (width, height)}
    places, arcs_at = {}, Counter()
    for index, ends in enumerate(partition.ends.tolist()):
        points = [tuple(point) for point in partition.arc(index).tolist()]
        if partition.is_closed[index]:
            assert ends == [-1, -1]
            assert points[0] == points[-1]
            continue
        for junction, point in zip(ends, (points[0], points[-1]), strict=True):
            assert places.setdefault(junction, point) == point
            arcs_at[point] += 1
    assert sorted(places) == list(range(len(places)))
    assert len(set(places.values())) == len(places)
    assert corners <= set(places.values())
    assert all(count == 2 for point, count in arcs_at.items() if point in corners)
    assert all(count in (3, 4) for point, count in arcs_at.items() if point not in corners)


@settings(deadline=None)
@given(GRIDS)
def test_arcs_touch_nowhere_but_at_junctions(labels):
    partition = partition_of(labels)
    inner = np.ones(len(partition.points), bool)
    inner[partition.arc_starts[1:] - 1] = False
    inner[partition.arc_starts[:-1][~partition.is_closed]] = False
    points = [tuple(point) for point in partition.points[inner].tolist()]
    assert len(set(points)) == len(points)
    ends = partition.points[partition.arc_starts[:-1][~partition.is_closed]].tolist()
    assert not set(points) & {tuple(point) for point in ends}


@settings(deadline=None)
@given(GRIDS)
def test_segments_and_arcs_of_points(labels):
    partition = partition_of(labels)
    pairs = [
        pair
        for index in range(partition.arc_count)
        for pair in zip(partition.arc(index)[:-1], partition.arc(index)[1:], strict=True)
    ]
    begins = partition.segments
    np.testing.assert_array_equal(
        np.stack([partition.points[begins], partition.points[begins + 1]], axis=1), pairs
    )
    for index in range(partition.arc_count):
        chosen = partition.points[partition.arc_of_point == index]
        np.testing.assert_array_equal(chosen, partition.arc(index))


@settings(deadline=None)
@given(SMALL_GRIDS, st.integers(0, 2**32 - 1))
def test_moved_points_take_area_from_one_region_to_another(labels, seed):
    partition = partition_of(labels)
    height, width = labels.shape
    places, of_point = np.unique(partition.points, axis=0, return_inverse=True)
    on_edge = ((places == 0) | (places == (width, height))).any(axis=1)
    places = places + np.random.default_rng(seed).normal(size=places.shape) * ~on_edge[:, None]
    moved = replace(partition, points=places[of_point.ravel()])
    areas = [
        sum(measure_ring(ring) for ring in moved.polygon(region))
        for region in range(moved.region_count)
    ]
    np.testing.assert_allclose(moved.region_areas_px, areas, atol=1e-9)
    assert sum(areas) == pytest.approx(labels.size)


def to_shapely(partition, region):
    """The region as shapely's polygon; a ring that touches itself is no mistake here."""
    outer, *holes = partition.polygon(region)
    polygon = shapely.Polygon(outer, holes)
    valid = shapely.make_valid(polygon)
    assert valid.area == polygon.area
    return valid


@settings(deadline=None)
@given(GRIDS)
def test_shapely_finds_the_image_filled_without_overlap(labels):
    partition = partition_of(labels)
    polygons = [to_shapely(partition, region) for region in range(partition.region_count)]
    np.testing.assert_array_equal(shapely.area(polygons), partition.region_areas_px)
    # The sum of the areas is the image's, and so is their union's: none lies on another.
    union = shapely.union_all(polygons)
    assert union.area == labels.size
    assert union.equals(shapely.box(0, 0, *labels.shape[::-1]))


@settings(deadline=None, max_examples=50)
@given(SMALL_GRIDS)
def test_shapely_finds_no_two_regions_on_each_other(labels):
    partition = partition_of(labels)
    polygons = [to_shapely(partition, region) for region in range(partition.region_count)]
    for first, second in combinations(polygons, 2):
        assert shapely.intersection(first, second).area == 0


def test_two_halves():
    partition = partition_of(draw_grid("01 01"))
    arc = find_arc(partition, 0, 1)
    assert partition.arc_count == 7
    assert partition.region_count == 2
    assert partition.arc(arc).tolist() == [[1, 0], [1, 2]]
    # On the way down, the screen's right-hand side is on the left.
    assert partition.labels[partition.sides[arc]].tolist() == [1, 0]
    assert np.flatnonzero(~partition.is_edge).tolist() == [arc]
    assert not partition.is_closed.any()
    assert partition.region_areas_px.tolist() == [2, 2]
    assert arc in partition.loops[slice(*partition.loop_starts[:2])]
    assert ~arc in partition.loops[slice(*partition.loop_starts[1:3])]


def test_rings_do_not_repeat_their_first_point():
    partition = partition_of(draw_grid("000 010 000"))
    assert [len(ring) for ring in partition.polygon(0)] == [4, 4]
    assert [len(ring) for ring in partition.polygon(1)] == [4]


def test_moved_arc_moves_both_of_its_regions():
    partition = partition_of(draw_grid("0000 0110 0110 0000"))
    right = partition.points[:, 0] == 3
    inner = ~partition.is_edge[partition.arc_of_point]
    points = partition.points.copy()
    points[right & inner, 0] = 3.3
    moved = replace(partition, points=points)
    assert moved.region_areas_px == pytest.approx([12 - 0.6, 4 + 0.6])
    hole, island = moved.polygon(0)[1], moved.polygon(1)[0]
    assert {tuple(point) for point in hole} == {tuple(point) for point in island}


def test_errors_grow_with_the_image_in_the_direction_across_the_border():
    """An upright border and a level one, each ± 1 px, in an image three times as wide."""
    upright, level = draw_grid("0011 0011 0011"), draw_grid("0000 1111")
    for labels, factor in ((upright, 3.0), (level, 1.0)):
        partition = partition_of(labels)
        partition = replace(partition, error_px=np.ones(len(partition.points)))
        wide = partition.stretch((len(labels), 12))
        border = wide.arc_of_point == find_arc(wide, 0, 1)
        np.testing.assert_allclose(wide.error_px[border], factor)
    twice = partition.stretch((4, 8))
    np.testing.assert_allclose(twice.error_px, 2.0)
