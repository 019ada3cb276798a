"""Fits of shapes whose parameters are known: right, robust, and as exact as they say."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shape_outlines import (
    add_noise,
    along,
    bite,
    circle,
    ellipse,
    rectangle,
    to_outline,
    turn,
)

from segfit.errors import SegfitError
from segfit.shapes import SHAPES, FitError, make_fit, outline_of
from segfit.shapes.alpha_shape import fit_alpha_shape
from segfit.shapes.auto import choose_shape
from segfit.shapes.circle import fit_circle
from segfit.shapes.ellipse import ellipse_distances
from segfit.shapes.hull import fit_hull
from segfit.shapes.orthogonal import fit_orthogonal
from segfit.shapes.polygon import fit_polygon
from segfit.shapes.smallest_rectangle import fit_smallest_rectangle
from segfit.shapes.spline import fit_spline

CIRCLE = {"x": 60.3, "y": 70.8, "radius": 40.0}
ELLIPSE = {"x": 80.3, "y": 90.7, "major_radius": 50.0, "minor_radius": 30.0, "angle_deg": 25.0}
RECTANGLE = {"x": 80.0, "y": 90.0, "width": 60.0, "height": 40.0, "angle_deg": 17.0}
KNOWN = {
    "circle": (circle, CIRCLE),
    "ellipse": (ellipse, ELLIPSE),
    "rectangle": (rectangle, RECTANGLE),
}
every_known = pytest.mark.parametrize("shape", KNOWN)
L_SHAPE = np.array([(0, 0), (60, 0), (60, 20), (25, 20), (25, 50), (0, 50)], float)


@every_known
def test_exact_outline_gives_exact_parameters(shape):
    draw, truth = KNOWN[shape]
    fit = SHAPES[shape].fit(to_outline(draw()))
    assert fit.parameters == pytest.approx(truth, abs=0.02)
    assert fit.rms_px < 0.02
    assert fit.iou > 0.98
    assert fit.inliers == 1


@every_known
@pytest.mark.parametrize("error_px", [None, 1.0])
def test_standard_errors_are_as_large_as_the_errors(shape, error_px):
    """Of 40 noisy outlines: all within four, and 95 % within two of them, as far as 40 can tell."""
    draw, truth = KNOWN[shape]
    off = []
    for seed in range(40):
        fit = SHAPES[shape].fit(to_outline(add_noise(draw(), seed=seed), error_px))
        off.append([(fit.parameters[k] - truth[k]) / fit.standard_errors[k] for k in truth])
    off = np.abs(off)
    assert off.max() < 4.5
    assert 0.90 <= np.mean(off < 2) <= 0.995


@every_known
@pytest.mark.parametrize("damage", ["bite", "spur"])
def test_a_bite_or_a_spur_does_not_pull(shape, damage):
    draw, truth = KNOWN[shape]
    depth = 0.55 if damage == "bite" else 1.5
    fit = SHAPES[shape].fit(to_outline(add_noise(bite(draw(), depth=depth), sigma=0.2)))
    assert fit.parameters == pytest.approx(truth, abs=0.6)
    assert 0.8 < fit.inliers < 0.95
    assert fit.largest_px > 8  # the fitting error still shows it


def test_given_errors_weigh_the_points():
    points = circle()
    errors = np.where(np.arange(len(points)) < 60, 5.0, 0.1)
    points[:60] += np.random.default_rng(1).normal(0, 5, (60, 2))
    outline = to_outline(points)
    weighed = type(outline)(outline.rings, points, errors)
    assert fit_circle(weighed).parameters["radius"] == pytest.approx(40, abs=0.05)


def test_correlated_outlines_are_known_less_well():
    rng = np.random.default_rng(0)
    rough = rng.normal(0, 1, len(circle()))
    smooth = np.convolve(np.tile(rough, 3), np.ones(15) / math.sqrt(15), "same")
    smooth = smooth[len(rough) : 2 * len(rough)]
    way = (circle() - (60.3, 70.8)) / 40
    errors = [
        fit_circle(to_outline(circle() + way * noise[:, None])).standard_errors["radius"]
        for noise in (rough, smooth)
    ]
    assert errors[1] > 2 * errors[0]


@given(st.floats(5, 60), st.floats(5, 60), st.floats(0, math.pi), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_ellipse_distance_is_that_of_the_nearest_of_many_points(first, second, angle, seed):
    around = ellipse(first, second, math.degrees(angle), (0, 0), count=40_000)
    points = np.random.default_rng(seed).normal(0, 30, (20, 2))
    nearest = np.hypot(*(points[:, None] - around[None]).transpose(2, 0, 1)).min(axis=1)
    distances = ellipse_distances(np.array([0, 0, first, second, angle]), points)
    np.testing.assert_allclose(np.abs(distances), nearest, atol=0.02)


def test_smallest_rectangle_encloses_and_a_spur_makes_it_larger():
    plain = fit_smallest_rectangle(to_outline(rectangle()))
    assert plain.parameters == pytest.approx(RECTANGLE, abs=1.1)
    spur = np.vstack([rectangle(), [(80, 20)]])
    assert fit_smallest_rectangle(to_outline(spur)).iou < 0.6


def test_hull_of_a_star_is_convex_and_larger():
    fit = fit_hull(to_outline(along(L_SHAPE)))
    assert fit.area_difference_px == pytest.approx(35 * 30 / 2, abs=40)
    assert fit.parameters["corners"] >= 5


@pytest.mark.parametrize("corners", [3, 4, 5, 6])
def test_polygon_has_at_most_so_many_corners(corners):
    assert fit_polygon(to_outline(ellipse()), corners=corners).parameters["corners"] <= corners


def test_polygon_finds_corners_better_than_its_points_know_them():
    noisy = to_outline(add_noise(along(L_SHAPE), sigma=0.5))
    fit = fit_polygon(noisy, corners=6)
    found = fit.rings[0]
    distances = np.hypot(*(L_SHAPE[:, None] - found[None]).transpose(2, 0, 1)).min(axis=1)
    assert distances.max() < 0.6
    assert all(0.01 < error < 0.5 for error in fit.standard_errors.values())


def test_corners_are_as_exact_as_they_say():
    off = []
    for seed in range(40):
        fit = fit_polygon(to_outline(add_noise(along(L_SHAPE), seed=seed)), corners=6)
        if fit.standard_errors is None or fit.parameters["corners"] != 6:
            continue
        errors = np.array(list(fit.standard_errors.values())).reshape(-1, 2)
        order = np.hypot(*(L_SHAPE[:, None] - fit.rings[0][None]).transpose(2, 0, 1)).argmin(axis=1)
        off.append((fit.rings[0][order] - L_SHAPE) / errors[order])
    assert len(off) > 30
    assert 0.88 <= np.mean(np.abs(off) < 2) <= 0.99


def test_polygon_within_a_tolerance():
    outline = to_outline(ellipse())
    fine, coarse = (fit_polygon(outline, tolerance_px=px) for px in (0.5, 4))
    assert fine.largest_px < 0.8
    assert coarse.parameters["corners"] < fine.parameters["corners"]


def test_orthogonal_polygon_has_right_angles_only():
    turned = turn(along(L_SHAPE), 12.0, (30, 30))
    fit = fit_orthogonal(to_outline(add_noise(turned, sigma=0.3)))
    ring = fit.rings[0]
    sides = np.roll(ring, -1, axis=0) - ring
    assert len(ring) == 6
    np.testing.assert_allclose((sides * np.roll(sides, -1, axis=0)).sum(axis=1), 0, atol=1e-6)
    assert fit.iou > 0.97
    assert fit.parameters["angle_deg"] == pytest.approx(12, abs=0.5)


def test_spline_smooths_by_what_the_points_are_off():
    noisy = add_noise(ellipse(), sigma=0.5)
    fit = fit_spline(to_outline(noisy, 0.5))
    truth = np.abs(
        ellipse_distances(np.array([80.3, 90.7, 50, 30, math.radians(25)]), fit.rings[0])
    )
    assert truth.mean() < 0.3
    assert fit_spline(to_outline(noisy), smoothing_px=0).rms_px < 0.3


def test_alpha_shape_fills_narrow_bays_and_leaves_wide_ones():
    bay = np.array([(0, 0), (40, 0), (40, 30), (23, 30), (23, 10), (17, 10), (17, 30), (0, 30)])
    outline = to_outline(along(bay))
    filled, kept = (fit_alpha_shape(outline, alpha_px=px) for px in (6.0, 1.5))
    assert filled.area_difference_px == pytest.approx(120, abs=25)
    assert kept.area_difference_px < 10


@pytest.mark.parametrize(
    ("points", "shape"),
    [(circle(), "circle"), (ellipse(), "ellipse"), (rectangle(), "rectangle")],
)
def test_auto_chooses_the_shape_that_it_is_and_says_so(points, shape):
    fit = choose_shape(to_outline(add_noise(points, sigma=0.3)))
    assert fit.shape == shape
    assert f"{shape} by the information criterion" in fit.note


def test_auto_chooses_a_polygon_for_an_l():
    fit = choose_shape(to_outline(add_noise(along(L_SHAPE), sigma=0.3)))
    assert fit.shape == "polygon"
    assert fit.parameters["corners"] == 6


@pytest.mark.parametrize("shape", SHAPES)
def test_points_on_a_line_are_refused(shape):
    line = np.stack([np.arange(30.0), 2 * np.arange(30.0)], axis=1)
    with pytest.raises(FitError, match="on one line"):
        SHAPES[shape].fit(to_outline(line))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_region_one_pixel_wide_is_fitted_or_says_why(shape):
    ring = np.array([(0, 0), (1, 0), (1, 12), (0, 12)], float)
    try:
        fit = SHAPES[shape].fit(outline_of([ring], spacing_px=0.5))
    except FitError:
        return
    assert math.isfinite(fit.rms_px)
    assert abs(fit.area_difference_px) < 30


def test_points_on_the_images_edge_are_left_out():
    ring = circle(20.0, (20.0, 15.0))
    ring[:, 1] = np.clip(ring[:, 1], 0, None)
    outline = outline_of([ring], None, (60, 60))
    fit = fit_circle(outline)
    assert fit.parameters["radius"] == pytest.approx(20, abs=0.1)
    assert "edge cuts the region" in fit.note
    whole = np.array([(0, 0), (60, 0), (60, 60), (0, 60)], float)
    with pytest.raises(FitError, match="image's edge: a fit needs"):
        outline_of([whole], None, (60, 60))


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("hexagon", {}, "unknown shape 'hexagon': choose auto"),
        ("circle", {"corners": 4}, "circle has no setting corners; it has none"),
        ("polygon", {"alpha_px": 4}, "polygon has no setting alpha_px; it has corners, tol"),
    ],
)
def test_unknown_shapes_and_settings_are_named(name, given, message):
    with pytest.raises(SegfitError, match=message):
        make_fit(name, given)


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"corners": 2}, "3 to 1000 corners, given 2"),
        ({"tolerance_px": 0.0}, "above 0 px, given 0"),
        ({"corners": 4, "tolerance_px": 1.0}, "give one of them"),
    ],
)
def test_impossible_polygons_are_refused(settings_, message):
    with pytest.raises(SegfitError, match=message):
        fit_polygon(to_outline(circle()), **settings_)


def test_a_line_a_pixel_wide_has_the_length_of_its_outline():
    corners = np.array([(10, 10), (60, 10), (60, 11), (10, 11)], float)
    fit = SHAPES["rectangle"].fit(outline_of([corners]))
    assert fit.parameters["width"] == pytest.approx(50, abs=0.5)
    assert fit.parameters["height"] == pytest.approx(1, abs=0.1)
    assert min(fit.standard_errors.values()) > 0


def test_a_spline_that_smooths_a_pixel_away_says_so():
    corners = np.array([(10, 10), (11, 10), (11, 11), (10, 11)], float)
    with pytest.raises(FitError, match=r"has no area: give a lower smoothing"):
        fit_spline(outline_of([corners], spacing_px=0.25))
