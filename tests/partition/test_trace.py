from itertools import product

import numpy as np
import pytest
from grids import GRIDS, draw_grid, find_arc
from hypothesis import given, settings
from scipy import ndimage

from segfit.datasets.opening import find_labelled
from segfit.errors import SegfitError
from segfit.partition import OUTSIDE, partition_of, rasterize


def assert_round_trip(labels):
    partition = partition_of(labels)
    regions = rasterize(partition)
    assert np.array_equal(partition.labels[regions], labels), labels
    pixels = np.bincount(regions.ravel(), minlength=partition.region_count)
    np.testing.assert_array_equal(partition.region_areas_px, pixels)


def list_patterns(side, classes):
    """All grids of one size, (N, side, side)."""
    pixels = np.array(list(product(range(classes), repeat=side * side)), np.uint8)
    return pixels.reshape(-1, side, side)


def turn_ring(points):
    """Corners in an order that does not depend on the first one."""
    corners = [(int(x), int(y)) for x, y in points]
    return min(corners[i:] + corners[:i] for i in range(len(corners)))


def turn_rings(partition, region):
    return [turn_ring(ring) for ring in partition.polygon(region)]


@settings(deadline=None)
@given(GRIDS)
def test_raster_is_the_inverse(labels):
    assert_round_trip(labels)


@pytest.mark.parametrize(("side", "classes"), [(2, 4), (3, 2)])
def test_raster_is_the_inverse_of_every_pattern(side, classes):
    for labels in list_patterns(side, classes):
        assert_round_trip(labels)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("margin", [0, 1])
def test_raster_is_the_inverse_of_all_patterns_of_three_classes_in_one_image(margin, transposed):
    # Side by side, apart by a fourth class; without a margin, each touches two of the edges.
    frame = ((0, 0), (margin, margin), (0, 1))
    patterns = np.pad(list_patterns(3, 3), frame, constant_values=3)
    image = np.concatenate(list(patterns), axis=1)
    assert_round_trip(image.T if transposed else image)


@pytest.mark.parametrize("name", ["fasseg-frontal", "fasseg-multipose", "camvid", "dsb2018"])
def test_raster_is_the_inverse_of_every_mask(shared_data, name):
    # `open_labelled` without its scan, which would read and measure every image once before.
    finding = find_labelled(shared_data / name, strict=True, on_progress=None)
    for source in (source for part in finding.splits.values() for source in part):
        reading = source.read()
        assert_round_trip(reading.labels)
        if reading.objects is not None:
            assert_round_trip(reading.objects)


@settings(deadline=None)
@given(GRIDS)
def test_regions_are_pixels_joined_by_sides(labels):
    partition = partition_of(labels)
    for label in np.unique(labels):
        _, count = ndimage.label(labels == label)
        assert (partition.labels == label).sum() == count
    regions = rasterize(partition)
    for region in range(partition.region_count):
        assert ndimage.label(regions == region)[1] == 1


@settings(deadline=None)
@given(GRIDS)
def test_junctions_arcs_and_regions_keep_eulers_formula(labels):
    partition = partition_of(labels)
    junctions = partition.ends.max() + 1
    # The border's pieces: the one with the image's edge, and one in every hole.
    pieces = 1 + len(partition.loop_regions) - partition.region_count
    arcs = np.count_nonzero(~partition.is_closed)  # a closed arc has one point of its own
    assert junctions - arcs + (partition.region_count + 1) == 1 + pieces


@settings(deadline=None)
@given(GRIDS)
def test_arcs_turn_at_every_point_inside_them(labels):
    partition = partition_of(labels)
    for index in range(partition.arc_count):
        steps = np.diff(partition.arc(index), axis=0)
        assert ((steps == 0).sum(axis=1) == 1).all()  # along a row or a column
        assert ((steps[1:] == 0) != (steps[:-1] == 0)).all()
        if partition.is_closed[index]:
            assert ((steps[0] == 0) != (steps[-1] == 0)).all()


