"""The regression step: what the network is shown, and what becomes of its answers."""

from dataclasses import replace

import numpy as np
import pytest
from fakes import outline_network

from segfit.model.architecture import OutlineArchitecture
from segfit.partition import partition_of, rasterize
from segfit.refinement.outlines import (
    choose_steps,
    open_scene,
    refine_outlines,
    sample_strips,
    start_walk,
)
from segfit.result.scores import Scores

HEIGHT, WIDTH = 48, 64

ARCHITECTURE = OutlineArchitecture()


def half_and_half(border_px):
    """An image that is dark up to x = border_px and bright behind, its border pixel mixed."""
    cover = np.clip(np.arange(WIDTH) + 1 - border_px, 0, 1)
    row = (50 + 150 * cover).round().astype(np.uint8)
    return np.repeat(np.repeat(row[None, :, None], HEIGHT, axis=0), 3, axis=2)


def labels_up_to(border_px):
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[:, border_px:] = 1
    return labels


def edge_network(strips):
    """Finds the step of brightness in each strip by its half height; sure to half a step."""
    grey = strips.image.mean(axis=2)
    middle = (grey.min(axis=1) + grey.max(axis=1)) / 2
    has_edge = np.ptp(grey, axis=1) > 20
    rising = (grey[:, -1] > grey[:, 0])[:, None]
    beyond = np.where(rising, grey > middle[:, None], grey < middle[:, None])
    first = np.clip(beyond.argmax(axis=1), 1, grey.shape[1] - 1)
    rows = np.arange(len(grey))
    before, after = grey[rows, first - 1], grey[rows, first]
    share = np.divide(middle - before, after - before, out=np.zeros_like(before), where=has_edge)
    offsets = np.where(has_edge, first - 1 + share - (grey.shape[1] - 1) / 2, 0)
    errors = np.where(has_edge, 0.5, 8.0)
    return offsets.astype(np.float32), errors.astype(np.float32)


@pytest.mark.parametrize("border_px", [30.0, 31.25, 33.5])
def test_outlines_go_to_a_fraction_of_a_pixel(border_px):
    refined, put_back = refine_outlines(
        partition_of(labels_up_to(28)),
        half_and_half(border_px),
        network=outline_network(edge_network),
        cell_px=8,
    )
    assert put_back == 0
    areas = dict(zip(refined.labels, refined.region_areas_px, strict=True))
    assert areas[0] / HEIGHT == pytest.approx(border_px, abs=0.15)
    inner = ~refined.is_edge[refined.arc_of_point]
    np.testing.assert_allclose(refined.error_px[inner][2:-2], 0.5, atol=1e-6)


def test_labels_of_the_refined_map_fill_the_image():
    refined, _ = refine_outlines(
        partition_of(labels_up_to(28)),
        half_and_half(33.0),
        network=outline_network(edge_network),
        cell_px=8,
    )
    np.testing.assert_array_equal(refined.labels[rasterize(refined)], labels_up_to(33))


def test_a_flat_image_moves_nothing_and_says_so():
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    before = partition_of(labels_up_to(28))
    refined, _ = refine_outlines(before, flat, network=outline_network(edge_network), cell_px=8)
    np.testing.assert_array_equal(rasterize(refined), rasterize(before))
    inner = ~refined.is_edge[refined.arc_of_point]
    assert (refined.error_px[inner] >= 7).all()


@pytest.mark.parametrize(("error_steps", "passes"), [(0.2, 3), (0.5, 2), (0.9, 1)])
def test_the_finest_pass_is_repeated_where_edges_are_sharp(error_steps, passes):
    seen = []

    def answer(strips):
        count = len(strips.image)
        seen.append(count)
        return np.zeros(count, np.float32), np.full(count, error_steps, np.float32)

    before = partition_of(labels_up_to(28))
    refine_outlines(before, half_and_half(30.0), network=outline_network(answer), cell_px=8)
    assert len(seen) == passes


def test_a_strip_of_one_color_moves_nothing_whatever_the_network_says():
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    before = partition_of(labels_up_to(28))

    def restless(strips):
        count = len(strips.image)
        return np.full(count, 3, np.float32), np.full(count, 0.1, np.float32)

    refined, _ = refine_outlines(before, flat, network=outline_network(restless), cell_px=4)
    np.testing.assert_array_equal(rasterize(refined), rasterize(before))
    inner = ~refined.is_edge[refined.arc_of_point]
    np.testing.assert_allclose(refined.error_px[inner][2:-2], 8)


def test_passes_end_where_nothing_is_clear():
    steps = []

    def unsure(strips):
        steps.append(2.0 ** -strips.scale[0])
        count = len(strips.image)
        return np.zeros(count, np.float32), np.full(count, 0.4 * len(steps), np.float32)

    refine_outlines(
        partition_of(labels_up_to(28)),
        half_and_half(33.0),
        network=outline_network(unsure),
        cell_px=32,
    )
    assert steps == [0.25, 0.125, 0.0625], "errors of 0.4, 0.8 and 1.2 steps: the third is the last"


def test_temperature_scales_the_errors():
    first = partition_of(labels_up_to(28))
    image = half_and_half(30.0)
    once, _ = refine_outlines(first, image, network=outline_network(edge_network))
    twice, _ = refine_outlines(first, image, network=outline_network(edge_network, temperature=2.0))
    np.testing.assert_allclose(twice.error_px, 2 * once.error_px)


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.indices((HEIGHT, WIDTH)).sum(axis=0).astype(np.uint8) % 2,
        np.pad(np.ones((1, 1), np.uint8), ((20, HEIGHT - 21), (30, WIDTH - 31))),
        np.pad(np.pad(np.full((4, 4), 2, np.uint8), 5, constant_values=1), ((9, 25), (9, 41))),
    ],
    ids=["one region", "checkerboard", "one pixel", "region in region in region"],
)
def test_odd_maps_stay_sound(labels):
    def restless(strips):
        count = len(strips.image)
        moves = np.random.default_rng(count).normal(0, 2, count).astype(np.float32)
        return moves, np.ones(count, np.float32)

    refined, _ = refine_outlines(
        partition_of(labels), half_and_half(31.0), network=outline_network(restless), cell_px=8
    )
    assert refined.region_areas_px.sum() == pytest.approx(labels.size)
    assert (refined.region_areas_px > 0).all()
    assert rasterize(refined).shape == labels.shape


