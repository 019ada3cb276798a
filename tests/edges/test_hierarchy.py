"""Regions within regions, from maps whose borders are known."""

import numpy as np
import pytest

from segfit.edges import build_hierarchy


def draw_rooms(weak=0.2, strong=0.8):
    """Three rooms beside each other: a weak wall, then a strong one."""
    strength = np.zeros((30, 60), np.float32)
    strength[:, 20], strength[:, 40] = weak, strong
    return strength


def count_regions(hierarchy, strength):
    return int(hierarchy.cut(strength).max()) + 1


@pytest.mark.parametrize(("strength", "regions"), [(0.1, 3), (0.5, 2), (0.95, 1)])
def test_weak_borders_give_way_first(strength, regions):
    assert count_regions(build_hierarchy(draw_rooms()), strength) == regions


def test_the_strong_wall_is_where_it_is():
    regions = build_hierarchy(draw_rooms()).cut(0.5)
    assert len(np.unique(regions[:, :39])) == 1
    assert len(np.unique(regions[:, 42:])) == 1
    assert regions[0, 0] != regions[0, -1]


def test_borders_give_way_at_the_strength_of_the_walls():
    heights = build_hierarchy(draw_rooms()).heights
    assert heights[-2:] == pytest.approx([0.2, 0.8], abs=0.05)
    assert (heights[:-2] == 0).all()


def test_cuts_are_nested():
    rng = np.random.default_rng(0)
    noise = rng.random((40, 50)).astype(np.float32)
    hierarchy = build_hierarchy(noise)
    assert (np.diff(hierarchy.heights[(len(hierarchy.parents) + 1) // 2 :]) >= 0).all()
    before = hierarchy.cut(0.0)
    assert before.max() == hierarchy.finest.max()
    for strength in (0.3, 0.45, 0.6, 2.0):
        regions = hierarchy.cut(strength)
        pairs = np.unique(np.stack([before.ravel(), regions.ravel()]), axis=1)
        assert len(pairs[0]) == len(np.unique(pairs[0]))  # each lies in one of the next
        before = regions
    assert before.max() == 0


def test_the_mean_along_a_border_counts_not_its_weakest_point():
    strength = draw_rooms(strong=0.8)
    strength[14:16, 40] = 0.0  # a gap
    hierarchy = build_hierarchy(strength)
    assert count_regions(hierarchy, 0.5) == 2


def test_a_flat_map_is_one_region():
    hierarchy = build_hierarchy(np.zeros((9, 9), np.float32))
    assert hierarchy.cut(0.1).max() == 0
