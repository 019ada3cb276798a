"""Arcs smoothed once for both their regions."""

import numpy as np
import pytest
from grids import SMALL_GRIDS
from hypothesis import given, settings

from segfit.basics.geometry import measure_area
from segfit.partition import partition_of, rasterize, smooth_arcs, trace_rings


def draw_disc(radius=20.0):
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


@pytest.mark.parametrize(("height", "width"), [(30, 30), (15, 40), (3, 5), (1, 30), (1, 1)])
def test_rectangles_along_the_pixels_keep_their_size_and_place(height, width):
    labels = np.zeros((60, 60), np.uint8)
    labels[10 : 10 + height, 12 : 12 + width] = 1
    ring = ring_of(smooth_arcs(partition_of(labels), 5))
    assert measure_area(ring) == pytest.approx(height * width, rel=0.02 if height > 1 else 0.2)
    middle = (ring.min(axis=0) + ring.max(axis=0)) / 2
    np.testing.assert_allclose(middle, (12 + width / 2, 10 + height / 2), atol=0.05)
    assert np.ptp(ring, axis=0) == pytest.approx((width, height), rel=0.2 if height < 5 else 0.04)


@pytest.mark.parametrize("radius", [1.5, 2.5, 4, 7])
def test_small_discs_do_not_shrink(radius):
    stairs = partition_of(draw_disc(radius))
    smooth = smooth_arcs(stairs, 5)
    areas = [measure_area(ring_of(one)) for one in (stairs, smooth)]
    assert areas[1] == pytest.approx(areas[0], rel=0.04)


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
    before, after = (one.points[one.is_edge[one.arc_of_point]] for one in (partition, smooth))
    on_edge = (after == 0) | (after == (width, height))
    assert on_edge.any(axis=1).all()
    assert set(map(tuple, before.tolist())) <= set(map(tuple, after.tolist()))


def test_no_rounds_change_nothing():
    partition = partition_of(draw_disc())
    np.testing.assert_array_equal(smooth_arcs(partition, 0).points, partition.points)
