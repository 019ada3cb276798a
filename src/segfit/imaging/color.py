"""Colors in CIELAB, the lightness among them, and planes smoothed.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, UInt8Array


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
