"""The guided filter on planes that can be drawn by hand."""

import numpy as np

from segfit.scribbles.smoothing import smooth_guided

RANDOM = np.random.default_rng(0)
STEP = np.repeat([[0.0] * 16 + [1.0] * 16], 32, axis=0).astype(np.float32)


def smooth(planes, guide, *, radius=4, tolerance=0.001):
    smoothed = planes.copy()
    smooth_guided(smoothed, guide, radius=radius, tolerance=tolerance)
    return smoothed


def test_noise_goes_and_the_border_stays():
    noisy = (STEP + RANDOM.normal(0, 0.3, STEP.shape)).astype(np.float32)[None]
    found = smooth(noisy, STEP)[0]
    assert np.abs(found - STEP).max() < 0.25
    assert found[:, 15].mean() < 0.1 < 0.9 < found[:, 16].mean()


def test_a_blurred_plane_gets_the_guide_s_border():
    ramp = np.clip((np.arange(32) - 11.5) / 8, 0, 1).astype(np.float32) * np.ones(
        (32, 1), np.float32
    )
    found = smooth(ramp[None], STEP)[0]
    assert found[16, 16] - found[16, 15] > 2 * (ramp[16, 16] - ramp[16, 15])


def test_a_flat_guide_has_no_border():
    found = smooth(STEP[None], np.zeros_like(STEP), radius=2)[0]
    np.testing.assert_allclose(found[16, 15:17], [0.4, 0.6], atol=1e-5)  # a mean of means


def test_planes_are_smoothed_each_by_itself_and_constants_stay():
    planes = np.stack([STEP, np.full_like(STEP, -7)])
    guide = RANDOM.random(STEP.shape, np.float32)
    found = smooth(planes, guide)
    np.testing.assert_allclose(found[1], -7, rtol=1e-4)
    np.testing.assert_array_equal(found[0], smooth(planes[:1], guide)[0])
