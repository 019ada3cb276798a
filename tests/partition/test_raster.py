from dataclasses import replace

import numpy as np
import pytest
from grids import GRIDS, SMALL_GRIDS, draw_grid, find_arc, show_grid
from hypothesis import given, settings
from hypothesis import strategies as st

from segfit.partition import partition_of, rasterize

SQUARE = partition_of(draw_grid("000000 000000 001100 001100 000000 000000"))


def move_points(partition, places):
    """Move all points at given places, so that what is joined there stays joined."""
    points = partition.points.copy()
    for place, target in places.items():
        points[(partition.points == place).all(axis=1)] = target
    return replace(partition, points=points)


def replace_arc(partition, index, points):
    """The partition with other points along one arc."""
    arcs = [partition.arc(other) for other in range(partition.arc_count)]
    arcs[index] = np.array(points, float)
    starts = np.concatenate([[0], np.cumsum([len(arc) for arc in arcs])])
    return replace(partition, points=np.concatenate(arcs), arc_starts=starts)


def scatter_points(partition, most_px, seed):
    """Move every place that is not on the edge by up to ``most_px`` in x and in y."""
    height, width = partition.shape
    places, of_point = np.unique(partition.points, axis=0, return_inverse=True)
    on_edge = ((places == 0) | (places == (width, height))).any(axis=1)
    shifts = np.random.default_rng(seed).uniform(-most_px, most_px, places.shape)
    return replace(partition, points=(places + shifts * ~on_edge[:, None])[of_point.ravel()])


def draw(partition, **options):
    return show_grid(partition.labels[rasterize(partition, **options)])


@settings(deadline=None)
@given(GRIDS, st.integers(2, 4))
def test_whole_scales_repeat_pixels(labels, scale):
    regions = rasterize(partition_of(labels), scale=scale)
    expected = np.repeat(np.repeat(rasterize(partition_of(labels)), scale, axis=0), scale, axis=1)
    np.testing.assert_array_equal(regions, expected)


@settings(deadline=None)
@given(GRIDS, st.integers(0, 2**32 - 1))
def test_border_moved_by_less_than_half_a_pixel_passes_no_centre(labels, seed):
    moved = scatter_points(partition_of(labels), 0.499, seed)
    np.testing.assert_array_equal(moved.labels[rasterize(moved)], labels)


@settings(deadline=None)
@given(SMALL_GRIDS, st.floats(0, 9), st.floats(0.1, 3), st.integers(0, 2**32 - 1))
def test_every_pixel_has_a_region_whatever_the_arcs_do(labels, most_px, scale, seed):
    moved = scatter_points(partition_of(labels), most_px, seed)
    regions = rasterize(moved, scale=scale)
    assert regions.shape == tuple(max(1, round(side * scale)) for side in labels.shape)
    assert regions.min() >= 0
    assert regions.max() < moved.region_count


def test_regions_are_numbered_as_in_the_partition():
    regions = rasterize(partition_of(draw_grid("711 117")))
    assert regions.dtype == np.int32
    assert regions.tolist() == [[0, 1, 1], [1, 1, 2]]


def test_shape_is_rounded_and_at_least_one_pixel():
    partition = partition_of(draw_grid("00001 00001 00001"))
    assert rasterize(partition, scale=1.5).shape == (4, 8)  # 4.5 × 7.5, halves to even
    assert rasterize(partition, scale=0.01).tolist() == [[0]]
    assert draw(partition, scale=0.6) == "001 001"


@pytest.mark.parametrize(
    ("right", "image"),
    [
        (4.3, "000000 000000 001100 001100 000000 000000"),
        (4.6, "000000 000000 001110 001110 000000 000000"),
        (3.4, "000000 000000 001000 001000 000000 000000"),
    ],
)
def test_side_of_a_square_moved(right, image):
    moved = move_points(SQUARE, {(4, 2): (right, 2), (4, 4): (right, 4)})
    assert draw(moved) == image
    # At ten times the size, its place shows to a tenth of a pixel.
    inside = rasterize(moved, scale=10) == 1
    expected = np.zeros((60, 60), bool)
    expected[20:40, 20 : round(10 * right)] = True
    np.testing.assert_array_equal(inside, expected)


def test_square_made_a_diamond():
    corners = {(2, 2): (3, 0.75), (4, 2): (5.25, 3), (4, 4): (3, 5.25), (2, 4): (0.75, 3)}
    assert draw(move_points(SQUARE, corners)) == "000000 001100 011110 011110 001100 000000"


def test_centre_on_a_border_belongs_to_the_right_and_to_the_lower_region():
    by_half = {(2, 2): (1.5, 1.5), (4, 2): (4.5, 1.5), (4, 4): (4.5, 4.5), (2, 4): (1.5, 4.5)}
    assert draw(move_points(SQUARE, by_half)) == "000000 011100 011100 011100 000000 000000"


def test_region_between_two_rows_of_centres_has_no_pixel():
    flat = {(2, 2): (2, 2.6), (4, 2): (4, 2.6), (4, 4): (4, 3.4), (2, 4): (2, 3.4)}
    assert draw(move_points(SQUARE, flat)) == "000000 " * 5 + "000000"


@pytest.mark.parametrize(
    ("before", "places", "after"),
    [
        ("0012 0012", {(3, 0): (2, 0), (3, 2): (2, 2)}, "0022 0022"),
        # Here the arc on the right comes before the one on the left.
        ("112 012", {(1, 1): (2, 1), (1, 2): (2, 2)}, "112 002"),
        # Onto the image's edge.
        ("011 011", {(1, 0): (0, 0), (1, 2): (0, 2)}, "111 111"),
        ("001 001", {(2, 0): (3, 0), (2, 2): (3, 2)}, "000 000"),
        # A gap closed from both sides, inside a region.
        (
            "00000 01120 01120 00000",
            {(3, 1): (2.25, 1), (4, 1): (2.25, 1), (3, 3): (2.25, 3), (4, 3): (2.25, 3)},
            "00000 01000 01000 00000",
        ),
        (
            "2223 1123 0123",
            {(3, 0): (2, 0), (3, 3): (2, 3), (1, 2): (2, 2), (1, 3): (2, 3)},
            "2233 1133 0033",
        ),
    ],
)
def test_region_without_width_leaves_the_others_as_they_are(before, places, after):
    assert draw(move_points(partition_of(draw_grid(before)), places)) == after


@settings(deadline=None)
@given(st.lists(st.floats(0.01, 0.99), max_size=4), st.sampled_from([(0, 1), (1, 2)]))
def test_arcs_on_each_other_need_not_have_the_same_points(shares, sides):
    partition = partition_of(draw_grid("00012222 " * 7))
    top, bottom = np.array([2.1, 0]), np.array([5.0, 7])
    slanted = move_points(partition, {(3, 0): top, (4, 0): top, (3, 7): bottom, (4, 7): bottom})
    points = [top + share * (bottom - top) for share in sorted({0.0, *shares, 1.0})]
    points[-1] = bottom
    slanted = replace_arc(slanted, find_arc(partition, *sides), points)
    rows, columns = np.indices((7, 8)) + 0.5
    expected = np.where(columns >= 2.1 + 2.9 * rows / 7, 2, 0)
    np.testing.assert_array_equal(slanted.labels[rasterize(slanted)], expected)
