"""Drawn images: what they show is where their outlines say."""

import math

import numpy as np
import pytest

from segfit.basics.geometry import measure_area
from segfit.partition import partition_of
from segfit.refinement.outlines import start_walk
from segfit.refinement.truth import find_offsets
from segfit.training.data.synthetic import (
    DRAWERS,
    GAP_PX,
    SIDE_PX,
    Look,
    SyntheticViews,
    draw_disc,
    draw_look,
    draw_outlines,
    draw_view,
    measure_exact_coverage,
    measure_frame,
    measure_outline_distances,
)


def draw_box(left, top, right, bottom):
    """A clockwise rectangle with at least two points per pixel."""
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    share = np.arange(200)[:, None] / 200
    ends = np.roll(corners, -1, axis=0)
    return np.concatenate([a * (1 - share) + b * share for a, b in zip(corners, ends, strict=True)])


def look(contrast, *, blur_px=1.0, noise_levels=0.0):
    return Look(np.array([[50.0] * 3, [50.0 + contrast] * 3]), blur_px, noise_levels, grey=True)


def test_coverage_is_exact():
    covered = measure_exact_coverage([draw_box(0.75, 1.0, 3.0, 2.5)], side=4)
    expected = [[0, 0, 0, 0], [0.25, 1, 1, 0], [0.125, 0.5, 0.5, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(covered, expected, atol=1e-6)


@pytest.mark.parametrize("draw", DRAWERS)
def test_objects_cover_their_area_and_keep_to_their_radius(draw):
    ring = draw(30.0, np.random.default_rng(5))
    assert np.hypot(*ring.T).max() <= 30.0 + 1e-9
    assert np.hypot(*(np.roll(ring, -1, axis=0) - ring).T).max() < 0.25
    area = measure_area(ring)
    assert area > 0, "clockwise"
    assert measure_exact_coverage([ring + 40], side=80).sum() == pytest.approx(area, rel=1e-5)
    normals, curvatures = measure_frame(ring)
    assert ((ring * normals).sum(axis=1) > 0).all()
    assert curvatures.max() < 0.5


def test_a_circle_has_the_frame_of_a_circle():
    ring = draw_disc(20.0, np.random.default_rng(0))
    normals, curvatures = measure_frame(ring)
    np.testing.assert_allclose(normals, ring / 20, atol=1e-6)
    np.testing.assert_allclose(curvatures, 1 / 20, atol=1e-6)
    distances_px, *_ = measure_outline_distances([ring], np.array([[21.5, 0.0], [0.0, -17.0]]))
    np.testing.assert_allclose(distances_px, [1.5, -3.0], atol=1e-3)


@pytest.mark.parametrize("blur_px", [0.7, 2.0])
def test_pixels_take_the_mean_of_the_blurred_scene_over_their_area(blur_px):
    left = 30.3
    view = draw_view(
        [draw_box(left, 20, 70, 75)], look(200, blur_px=blur_px), np.random.default_rng(0),
        side_px=96,
    )  # fmt: skip
    x = np.arange(22, 40, 0.01) + 0.005
    scene = [0.5 + 0.5 * math.erf((place - left) / blur_px / math.sqrt(2)) for place in x]
    expected = 50 + 200 * np.reshape(scene, (-1, 100)).mean(axis=1)
    np.testing.assert_allclose(view.image[48, 22:40, 0], expected, atol=0.5 + 0.5)


def test_noise_has_its_strength_and_levels_stay_inside():
    outlines = [draw_disc(30.0, np.random.default_rng(0)) + 48]
    noisy = draw_view(outlines, look(100, noise_levels=8), np.random.default_rng(1), side_px=96)
    assert noisy.image[:10].std() == pytest.approx(8, rel=0.1)
    for seed in range(50):
        drawn = draw_look(np.random.default_rng(seed))
        assert drawn.levels.min() >= 0
        assert drawn.levels.max() <= 255
        contrast = np.abs(drawn.levels[1] - drawn.levels[0]).max()
        assert 20 <= contrast <= 200
        assert 0.7 <= drawn.blur_px <= 2.0


def test_offsets_lead_to_the_true_outline():
    views, errors_px = SyntheticViews(seed=1), []
    for step in range(6):
        view = views(step)
        walk = start_walk(partition_of(view.labels), 1.0)
        offsets_px = find_offsets(view.truth, walk, reach_steps=8)
        places = walk.points + walk.normals * offsets_px[:, None]
        errors_px.append(measure_outline_distances(view.outlines, places)[0])
    errors = np.concatenate(errors_px)
    assert abs(errors.mean()) < 0.002
    assert errors.std() < 0.01


def test_objects_are_apart_and_inside():
    for seed in range(10):
        outlines = draw_outlines(np.random.default_rng(seed))
        assert len(outlines) in {1, 4, 9}
        points = np.concatenate(outlines)
        assert points.min() >= GAP_PX
        assert points.max() <= SIDE_PX - GAP_PX


def test_the_same_seed_and_step_give_the_same_view():
    first, again, other = (
        SyntheticViews(seed=2)(7),
        SyntheticViews(seed=2)(7),
        SyntheticViews(seed=3)(7),
    )
    np.testing.assert_array_equal(first.image, again.image)
    np.testing.assert_array_equal(first.truth.shares, again.truth.shares)
    assert not np.array_equal(first.image, other.image)