@settings(deadline=None)
@given(GRIDS)
def test_border_is_as_long_as_there_are_sides_between_regions(labels):
    partition = partition_of(labels)
    lengths = np.abs(np.diff(partition.points, axis=0)).sum(axis=1)[partition.segments]
    on_edge = partition.is_edge[partition.arc_of_point[partition.segments]]
    between = [np.count_nonzero(np.diff(labels.astype(int), axis=axis)) for axis in (0, 1)]
    assert lengths[~on_edge].sum() == sum(between)
    assert lengths[on_edge].sum() == 2 * sum(labels.shape)


@settings(deadline=None)
@given(GRIDS)
def test_names_of_classes_change_nothing(labels):
    names = np.array([7, 255, 0, 254, 1], np.uint8)
    partition, renamed = partition_of(labels), partition_of(names[labels])
    np.testing.assert_array_equal(renamed.labels, names[partition.labels])
    np.testing.assert_array_equal(renamed.points, partition.points)
    np.testing.assert_array_equal(renamed.loops, partition.loops)


def test_one_pixel():
    partition = partition_of(draw_grid("5"))
    assert partition.shape == (1, 1)
    assert partition.labels.tolist() == [5]
    assert turn_rings(partition, 0) == [[(0, 0), (1, 0), (1, 1), (0, 1)]]
    # The corners are junctions, and each side is an arc.
    assert partition.arc_count == 4
    assert partition.is_edge.all()
    assert np.unique(partition.ends).tolist() == [0, 1, 2, 3]


def test_one_region_that_fills_the_image():
    partition = partition_of(draw_grid("000 000"))
    assert turn_rings(partition, 0) == [[(0, 0), (3, 0), (3, 2), (0, 2)]]
    assert partition.arc_count == 4
    assert len(partition.points) == 8
    assert partition.region_areas_px.tolist() == [6]


def test_island():
    partition = partition_of(draw_grid("000 010 000"))
    assert partition.labels.tolist() == [0, 1]
    assert turn_rings(partition, 0) == [
        [(0, 0), (3, 0), (3, 3), (0, 3)],
        [(1, 1), (1, 2), (2, 2), (2, 1)],  # a hole runs the other way round
    ]
    assert turn_rings(partition, 1) == [[(1, 1), (2, 1), (2, 2), (1, 2)]]
    (arc,) = np.flatnonzero(partition.is_closed)
    # Down from its highest corner on the left: its inside is on the left of the way.
    assert partition.arc(arc).tolist() == [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]
    assert partition.sides[arc].tolist() == [1, 0]
    assert partition.ends[arc].tolist() == [-1, -1]


def test_region_in_a_region_in_a_region():
    partition = partition_of(draw_grid("00000 01110 01210 01110 00000"))
    assert partition.labels.tolist() == [0, 1, 2]
    assert partition.region_areas_px.tolist() == [16, 8, 1]
    assert [len(partition.polygon(region)) for region in range(3)] == [2, 2, 1]
    assert turn_rings(partition, 1) == [
        [(1, 1), (4, 1), (4, 4), (1, 4)],
        [(2, 2), (2, 3), (3, 3), (3, 2)],
    ]
    assert np.count_nonzero(partition.is_closed) == 2


def test_two_islands_are_two_holes():
    partition = partition_of(draw_grid("00000 01010 00000"))
    assert partition.labels.tolist() == [0, 1, 1]
    assert turn_rings(partition, 0)[1:] == [
        [(1, 1), (1, 2), (2, 2), (2, 1)],
        [(3, 1), (3, 2), (4, 2), (4, 1)],
    ]


def test_checkerboard_is_all_single_pixels():
    partition = partition_of(draw_grid("010 101 010"))
    assert partition.region_areas_px.tolist() == [1] * 9
    assert partition.labels.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]
    # Every corner of a pixel is a junction, every side an arc.
    assert np.unique(partition.ends).tolist() == list(range(16))
    assert partition.arc_count == 24
    assert np.count_nonzero(partition.is_edge) == 12
    assert len(partition.points) == 48


