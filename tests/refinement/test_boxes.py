"""Rectangles are seen in their own frame, and their edges move as the network says."""

import numpy as np
import pytest
from fakes import box_network

from segfit.model.architecture import BoxArchitecture
from segfit.partition import partition_of
from segfit.refinement.boxes import (
    find_edge_offsets,
    fit_boxes,
    move_edges,
    place_grids,
    regress_boxes,
    sample_patches,
)
from segfit.result.regions import OrientedBox, box_axes
from segfit.result.scores import Scores

TURNED = OrientedBox((20.0, 12.0), 12.0, 6.0, 30.0)
UPRIGHT = OrientedBox((20.0, 12.0), 12.0, 6.0, 0.0)


def corners_in_frame(box):
    return (box.corners - TURNED.center_xy) @ box_axes(TURNED.angle_deg).T


def test_without_offsets_a_rectangle_stays():
    (moved,) = move_edges([TURNED], np.zeros((1, 4), np.float32))
    np.testing.assert_allclose(moved.corners, TURNED.corners)
    assert moved.error_px is None


@pytest.mark.parametrize(
    ("edge", "moved_corners", "by_px"),
    [(0, [0, 1], (0, -0.6)), (1, [1, 2], (1.2, 0)), (2, [2, 3], (0, 0.6)), (3, [0, 3], (-1.2, 0))],
    ids=["top", "right", "bottom", "left"],
)
def test_an_offset_moves_its_own_edge_only(edge, moved_corners, by_px):
    offsets = np.zeros((1, 4), np.float32)
    offsets[0, edge] = 0.1
    (moved,) = move_edges([TURNED], offsets)
    expected = corners_in_frame(TURNED)
    expected[moved_corners] += by_px
    np.testing.assert_allclose(corners_in_frame(moved), expected, atol=1e-6)
    assert moved.angle_deg == TURNED.angle_deg


def test_errors_are_shares_of_the_side_across_the_edge():
    shares = np.array([[0.1, 0.2, 0.3, 0.4]], np.float32)
    (moved,) = move_edges([TURNED], np.zeros((1, 4), np.float32), shares)
    np.testing.assert_allclose(moved.error_px, [0.6, 2.4, 1.8, 4.8], rtol=1e-6)


def test_opposite_edges_never_meet():
    (moved,) = move_edges([TURNED], np.full((1, 4), -3.0, np.float32))
    assert (moved.width, moved.height) == pytest.approx((1.2, 0.6))


@pytest.mark.parametrize("box", [UPRIGHT, TURNED])
def test_offsets_to_a_rectangle_lead_there(box):
    target = OrientedBox((22.0, 11.0), 15.0, 5.0, box.angle_deg)
    (moved,) = move_edges([box], find_edge_offsets([box], [target]).astype(np.float32))
    np.testing.assert_allclose(moved.corners, target.corners, atol=1e-5)


def test_a_target_turned_by_a_quarter_is_the_same_rectangle():
    box = OrientedBox((0.0, 0.0), 10.0, 4.0, 44.0)
    target = OrientedBox((0.0, 0.0), 4.0, 10.0, -44.0)
    np.testing.assert_allclose(find_edge_offsets([box], [target]), 0, atol=1e-9)


def test_the_grid_spans_a_quarter_of_a_side_beyond_each_edge():
    grid = place_grids([UPRIGHT], count=4)[:, 0]
    assert grid[0, 0].tolist() == pytest.approx([13.25, 17.75, 22.25, 26.75])
    assert grid[1, :, 0].tolist() == pytest.approx([8.625, 10.875, 13.125, 15.375])
    turned = np.moveaxis(place_grids([TURNED], count=4)[:, 0], 0, -1)
    back = (turned - TURNED.center_xy) @ box_axes(30.0).T + TURNED.center_xy
    np.testing.assert_allclose(np.moveaxis(back, -1, 0), grid, atol=1e-4)


def half_and_half():
    """An image that brightens to the right of x = 20, with one region of 12 × 6 px around it."""
    labels = np.zeros((24, 40), np.uint8)
    labels[9:15, 14:26] = 1
    image = np.full((24, 40, 3), 50, np.uint8)
    image[:, 20:] = 200
    return image, labels