def test_no_vertices_need_no_network():
    def never(strips):
        raise AssertionError("there is nothing to ask about")

    one = partition_of(np.zeros((HEIGHT, WIDTH), np.uint8))
    refined, _ = refine_outlines(one, half_and_half(31.0), network=outline_network(never))
    assert refined.region_areas_px.tolist() == [HEIGHT * WIDTH]


def test_steps_halve_from_a_quarter_of_a_cell_to_a_pixel_which_comes_twice():
    assert choose_steps(2) == [1, 1]
    assert choose_steps(4) == [1, 1]
    assert choose_steps(8) == [2, 1, 1]
    assert choose_steps(16) == [4, 2, 1, 1]
    assert choose_steps(32) == [8, 4, 2, 1, 1]


def test_strips_run_from_the_left_region_to_the_right_one():
    labels = labels_up_to(32)
    partition = partition_of(labels)
    image = half_and_half(32.0)
    walk = start_walk(partition, 1.0)
    strips = sample_strips(
        walk, open_scene(partition, image, None, cell_px=4.0, architecture=ARCHITECTURE)
    )
    arc = walk.partition.arc_of_point[walk.of_partition[0]]
    left, right = walk.partition.labels[walk.partition.sides[arc]]
    levels = {0: 50, 1: 200}
    assert strips.image[5, 0].tolist() == [levels[left]] * 3
    assert strips.image[5, -1].tolist() == [levels[right]] * 3
    sides = strips.inputs()["sides"][5].tolist()
    assert sides[:8] + sides[9:] == [1] * 8 + [-1] * 8, "the vertex itself is on the border"
    assert strips.neighbours.shape == (len(walk.points), 10)


def test_with_scores_the_network_is_shown_where_to_look_on_their_grid():
    labels = labels_up_to(32)
    partition = partition_of(labels)
    logits = np.zeros((1, HEIGHT // 4, WIDTH // 4), np.float32)
    features = np.zeros((3, HEIGHT // 4, WIDTH // 4), np.float32)
    scores = Scores(logits, (HEIGHT, WIDTH), (HEIGHT, WIDTH), features=features)
    walk = start_walk(partition, 1.0)
    scene = open_scene(
        partition, half_and_half(32.0), scores, cell_px=8.0, architecture=ARCHITECTURE
    )
    inputs = sample_strips(walk, scene).inputs()
    assert inputs["grid"].shape == (1, 3 + 2, 12, 16), "one output means two classes"
    assert inputs["scale"].tolist() == [3], "how far off outlines are said to be counts"
    middle = inputs["positions"][5, 4]
    np.testing.assert_allclose(middle[0], 0.0, atol=1e-6)
    assert set(inputs["classes"][5]) == {0, 1}


def test_of_objects_the_network_is_shown_which_way_their_centres_are():
    partition = partition_of(labels_up_to(32))
    maps = np.zeros((3, HEIGHT // 4, WIDTH // 4), np.float32)
    maps[1:] = [[[5.0]], [[7.0]]]
    features = np.zeros_like(maps)
    shape = HEIGHT, WIDTH
    scores = Scores(maps[:1] * 0, shape, shape, features=features, object_maps=maps)
    walk = start_walk(partition, 1.0)
    scene = open_scene(
        partition,
        half_and_half(32.0),
        scores,
        cell_px=8.0,
        architecture=replace(ARCHITECTURE, has_objects=True),
    )
    inputs = sample_strips(walk, scene).inputs()
    assert inputs["grid"].shape == (1, 3 + 2 + 2, 12, 16)
    assert inputs["grid"][0, -2:, 3, 4].tolist() == [5, 7]
    np.testing.assert_allclose(inputs["normals"], walk.normals, atol=1e-6)


@pytest.mark.parametrize("strip_points", [13, 21])
def test_the_architecture_says_how_many_points_the_network_sees(strip_points):
    """On a strip of one color, a vertex may be anywhere that the network could have seen."""
    shapes = set()

    def look(strips):
        shapes.add(strips.image.shape[1:])
        return edge_network(strips)

    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    network = outline_network(look, strip_points=strip_points)
    refined, _ = refine_outlines(partition_of(labels_up_to(28)), flat, network=network, cell_px=4)
    assert shapes == {(strip_points, 3)}
    inner = ~refined.is_edge[refined.arc_of_point]
    np.testing.assert_allclose(refined.error_px[inner][2:-2], (strip_points - 1) / 2)


@pytest.mark.parametrize(
    ("radius_px", "step_px", "spacing_px"),
    [(4, 1.0, 2.0), (12, 1.0, 3.2), (60, 1.0, 4.0), (60, 2.0, 8.0), (12, 2.0, 4.5)],
)
def test_vertices_are_so_far_apart_as_chords_stay_near(radius_px, step_px, spacing_px):
    rows, columns = np.mgrid[:140, :140] - 69.5
    disc = partition_of((rows**2 + columns**2 < radius_px**2).astype(np.uint8))
    lengths = np.hypot(*np.diff(start_walk(disc, step_px).points, axis=0).T)
    assert np.median(lengths) == pytest.approx(spacing_px, rel=0.25)
