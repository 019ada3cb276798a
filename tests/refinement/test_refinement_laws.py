"""What holds of refined outlines whatever the network answers, and on images made to be hard."""

import numpy as np
import pytest
import shapely
from fakes import outline_network
from hypothesis import example, given, settings
from hypothesis import strategies as st

from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide_partition
from segfit.partition import partition_of, rasterize, rasterize_labels, trace_rings
from segfit.partition.untangle import find_tangled_points
from segfit.refinement.outlines import refine_outlines
from segfit.result.scores import Scores


def rows(text):
    return np.array([[int(cell) for cell in row] for row in text.split()], np.uint8)


def enlarge(grid, factor):
    return np.kron(grid, np.ones((factor, factor), np.uint8))


def nest(depth, side=48):
    """Squares inside squares, of two classes in turn."""
    grid = np.zeros((side, side), np.uint8)
    for level in range(1, depth + 1):
        inset = 4 * level
        grid[inset:-inset, inset:-inset] = level % 2
    return grid


HARD = {
    "one pixel": rows("1"),
    "one region": np.zeros((9, 7), np.uint8),
    "two pixels": rows("01"),
    "a region of one pixel": rows("00000 00000 00100 00000 00000"),
    "regions of one pixel on the edge": rows("01000 00002 30000"),
    "arcs shorter than the strip": rows("0123 1032 2301 3210"),
    "checkerboard": np.indices((16, 16)).sum(axis=0).astype(np.uint8) % 2,
    "coarse checkerboard": enlarge(np.indices((5, 5)).sum(axis=0).astype(np.uint8) % 2, 6),
    "stripes of one pixel": np.tile(rows("01"), (12, 10)),
    "squares in squares in squares": nest(5),
    "a ring one pixel thin": rows("0000000 0111110 0100010 0100010 0111110 0000000"),
    "regions that touch by corners": enlarge(rows("100 010 001"), 7),
}


def make_restless(seed, reach=8.0):
    """A network that answers anything."""
    rng = np.random.default_rng(seed)

    def answer(strips):
        count = len(strips.image)
        offsets = rng.uniform(-reach, reach, count).astype(np.float32)
        return offsets, rng.uniform(0.05, 0.5, count).astype(np.float32)

    return outline_network(answer)


def draw_image(shape, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (*shape, 3), dtype=np.uint8)


def assert_is_sound(before, refined):
    height, width = before.shape
    assert not find_tangled_points(refined).any()
    assert refined.region_areas_px.sum() == pytest.approx(height * width, abs=1e-6)
    assert (refined.region_areas_px > 0).all()
    np.testing.assert_array_equal(refined.labels, before.labels)
    for name in ("sides", "ends", "loops", "loop_starts", "loop_regions"):
        np.testing.assert_array_equal(getattr(refined, name), getattr(before, name))
    assert np.isfinite(refined.error_px).all()
    assert (refined.points >= 0).all()
    assert (refined.points <= (width, height)).all()
    polygons = []
    for region in range(refined.region_count):
        outer, *others = (refined.points[ring] for ring in trace_rings(refined, region))
        polygons.append(shapely.Polygon(outer, others))
    assert shapely.union_all(polygons).area == pytest.approx(height * width, abs=1e-6)
    drawn = rasterize(refined)
    assert drawn.min() >= 0
    assert drawn.shape == before.shape


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("cell_px", [2, 16])
def test_hard_outlines_stay_sound_whatever_the_network_says(name, cell_px):
    before = partition_of(HARD[name])
    for seed in range(3):
        refined, put_back = refine_outlines(
            before,
            draw_image(before.shape),
            network=make_restless(seed),
            cell_px=cell_px,
        )
        assert put_back >= 0
        assert_is_sound(before, refined)


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
    classes=st.integers(2, 5),
    factor=st.integers(1, 3),
    seed=st.integers(0, 1 << 16),
    reach=st.sampled_from([0.5, 2.0, 8.0]),
)
@example(shape=(12, 3), classes=2, factor=2, seed=0, reach=0.5)  # a closed arc that opened
@example(shape=(14, 18), classes=2, factor=1, seed=17, reach=0.5)  # a chord through a corner
def test_any_grid_stays_sound(shape, classes, factor, seed, reach):
    grid = np.random.default_rng(seed).integers(0, classes, shape, dtype=np.uint8)
    before = partition_of(enlarge(grid, factor))
    refined, _ = refine_outlines(
        before,
        draw_image(before.shape, seed),
        network=make_restless(seed, reach),
        cell_px=8,
    )
    assert_is_sound(before, refined)


def test_the_image_s_edge_is_known_exactly():
    before = partition_of(HARD["one region"])
    refined, _ = refine_outlines(
        before, draw_image(before.shape), network=make_restless(0), cell_px=8
    )
    assert (refined.error_px == 0).all()


def test_a_network_that_stays_put_keeps_smooth_outlines_where_they_are():
    grid = np.zeros((40, 40), np.uint8)
    grid[:, 20:] = 1

    def still(strips):
        count = len(strips.image)
        return np.zeros(count, np.float32), np.ones(count, np.float32)

    before = partition_of(grid)
    refined, put_back = refine_outlines(
        before, draw_image(grid.shape), network=outline_network(still), cell_px=8
    )
    assert put_back == 0
    np.testing.assert_array_equal(rasterize_labels(refined), grid)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (9, 8)])
def test_images_far_smaller_than_the_grid_of_scores(shape):
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((3, 40, 30)).astype(np.float32)
    scores = Scores(logits, shape, shape)
    classes = ClassTable.from_names(("a", "b", "c"))
    before = decide_partition(scores, Decision(), classes)
    assert before.shape == shape
    refined, _ = refine_outlines(before, draw_image(shape), network=make_restless(1), scores=scores)
    assert_is_sound(before, refined)
