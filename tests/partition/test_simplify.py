import math
from dataclasses import replace

import numpy as np
import pytest
import shapely
from grids import GRIDS, draw_grid, find_arc
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import LineString, Polygon

from segfit.partition import partition_of, rasterize, simplify_arcs, trace_rings

TOLERANCES = st.sampled_from([0.0, 0.3, 0.8, 2.0, 7.0, 1000.0])


def polygons_of(partition):
    rings = [trace_rings(partition, region) for region in range(partition.region_count)]
    return [Polygon(partition.points[r[0]], [partition.points[h] for h in r[1:]]) for r in rings]


def assert_divides_the_image(partition):
    polygons = polygons_of(partition)
    for polygon in polygons:
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area > 0
    area = math.prod(partition.shape)
    assert sum(polygon.area for polygon in polygons) == pytest.approx(area)
    assert shapely.union_all(polygons).area == pytest.approx(area)


@settings(deadline=None)
@given(GRIDS, TOLERANCES)
def test_neither_gap_nor_overlap_at_any_tolerance(labels, tolerance_px):
    assert_divides_the_image(simplify_arcs(partition_of(labels), tolerance_px))


@settings(deadline=None)
@given(GRIDS, TOLERANCES)
def test_no_arc_moves_further_than_allowed(labels, tolerance_px):
    before = partition_of(labels)
    after = simplify_arcs(before, tolerance_px)
    assert after.arc_count == before.arc_count
    for arc in range(before.arc_count):
        old, new = LineString(before.arc(arc)), LineString(after.arc(arc))
        assert old.hausdorff_distance(new) <= tolerance_px + 1e-9
        assert {tuple(point) for point in after.arc(arc)} <= {tuple(p) for p in before.arc(arc)}


@settings(deadline=None)
@given(GRIDS, TOLERANCES)
def test_ends_edge_and_topology_stay(labels, tolerance_px):
    before = partition_of(labels)
    after = simplify_arcs(before, tolerance_px)
    for name in ("labels", "sides", "ends", "loops", "loop_starts", "loop_regions"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    for arc in range(before.arc_count):
        np.testing.assert_array_equal(after.arc(arc)[[0, -1]], before.arc(arc)[[0, -1]])
        if before.is_edge[arc]:
            np.testing.assert_array_equal(after.arc(arc), before.arc(arc))


@settings(deadline=None)
@given(GRIDS)
def test_no_tolerance_leaves_every_pixel(labels):
    simplified = simplify_arcs(partition_of(labels), 0)
    np.testing.assert_array_equal(simplified.labels[rasterize(simplified)], labels)


def test_a_staircase_becomes_a_line():
    partition = partition_of(draw_grid("0111 0011 0001 0000"))
    arc = find_arc(partition, 0, 1)
    assert len(partition.arc(arc)) == 7
    assert sorted(simplify_arcs(partition, 0.8).arc(arc).tolist()) == [[1, 0], [4, 3]]


def test_a_dent_stays_where_it_is_deeper_than_the_tolerance():
    partition = partition_of(draw_grid("111111 111111 110011 110011 000000 000000"))
    arc = find_arc(partition, 0, 1)
    for tolerance_px, count in ((0.5, 6), (2.0, 2)):
        assert len(simplify_arcs(partition, tolerance_px).arc(arc)) == count


def test_a_closed_arc_keeps_four_points():
    partition = partition_of(draw_grid("000 010 000"))
    (ring,) = trace_rings(simplify_arcs(partition, 1000), 1)
    assert len(ring) == 4


def test_a_strip_between_two_junctions_does_not_collapse():
    # Both its sides, made straight, would be the one line from left to right.
    partition = partition_of(draw_grid("000000 011110 111111 022220 222222 222222"))
    assert_divides_the_image(simplify_arcs(partition, 5))


@pytest.mark.parametrize("height", [1.0, 1e-3])  # the lower one lies between two rows of centres
def test_an_island_stays_on_its_side(height):
    # The straight line across the bay would leave the island in it on the other side.
    bay = "1111111111 1111111111 1100000011 1100000011 1100200011 1100000011 1100000011 0000000000"
    partition = partition_of(draw_grid(bay))
    on_island = partition.is_closed[partition.arc_of_point][:, None]
    flat = partition.points * (1, height) + (0, 4 * (1 - height))
    island = replace(partition, points=np.where(on_island, flat, partition.points))
    assert_divides_the_image(simplify_arcs(island, 8))


def test_a_hole_that_hangs_on_its_region_s_corner_stays_inside():
    # The outline around it and its own outline begin and end at that corner.
    image = "000000 001100 111110 111110 112210 001110 000000 000000 000000"
    assert_divides_the_image(simplify_arcs(partition_of(draw_grid(image)), 6))


def test_errors_stay_with_their_points():
    partition = partition_of(draw_grid("0111 0011 0001 0000"))
    known = replace(partition, error_px=partition.points @ (1.0, 10.0))
    simplified = simplify_arcs(known, 0.8)
    assert len(simplified.points) < len(known.points)
    np.testing.assert_array_equal(simplified.error_px, simplified.points @ (1.0, 10.0))


def test_the_partition_given_stays_as_it_was():
    partition = partition_of(draw_grid("0111 0011 0001 0000"))
    points = partition.points.copy()
    simplify_arcs(partition, 3)
    np.testing.assert_array_equal(partition.points, points)


@settings(deadline=None)
@given(GRIDS, st.floats(0.05, 3), st.integers(0, 2**32 - 1))
def test_borders_between_pixels_are_simplified_as_well(labels, tolerance_px, seed):
    partition = partition_of(labels)
    height, width = partition.shape
    x, y = partition.points.T
    bump = np.sin(np.pi * x / width) * np.sin(np.pi * y / height)
    shift = np.random.default_rng(seed).uniform(-0.3, 0.3, 2)
    assert_divides_the_image(
        simplify_arcs(
            replace(partition, points=partition.points + bump[:, None] * shift), tolerance_px
        )
    )
