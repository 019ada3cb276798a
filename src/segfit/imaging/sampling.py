"""Looking at an image between its pixels, and at any scale.

Shapes: ``H, W`` the image; ``V`` rows of ``T`` points, their x and y apart: (2, V, T).
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float32Array, Int32Array, UInt8Array
from segfit.imaging.pyramid import Pyramid

LARGEST_REMAP = 30_000
"""OpenCV counts rows in 16 bits."""


def sample_image(pyramid: Pyramid, points: Float32Array, step_px: float) -> UInt8Array:
    """Bilinear samples of the level whose pixels are as wide as the step, (V, T, 3)."""
    image = pyramid.level(max(0, math.floor(math.log2(step_px) + 1e-6)))
    if image is not pyramid.image:
        stretch = np.array(image.shape[1::-1]) / np.array(pyramid.image.shape[1::-1])
        points = points * stretch[:, None, None].astype(np.float32)
    return np.asarray(sample_bilinear(image, points), np.uint8)


def sample_bilinear(image: NDArray[Any], points: Float32Array) -> NDArray[Any]:
    """Bilinear samples of an image (H, W, C) at points (2, V, T), (V, T, C) of the image's type.

    ``points``: x and y in the image's own pixels, whose centres are at half numbers; beyond its
    edge is what lies on it.
    """
    across, down = points - np.float32(0.5)  # OpenCV's frame: pixel centres at whole numbers
    samples = np.empty((*across.shape, image.shape[2]), image.dtype)
    for start in range(0, len(across), LARGEST_REMAP):
        rows = slice(start, start + LARGEST_REMAP)
        values = cv2.remap(
            image, across[rows], down[rows], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        samples[rows] = values.reshape(samples[rows].shape)  # OpenCV drops a single channel's axis
    return samples


def sample_regions(regions: Int32Array, points: Float32Array) -> Int32Array:
    """The region at each point (2, …) of a grid (H, W) of them; beyond its edge the one on it."""
    height, width = regions.shape
    columns = np.clip(points[0].astype(np.int64), 0, width - 1)
    rows = np.clip(points[1].astype(np.int64), 0, height - 1)
    return np.asarray(regions[rows, columns])