def test_pixels_that_touch_at_a_corner_are_two_regions():
    partition = partition_of(draw_grid("0000 0100 0010 0000"))
    assert partition.labels.tolist() == [0, 1, 1]
    # The region around them has one hole, which comes by the corner that they share twice.
    outer, hole = turn_rings(partition, 0)
    assert outer == [(0, 0), (4, 0), (4, 4), (0, 4)]
    assert hole == [(1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 2), (2, 2), (2, 1)]
    assert partition.region_areas_px.tolist() == [14, 1, 1]
    # The shared corner is a junction at which both arcs begin and end.
    arcs = np.flatnonzero(~partition.is_edge)
    assert len(arcs) == 2
    assert np.unique(partition.ends[arcs]).size == 1
    assert not partition.is_closed.any()


def test_region_that_touches_itself_at_a_corner():
    partition = partition_of(draw_grid("111 101 110"))
    assert partition.labels.tolist() == [1, 0, 0]
    # What it surrounds is open at a corner: no hole, but an outline that comes there twice.
    assert turn_rings(partition, 0) == [
        [(0, 0), (3, 0), (3, 2), (2, 2), (2, 1), (1, 1), (1, 2), (2, 2), (2, 3), (0, 3)]
    ]
    assert partition.region_areas_px.tolist() == [7, 1, 1]


def test_neck_of_one_pixel_holds_a_region_together():
    partition = partition_of(draw_grid("11011 11111 11011"))
    assert partition.labels.tolist() == [1, 0, 0]
    outline = [(0, 0), (2, 0), (2, 1), (3, 1), (3, 0), (5, 0)]
    outline += [(5, 3), (3, 3), (3, 2), (2, 2), (2, 3), (0, 3)]
    assert turn_rings(partition, 0) == [outline]
    assert partition.region_areas_px.tolist() == [13, 1, 1]


def test_region_that_touches_the_edge():
    partition = partition_of(draw_grid("010 000"))
    arc = find_arc(partition, 0, 1)
    assert partition.arc(arc).tolist() == [[1, 0], [1, 1], [2, 1], [2, 0]]
    assert partition.labels[partition.sides[arc]].tolist() == [1, 0]
    # Its side on the edge is an arc of its own; so are the edge's pieces beside it.
    assert partition.arc(find_arc(partition, OUTSIDE, 1)).tolist() == [[1, 0], [2, 0]]
    assert np.count_nonzero(partition.is_edge) == 6
    assert turn_rings(partition, 0) == [
        [(0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (3, 0), (3, 2), (0, 2)]
    ]


def test_three_regions_meet_in_one_point():
    partition = partition_of(draw_grid("01 22"))
    meeting = np.flatnonzero((partition.points == (1, 1)).all(axis=1))
    arcs = partition.arc_of_point[meeting]
    assert sorted(arcs) == sorted(find_arc(partition, *pair) for pair in ((0, 1), (0, 2), (1, 2)))
    assert turn_rings(partition, 2) == [[(0, 1), (1, 1), (2, 1), (2, 2), (0, 2)]]


def test_input_may_be_a_view_and_stays_as_it_was():
    labels = np.random.default_rng(0).integers(0, 3, (20, 30), dtype=np.uint8)
    before = labels.copy()
    labels.flags.writeable = False
    for view in (labels.T, labels[::2, ::-3], np.asfortranarray(labels)):
        assert_round_trip(view)
    np.testing.assert_array_equal(labels, before)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (2, 2, 2), (4,)])
def test_grid_without_pixels_or_of_other_dimensions_is_refused(shape):
    with pytest.raises(SegfitError, match=r"a label grid \(H, W\) is needed, given shape \("):
        partition_of(np.zeros(shape, np.uint8))