def test_patches_show_the_image_and_the_region_in_the_rectangle_s_frame():
    image, labels = half_and_half()
    partition = partition_of(labels)
    boxes = fit_boxes(partition, [1])
    patches = sample_patches(boxes, [1], partition, image, None, architecture=BoxArchitecture())
    count = 8
    assert patches.image[0, 5, :, 0].tolist() == [50] * count + [200] * count
    assert patches.inside.sum() == patches.inside[0, 3:13, 3:13].sum() == 100
    assert patches.scale.tolist() == pytest.approx(np.log2([[12, 6]]))
    assert list(patches.inputs()) == ["image", "inside", "scale"]


def test_with_scores_the_network_is_shown_where_to_look_on_their_grid():
    image, labels = half_and_half()
    partition = partition_of(labels)
    logits, features = np.zeros((1, 6, 10), np.float32), np.zeros((3, 6, 10), np.float32)
    scores = Scores(logits, (24, 40), (24, 40), features=features)
    boxes = fit_boxes(partition, [1])
    patches = sample_patches(boxes, [1], partition, image, scores, architecture=BoxArchitecture())
    inputs = patches.inputs()
    assert inputs["grid"].shape == (1, 3 + 2, 6, 10), "one output means two classes"
    assert inputs["classes"].tolist() == [1]
    np.testing.assert_allclose(inputs["positions"].mean(axis=(0, 1, 2)), 0, atol=1e-6)
    widest = inputs["positions"][..., 0].max()
    assert widest == pytest.approx(15 / 16 * 1.5 * 12 / 40)


def test_offsets_to_centres_are_no_logits():
    """Of objects told apart, the grid holds what the network reads and nothing behind it."""
    image, labels = half_and_half()
    logits = np.full((2, 6, 10), 5, np.float32)
    features, maps = np.ones((3, 6, 10), np.float32), np.full((3, 6, 10), 70, np.float32)
    scores = Scores(logits, (24, 40), (24, 40), features=features, object_maps=maps)
    partition = partition_of(labels)
    boxes = fit_boxes(partition, [1])
    patches = sample_patches(boxes, [1], partition, image, scores, architecture=BoxArchitecture())
    expected = np.array([1, 1, 1, 5, 5], np.float32)  # three features, two classes
    np.testing.assert_array_equal(patches.evidence["grid"][0, :, 0, 0], expected)


def stay(patches):
    shape = (len(patches.image), 4)
    return np.zeros(shape, np.float32), np.full(shape, 0.1, np.float32)


def test_all_rectangles_go_through_at_once_and_keep_their_order():
    labels = np.zeros((40, 60), np.uint8)
    labels[2:4, 2:6], labels[10:30, 10:50], labels[35, 55] = 1, 2, 1
    partition = partition_of(labels)
    calls = []

    def network(patches):
        calls.append(len(patches.image))
        return stay(patches)

    image = np.zeros((40, 60, 3), np.uint8)
    answering = box_network(network, temperature=2.0)
    boxes = regress_boxes(partition, [3, 1, 2], image, network=answering)
    assert calls == [3]
    sizes = [(box.width, box.height) for box in boxes]
    np.testing.assert_allclose(sizes, [(1, 1), (4, 2), (40, 20)], rtol=1e-6)
    np.testing.assert_allclose(boxes[1].error_px, [0.4, 0.8, 0.4, 0.8], rtol=1e-6)


def test_an_image_without_regions_is_not_shown_to_the_network():
    def never(patches):
        raise AssertionError("there is nothing to ask about")

    empty = partition_of(np.zeros((8, 8), np.uint8))
    image = np.zeros((8, 8, 3), np.uint8)
    assert regress_boxes(empty, [], image, network=box_network(never)) == []


@pytest.mark.parametrize("grid_points", [12, 20])
def test_the_architecture_says_how_many_points_the_network_sees(grid_points):
    image, labels = half_and_half()
    seen = []

    def network(patches):
        seen.append(patches.image.shape)
        return stay(patches)

    network = box_network(network, grid_points=grid_points)
    regress_boxes(partition_of(labels), [1], image, network=network)
    assert seen == [(1, grid_points, grid_points, 3)]


def test_a_region_that_fills_the_image_and_one_pixel_are_seen():
    for labels in (np.ones((20, 30), np.uint8), np.eye(1, dtype=np.uint8)):
        partition = partition_of(labels)
        image = np.full((*labels.shape, 3), 90, np.uint8)
        boxes = fit_boxes(partition, [0])
        patches = sample_patches(boxes, [0], partition, image, None, architecture=BoxArchitecture())
        assert (patches.image == 90).all()
        assert np.isfinite(patches.scale).all()
