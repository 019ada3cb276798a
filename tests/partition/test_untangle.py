"""Moves that tangle arcs up are taken back, there and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest
from grids import GRIDS, draw_grid, find_arc
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.errors import SegfitError
from segfit.partition import partition_of, rasterize, smooth_arcs
from segfit.partition.arcs import arc_normals, move_points, resample_arcs
from segfit.partition.crossings import find_crossings
from segfit.partition.untangle import find_tangled_points, give_way, untangle

STRIPES = draw_grid(" ".join(["0000111222"] * 12))


def shift_arc(partition, arc, chosen, by):
    points = partition.points.copy()
    points[np.flatnonzero(partition.arc_of_point == arc)[chosen]] += by
    return replace(partition, points=points, error_px=np.zeros(len(points)))


def test_nothing_crosses_at_first():
    assert len(find_crossings(partition_of(STRIPES))) == 0
    assert not find_tangled_points(partition_of(STRIPES)).any()


def test_a_dent_across_the_neighbour_goes_back_and_the_rest_stays_moved():
    before = partition_of(STRIPES)
    resampled = resample_arcs(before, 1.0)
    arc = find_arc(resampled, 0, 1)
    moved = shift_arc(resampled, arc, slice(1, -1), [0.3, 0.0])
    moved = shift_arc(moved, arc, [10], [4.0, 0.0])
    assert len(find_crossings(moved)) == 2
    result, put_back = untangle(before, resampled, moved)
    assert not find_tangled_points(result).any()
    x = result.arc(arc)[:, 0]
    assert put_back > 0
    assert x.max() < 7, "the dent is gone"
    np.testing.assert_allclose(x[2:6], 4.3)


def test_an_island_that_jumped_out_of_its_region_comes_back():
    before = partition_of(draw_grid("0000000000 0200001111 0000001111 0000001111"))
    resampled = resample_arcs(before, 1.0)
    island = find_arc(resampled, 0, 2)
    moved = shift_arc(resampled, island, slice(None), [7.0, 1.0])
    assert len(find_crossings(moved)) == 0, "no line crosses another, and yet it is wrong"
    result, put_back = untangle(before, resampled, moved)
    assert put_back >= 4
    np.testing.assert_array_equal(result.arc(island), before.arc(island))


def test_a_loop_inside_out_comes_back():
    before = partition_of(draw_grid("00000 01110 01110 01110 00000"))
    resampled = resample_arcs(before, 1.0)
    island = find_arc(resampled, 0, 1)
    points = resampled.points.copy()
    chosen = resampled.arc_of_point == island
    points[chosen] = 5 - points[chosen][:, ::-1]
    moved = replace(resampled, points=points)
    result, _ = untangle(before, resampled, moved)
    assert result.region_areas_px.tolist() == [16, 9]


def test_ends_that_slid_past_each_other_on_the_images_edge_come_back():
    before = partition_of(STRIPES)
    resampled = resample_arcs(before, 1.0)
    points = resampled.points.copy()
    bottom = (points == [4, 12]).all(axis=1)
    points[bottom] = [7.5, 12]  # behind the other border's end at (7, 12), and no row sees it
    moved = replace(resampled, points=points)
    result, put_back = untangle(before, resampled, moved)
    assert put_back > 0
    np.testing.assert_array_equal(result.points[bottom], resampled.points[bottom])


@pytest.mark.parametrize("begin", [0, 8, 15, 40])
def test_an_arc_gives_way_to_one_that_stays(begin):
    labels = np.zeros((24, 34), np.uint8)
    labels[6:18, 4:16], labels[6:18, 18:30] = 1, 2
    before = partition_of(labels)
    resampled = resample_arcs(before, 1.0)
    stays, gives = find_arc(resampled, 0, 1), find_arc(resampled, 0, 2)
    points, is_own = resampled.points.copy(), resampled.arc_of_point == gives
    ring = np.roll(resampled.arc(gives)[:-1], begin, axis=0)  # wherever it begins
    points[is_own] = np.concatenate([ring, ring[:1]])
    middle = abs(points[:, 1] - 12) < 4
    bulge, dent = middle & (points[:, 0] == 16), middle & (points[:, 0] == 18)
    points[bulge], points[dent] = points[bulge] + [1.6, 0.0], points[dent] - [0.9, 0.0]
    moved = replace(resampled, points=points, error_px=np.zeros(len(points)))
    assert find_tangled_points(moved).any()
    before_it = points.copy()
    changed = give_way(before, moved, np.arange(moved.arc_count) == stays)
    assert not find_tangled_points(moved).any()
    assert (changed <= is_own).all()
    np.testing.assert_array_equal(moved.points[~changed], before_it[~changed])
    assert moved.error_px[changed].max() == pytest.approx(0.9)
    assert not moved.error_px[~changed].any()
    assert not give_way(before, moved, np.arange(moved.arc_count) == stays).any()


def test_arcs_that_give_way_one_after_the_other_stay_apart():
    labels = np.zeros((34, 34), np.uint8)
    labels[4:30, 4:16], labels[6:14, 18:30], labels[20:28, 18:30] = 1, 2, 3
    before = partition_of(labels)
    moved = resample_arcs(before, 1.0)
    stays, *give = (find_arc(moved, 0, label) for label in (1, 2, 3))
    assert give[1] == give[0] + 1
    points = moved.points.copy()
    for arc in give:  # which ends, and begins, where it is in the way
        ring = np.roll(moved.arc(arc)[:-1], -4, axis=0)
        points[moved.arc_of_point == arc] = np.concatenate([ring, ring[:1]])
    points[(points[:, 0] == 16) & (abs(points[:, 1] - 17) < 12)] += [1.6, 0.0]
    near = (points[:, 0] == 18) & (abs(points[:, 1] - 17) < 10) & (abs(points[:, 1] - 17) > 4)
    points[near] -= [0.9, 0.0]
    moved = replace(moved, points=points)
    assert find_tangled_points(moved).any()
    give_way(before, moved, np.arange(moved.arc_count) == stays)
    assert not find_tangled_points(moved).any()
    for arc in give:
        np.testing.assert_array_equal(moved.arc(arc).min(axis=0), before.arc(arc).min(axis=0))
        np.testing.assert_array_equal(moved.arc(arc).max(axis=0), before.arc(arc).max(axis=0))


def test_a_move_that_is_fine_is_left_alone():
    before = partition_of(STRIPES)
    resampled = resample_arcs(before, 1.0)
    moved = shift_arc(resampled, find_arc(resampled, 1, 2), slice(1, -1), [-0.7, 0.0])
    result, put_back = untangle(before, resampled, moved)
    assert put_back == 0
    assert result is moved


@settings(deadline=None)
@given(GRIDS, st.integers(0, 2**32 - 1))
def test_after_any_move_no_arc_crosses_and_every_region_is_where_it_belongs(grid, seed):
    partition, rng = partition_of(grid), np.random.default_rng(seed)
    for step_px in (4.0, 1.0):
        resampled = resample_arcs(partition, 1.5 * step_px)
        count = len(resampled.points)
        offsets = rng.normal(0, step_px, count)
        closed = resampled.is_closed
        offsets[resampled.arc_starts[1:][closed] - 1] = offsets[resampled.arc_starts[:-1][closed]]
        moved = move_points(resampled, arc_normals(resampled), offsets, np.full(count, 0.5))
        partition, _ = untangle(partition, resampled, moved)
        assert not find_tangled_points(partition).any()
        assert (partition.region_areas_px > 0).all()
        assert partition.region_areas_px.sum() == pytest.approx(grid.size)
        assert rasterize(partition).shape == grid.shape


def test_a_map_that_is_tangled_from_the_beginning_is_refused_with_the_place():
    before = partition_of(STRIPES)
    tangled = shift_arc(before, find_arc(before, 0, 1), [0], [5.0, 0.0])
    with pytest.raises(
        SegfitError, match=r"cross or are inside out at \d+ of its .*\(9\.0, 0\.0\)"
    ):
        untangle(tangled, tangled, tangled)
    with pytest.raises(SegfitError, match="partition_of"):
        smooth_arcs(tangled, 2)


@given(GRIDS, st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.6, 2.0]))
def test_a_quick_look_finds_crossings_where_a_search_does(labels, seed, largest_px):
    resampled = resample_arcs(partition_of(labels), 1.0)
    offsets = np.random.default_rng(seed).uniform(-largest_px, largest_px, len(resampled.points))
    moved = move_points(resampled, arc_normals(resampled), offsets, np.abs(offsets))
    quick = find_crossings(moved)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("segfit.partition.crossings._meet_at_ends", lambda _: False)
        np.testing.assert_array_equal(quick, find_crossings(moved))
