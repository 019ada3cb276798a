"""Points along arcs: where they are put, what is beside them, and how they move."""

from dataclasses import replace

import numpy as np
import pytest
from grids import GRIDS, draw_grid, find_arc
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.partition import partition_of
from segfit.partition.arcs import arc_normals, find_tips, move_points, neighbours, resample_arcs

SQUARE = draw_grid("00000 01110 01110 01110 00000")
HALVES = draw_grid("0011 0011 0011 0011")


def test_resampling_keeps_length_on_straight_lines_and_puts_points_evenly():
    resampled = resample_arcs(partition_of(SQUARE), 1.5)
    island = resampled.arc(find_arc(resampled, 0, 1))
    assert len(island) == 9, "12 px in 8 segments, and the first point again"
    np.testing.assert_allclose(np.abs(np.diff(island, axis=0)).sum(axis=1), 1.5)
    np.testing.assert_array_equal(island[0], island[-1])


def test_resampling_leaves_the_images_edge_and_small_loops():
    resampled = resample_arcs(partition_of(draw_grid("000 010 000")), 50.0)
    assert len(resampled.arc(find_arc(resampled, 0, 1))) == 5
    for arc in np.flatnonzero(resampled.is_edge):
        assert len(resampled.arc(arc)) == 2
    assert resampled.region_areas_px.sum() == 9


def test_resampling_takes_errors_along():
    partition = partition_of(HALVES)
    known = replace(partition, error_px=np.arange(len(partition.points), dtype=float))
    arc = find_arc(known, 0, 1)
    first, last = known.arc_starts[arc], known.arc_starts[arc + 1] - 1
    resampled = resample_arcs(known, 1.0)
    start = resampled.arc_starts[arc]
    expected = np.linspace(known.error_px[first], known.error_px[last], 5)
    np.testing.assert_allclose(resampled.error_px[start : start + 5], expected)


def test_neighbours_go_round_a_loop_and_stop_at_a_junction():
    partition = resample_arcs(partition_of(SQUARE), 1.5)
    arc = find_arc(partition, 0, 1)
    start = partition.arc_starts[arc]
    found = neighbours(partition, (-1, 0, 3)) - start
    assert found[start].tolist() == [7, 0, 3]
    assert found[start + 6].tolist() == [5, 6, 1]
    assert found[start + 8].tolist() == [7, 0, 3], "the last point is the first again"
    straight = resample_arcs(partition_of(HALVES), 1.0)
    begin = straight.arc_starts[find_arc(straight, 0, 1)]
    assert (neighbours(straight, (-2, 9)) - begin)[begin + 1].tolist() == [0, 4]


def test_normals_point_from_the_left_region_to_the_right_one():
    partition = resample_arcs(partition_of(HALVES), 1.0)
    arc = find_arc(partition, 0, 1)
    chosen = partition.arc_of_point == arc
    left, _ = partition.labels[partition.sides[arc]]
    expected = [1.0, 0.0] if left == 0 else [-1.0, 0.0]
    np.testing.assert_allclose(arc_normals(partition)[chosen], [expected] * 5, atol=1e-12)


def test_a_straight_border_moves_as_it_is_told_and_its_ends_slide_along_the_edge():
    partition = resample_arcs(partition_of(HALVES), 1.0)
    arc = find_arc(partition, 0, 1)
    left, _ = partition.labels[partition.sides[arc]]
    to_the_right = 0.4 if left == 0 else -0.4
    normals = arc_normals(partition)
    count = len(partition.points)
    moved = move_points(partition, normals, np.full(count, to_the_right), np.full(count, 0.1))
    x, y = moved.arc(arc).T
    np.testing.assert_allclose(x[1:-1], 2.4)
    np.testing.assert_allclose(x[[0, -1]], 2.4, atol=0.03)  # they resist a little
    assert sorted(y[[0, -1]]) == [0, 4], "the ends stay on the image's edge"
    np.testing.assert_allclose(np.sort(moved.region_areas_px), [4 * 1.6, 4 * 2.4], atol=0.05)
    assert moved.error_px[moved.arc_of_point == arc][1] == 0.1


def test_a_junction_goes_where_its_arcs_would_have_it():
    # Three regions meet at (2, 2): 0 above, 1 and 2 below it.
    partition = resample_arcs(partition_of(draw_grid("0000 0000 1122 1122")), 1.0)
    normals, count = arc_normals(partition), len(partition.points)
    down, right = np.array([0.0, 0.3]), np.array([0.2, 0.0])
    offsets = normals @ (down + right)  # what a shift of the whole image would look like
    moved = move_points(partition, normals, offsets, np.full(count, 0.1))
    tips, junctions = find_tips(moved)
    inner = [tip for tip in tips if (np.abs(partition.points[tip] - 2) < 0.1).all()]
    assert len(inner) == 3
    for tip in inner:
        np.testing.assert_allclose(moved.points[tip], [2.2, 2.3], atol=0.03)
    assert len(set(junctions[np.isin(tips, inner)])) == 1


@settings(deadline=None)
@given(GRIDS, st.integers(0, 2**32 - 1), st.sampled_from([1.0, 2.0, 4.0]))
def test_whatever_moves_neighbours_stay_joined(grid, seed, step_px):
    partition = resample_arcs(partition_of(grid), 1.5 * step_px)
    rng, count = np.random.default_rng(seed), len(partition.points)
    moved = move_points(
        partition, arc_normals(partition), rng.normal(0, step_px, count), np.full(count, 0.5)
    )
    tips, junctions = find_tips(moved)
    for junction in np.unique(junctions):
        places = moved.points[tips[junctions == junction]]
        assert (places == places[0]).all()
    assert moved.region_areas_px.sum() == pytest.approx(grid.size)
    height, width = grid.shape
    assert (moved.points >= 0).all()
    assert (moved.points <= [width, height]).all()
