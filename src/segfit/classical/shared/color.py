"""Colors in CIELAB, smoothed, and whether an image has any differences at all.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, UInt8Array

FLAT_RANGE = 5.0
"""Range of the CIELAB units of a smoothed image below which it is of one color. Not a deviation:
a few small nuclei on a dark background have next to none."""


def is_flat(image: UInt8Array) -> bool:
    """Whether an image's pixels are all alike, but for rounding and some noise."""
    return measure_range(image) < FLAT_RANGE


def describe_flat(image: UInt8Array) -> str:
    """What to say of a flat image."""
    return (
        f"one region: the image is flat (its colors differ by {measure_range(image):.1f} of "
        "100 CIELAB units); there is nothing to separate"
    )


def measure_range(image: UInt8Array) -> float:
    """Largest range of a CIELAB channel, smoothed by a pixel: noise of 1.5 stays below 5."""
    return float(np.ptp(smooth(to_lab(image), 1.0), axis=(0, 1)).max())


def to_lab(image: UInt8Array) -> Float32Array:
    """CIELAB of an image, (H, W, 3) float32: lightness from 0 to 100, two color axes."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)


def to_lightness(image: UInt8Array) -> Float32Array:
    """Lightness of an image, (H, W) float32, 0 to 100."""
    return np.ascontiguousarray(to_lab(image)[..., 0])


def smooth(planes: Float32Array, sigma_px: float) -> Float32Array:
    """Planes (H, W) or (H, W, 3) smoothed by a Gaussian; 0 leaves them as they are."""
    if sigma_px == 0:
        return planes
    return np.asarray(cv2.GaussianBlur(planes, (0, 0), sigma_px), np.float32)
