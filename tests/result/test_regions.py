from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from shapely.geometry import Polygon

from segfit.classes import IGNORE, ClassTable
from segfit.partition import partition_of
from segfit.result.regions import OrientedBox, Region, collect_regions, fit_box

CLASSES = ClassTable.from_names(("background", "cell", "seam"))
STREET = replace(CLASSES, background=None)
SQUARE = np.array([[2.0, 1], [6, 1], [6, 4], [2, 4]])


def draw(image):
    return np.array([[int(digit) for digit in row] for row in image.split()], np.uint8)


def regions_of(image, classes=CLASSES, scores=None):
    return collect_regions(partition_of(draw(image)), classes, scores)


def rotate(points, angle_deg, center=(0, 0)):
    """Turn points clockwise on the screen."""
    angle = np.radians(angle_deg)
    along, across = (np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))
    return points @ np.array([along, across]) + center


def test_a_region_s_figures():
    (region,) = regions_of("0000 0110 0110 0110")
    assert (region.label, region.name, region.score) == (1, "cell", None)
    assert (region.area_px, region.perimeter_px) == (6, 10)
    assert region.bounds_xyxy == (1, 1, 3, 4)
    assert region.vertex_error_px is None
    assert (region.error_px_mean, region.error_px_worst) == (None, None)


def test_outer_ring_comes_first_and_holes_go_the_other_way():
    region, _ = regions_of("11111 10121 11111")
    outer, *holes = map(Polygon, region.polygon)
    assert (outer.area, [hole.area for hole in holes]) == (15, [1, 1])
    # Clockwise on the screen, where y goes down, is counter-clockwise by the numbers.
    assert outer.exterior.is_ccw
    assert not any(hole.exterior.is_ccw for hole in holes)
    assert region.area_px == 13
    assert region.perimeter_px == 16 + 8


@pytest.mark.parametrize(
    ("image", "ring_count"),
    [
        ("1110 1011 1100", 2),  # the hole touches the outside by a corner
        ("11111 10111 11011 11111", 3),  # two holes touch each other
        ("1111 1011 1101 1110", 3),  # a chain of holes down to the outside
        ("10101 01010 10101", 1),
    ],
)
def test_a_region_that_touches_itself_by_a_corner_is_a_valid_polygon(image, ring_count):
    for region in regions_of(image, STREET):
        polygon = Polygon(region.polygon[0], region.polygon[1:])
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        assert polygon.area == region.area_px
        if region.label == 1 and region.area_px > 1:
            assert len(region.polygon) == ring_count


@settings(deadline=None)
@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(0, 2))
)
def test_regions_divide_the_image(labels):
    regions = collect_regions(partition_of(labels), STREET, None)
    polygons = [Polygon(region.polygon[0], region.polygon[1:]) for region in regions]
    assert all(polygon.is_valid for polygon in polygons)
    assert sum(polygon.area for polygon in polygons) == labels.size
    assert shapely.union_all(polygons).area == pytest.approx(labels.size)
    for label in range(3):
        area = sum(region.area_px for region in regions if region.label == label)
        assert area == (labels == label).sum()
    assert [r.perimeter_px for r in regions] == pytest.approx([p.length for p in polygons])


def test_background_and_ignored_pixels_are_no_regions():
    labels = draw("0012 0012")
    labels[0, 0] = IGNORE
    assert [r.name for r in collect_regions(partition_of(labels), CLASSES, None)] == [
        "cell",
        "seam",
    ]
    everything = collect_regions(partition_of(labels), STREET, None)
    assert [region.name for region in everything] == ["background", "cell", "seam"]
    assert regions_of("000 000") == ()


def test_scores_are_by_region_and_none_where_unknown():
    partition = partition_of(draw("1020"))
    regions = collect_regions(partition, CLASSES, np.array([0.9, 0.1, np.nan, 0.2]))
    assert [(region.name, region.score) for region in regions] == [("cell", 0.9), ("seam", None)]


def test_errors_go_with_their_vertices():
    partition = partition_of(draw("0000 0110 0110 0000"))
    errors = partition.points.sum(axis=1)
    (region,) = collect_regions(replace(partition, error_px=errors), CLASSES, None)
    np.testing.assert_array_equal(region.vertex_error_px[0], region.polygon[0].sum(axis=1))
    assert (region.error_px_mean, region.error_px_worst) == (4, 6)


