"""Edges of steps and discs whose place is known."""

import numpy as np
import pytest
from drawing import draw_disc, draw_step

from segfit.edges import DETECTORS
from segfit.edges.detectors import detect_canny, detect_gradient

every_detector = pytest.mark.parametrize("name", DETECTORS)


@every_detector
@pytest.mark.parametrize("place", [15.0, 15.3, 15.5, 15.8])
def test_a_step_is_found_to_a_fraction_of_a_pixel(name, place):
    edges = DETECTORS[name].detect(draw_step(place, shape=(24, 32)))
    rows, columns = np.nonzero(edges.is_edge & (edges.strength > 0.3))
    assert set(rows[(rows > 2) & (rows < 21)].tolist()) == set(range(3, 21))
    x = edges.locate(rows, columns)[:, 0]
    np.testing.assert_allclose(x, place, atol=0.15)


@every_detector
def test_a_disc_has_one_round_edge(name):
    edges = DETECTORS[name].detect(draw_disc(20.4, 21.7, 11.0, shape=(44, 44)))
    rows, columns = np.nonzero(edges.is_edge & (edges.strength > 0.3))
    radii = np.hypot(*(edges.locate(rows, columns) - (20.4, 21.7)).T)
    assert len(rows) > 40
    np.testing.assert_allclose(radii, 11.0, atol=0.4)


@every_detector
def test_a_flat_image_has_no_edge(name):
    edges = DETECTORS[name].detect(np.full((20, 20, 3), 77, np.uint8))
    assert not (edges.is_edge & (edges.strength > 0)).any()


@every_detector
def test_an_edge_of_color_alone_is_found(name):
    if name == "laplacian":
        pytest.skip("it goes by lightness alone, as its description says")
    # Red and green of the same lightness.
    image = np.zeros((20, 20, 3), np.uint8)
    image[:, :10], image[:, 10:] = (200, 60, 60), (0, 128, 60)
    edges = DETECTORS[name].detect(image)
    assert edges.is_edge[10, 8:12].any()


def test_normals_point_across_the_edge():
    edges = detect_gradient(draw_step(10.0, shape=(20, 20)))
    rows, columns = np.nonzero(edges.is_edge & (edges.strength > 0.3))
    np.testing.assert_allclose(np.abs(edges.normal[0, rows, columns]), 1, atol=0.02)


def test_scharr_and_sobel_agree_where_the_edge_is():
    image = draw_step(9.4, shape=(20, 20))
    places = [
        detect_gradient(image, scharr=scharr).locate(np.array([10]), np.array([9]))[0, 0]
        for scharr in (False, True)
    ]
    assert places[0] == pytest.approx(places[1], abs=0.02)


def test_canny_keeps_faint_parts_of_a_strong_line_and_no_faint_line():
    levels = np.full((60, 60), 100.0)
    levels[:, 20:40] = 220  # strong on the left ...
    levels[30:, 20:40] = 140  # ... and weaker below
    levels[:, 50:] = 103  # a faint line by itself
    noisy = levels + np.random.default_rng(0).normal(0, 6, levels.shape)
    edges = detect_canny(np.repeat(noisy.astype(np.uint8)[..., None], 3, axis=2))
    for rows in (slice(5, 25), slice(35, 55)):
        assert edges.is_edge[rows, 18:22].any(axis=1).all()
    assert not edges.is_edge[:, 47:53].any()


def test_noise_alone_survives():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    for detector in DETECTORS.values():
        edges = detector.detect(noise)
        assert np.isfinite(edges.strength).all()
        assert edges.strength.max() <= 1
