"""Arcs smoothed once for both their regions."""

import numpy as np
import pytest
from grids import SMALL_GRIDS
from hypothesis import given, settings

from segfit.geometry import measure_area
from segfit.partition import partition_of, rasterize, smooth_arcs, trace_rings


def draw_disc(radius=20):
    rows, columns = np.indices((60, 60))
    return (np.hypot(rows + 0.5 - 30, columns + 0.5 - 30) < radius).astype(np.uint8)


def ring_of(partition):
    (ring,) = trace_rings(partition, int(np.flatnonzero(partition.labels == 1)[0]))
    return partition.points[ring]


def test_a_disc_becomes_round_and_does_not_shrink():
    stairs = partition_of(draw_disc())
    smooth = smooth_arcs(stairs, 10)
    radii = [np.hypot(*(ring_of(one) - 30).T) for one in (stairs, smooth)]
    assert radii[1].std() < 0.6 * radii[0].std()
    areas = [measure_area(ring_of(one)) for one in (stairs, smooth)]
    assert areas[1] == pytest.approx(areas[0], rel=0.01)


def test_length_comes_near_to_the_circles():
    points = ring_of(smooth_arcs(partition_of(draw_disc()), 10))
    length = np.hypot(*(np.roll(points, -1, axis=0) - points).T).sum()
    assert length == pytest.approx(2 * np.pi * 20, rel=0.04)


@given(SMALL_GRIDS)
@settings(deadline=None)
def test_every_pixel_still_has_one_region_and_the_edge_stays(labels):
    partition = partition_of(labels)
    smooth = smooth_arcs(partition, 3)
    height, width = partition.shape
    regions = rasterize(smooth)
    assert regions.shape == (height, width)
    assert set(np.unique(regions)) <= set(range(partition.region_count))
    on_edge = partition.is_edge[partition.arc_of_point]
    np.testing.assert_array_equal(smooth.points[on_edge], partition.points[on_edge])


def test_no_rounds_change_nothing():
    partition = partition_of(draw_disc())
    np.testing.assert_array_equal(smooth_arcs(partition, 0).points, partition.points)