def test_unknown_errors_are_left_out():
    errors = (np.array([0.1, np.nan, 0.3, np.nan]),)
    region = Region(1, "cell", None, None, (SQUARE,), errors)
    assert region.error_px_mean == pytest.approx(0.2)
    assert region.error_px_worst == 0.3
    unknown = Region(1, "cell", None, None, (SQUARE,), (np.full(4, np.nan),))
    assert (unknown.error_px_mean, unknown.error_px_worst) == (None, None)


def test_box_of_an_upright_rectangle():
    box = fit_box(SQUARE)
    assert (box.center_xy, box.width, box.height, box.angle_deg) == ((4, 2.5), 4, 3, 0)
    np.testing.assert_array_equal(box.corners, SQUARE)
    assert box.error_px is None


@pytest.mark.parametrize("angle_deg", [-44, -30, 0, 10, 30, 44])
def test_box_of_a_turned_rectangle(angle_deg):
    corners = np.array([[-8.0, -3], [8, -3], [8, 3], [-8, 3]])
    ring = rotate(corners, angle_deg, center=(2000, 1000))
    box = fit_box(ring)
    assert box.angle_deg == pytest.approx(angle_deg, abs=1e-3)
    assert (box.width, box.height) == pytest.approx((16, 6), abs=1e-3)
    assert box.center_xy == pytest.approx((2000, 1000), abs=1e-3)
    np.testing.assert_allclose(box.corners, ring, atol=1e-3)


@pytest.mark.parametrize(("angle_deg", "size"), [(60, (6, 16)), (90, (6, 16)), (-80, (6, 16))])
def test_the_angle_is_the_smaller_one(angle_deg, size):
    corners = np.array([[-8.0, -3], [8, -3], [8, 3], [-8, 3]])
    box = fit_box(rotate(corners, angle_deg))
    assert abs(box.angle_deg) <= 45
    assert (box.width, box.height) == pytest.approx(size, abs=1e-3)


@settings(deadline=None)
@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.integers(0, 1))
)
def test_boxes_contain_their_regions_and_none_is_smaller(labels):
    for region in collect_regions(partition_of(labels), STREET, None):
        outer = Polygon(region.polygon[0])
        box = Polygon(region.box.corners)
        assert -45 < region.box.angle_deg <= 45
        assert box.buffer(1e-6).covers(outer)
        assert box.area == pytest.approx(region.box.width * region.box.height)
        assert box.area <= shapely.minimum_rotated_rectangle(outer).area * (1 + 1e-4)


def test_an_edge_s_error_is_that_of_the_points_on_it():
    # Two points on each edge, and one in the middle of nowhere.
    ring = np.array([[2.0, 1], [6, 1], [6, 4], [4, 2.5], [2, 4]])
    box = fit_box(ring, np.array([0.1, 0.3, 0.5, 9.0, 0.7]))
    np.testing.assert_allclose(box.error_px, [0.2, 0.4, 0.6, 0.4])  # top, right, bottom, left


def test_an_edge_s_error_is_unknown_where_its_points_are():
    box = fit_box(SQUARE, np.array([0.1, np.nan, np.nan, 0.3]))
    np.testing.assert_allclose(box.error_px, [0.1, np.nan, 0.3, 0.2])


def test_corners_are_named_before_the_turn():
    corners = OrientedBox((10, 20), 4, 2, 45).corners
    np.testing.assert_allclose(corners[1] - corners[0], np.full(2, 8**0.5))  # the top edge
    np.testing.assert_allclose(corners.mean(axis=0), (10, 20))


def test_rectangles_that_a_network_moved_are_asked_for_once_needed():
    labels = np.zeros((10, 20), np.uint8)
    labels[2:6, 2:6], labels[2:6, 10:18] = 1, 1
    moved = {1: OrientedBox((4.0, 4.0), 5.0, 5.0, 0.0), 2: OrientedBox((14.0, 4.0), 9.0, 5.0, 0.0)}
    asked = []

    def find_boxes():
        asked.append(True)
        return moved

    regions = collect_regions(partition_of(labels), CLASSES, None, find_boxes)
    assert not asked
    assert [region.box for region in regions] == [moved[1], moved[2]]
