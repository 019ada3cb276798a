"""Looking at a picture between its pixels, and at any scale.

Shapes: ``H, W`` the picture; ``V`` rows of ``T`` points. Frame: picture coordinates (x, y).
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LARGEST_REMAP = 30_000
"""OpenCV counts rows in 16 bits."""

Floats = NDArray[np.float32]


def build_pyramid(picture: NDArray[np.uint8], *, coarsest_px: float) -> list[NDArray[np.uint8]]:
    """The picture (H, W, 3), its half, its quarter … until a pixel is ``coarsest_px`` wide."""
    levels = [picture]
    while 2 ** len(levels) <= coarsest_px and min(levels[-1].shape[:2]) > 1:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(
            levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA
        )
        levels.append(np.asarray(half, np.uint8))
    return levels


def choose_level(step_px: float, level_count: int) -> int:
    """The level whose pixels are as wide as the step, or the nearest finer one that there is."""
    return min(max(0, math.floor(math.log2(step_px) + 1e-6)), level_count - 1)


def sample_picture(levels: list[NDArray[np.uint8]], points: Floats, step_px: float) -> Floats:
    """Bilinear samples at points (V, T, 2) that are ``step_px`` apart, (V, T, 3)."""
    level = levels[choose_level(step_px, len(levels))]
    (height, width), (full_height, full_width) = level.shape[:2], levels[0].shape[:2]
    stretch = np.array([width / full_width, height / full_height], np.float32)
    return sample_bilinear(level, points * stretch).astype(np.float32)


def sample_bilinear(image: NDArray[Any], points: Floats) -> NDArray[Any]:
    """Bilinear samples of an image (H, W, C) at points (V, T, 2), (V, T, C) of the image's type.

    ``points`` in the image's own pixels, whose centres are at half numbers; beyond its edge is what
    lies on it.
    """
    places = points - np.float32(0.5)  # OpenCV's frame: pixel centres at whole numbers
    samples = np.empty((*points.shape[:2], image.shape[2]), image.dtype)
    for start in range(0, len(points), LARGEST_REMAP):
        part = slice(start, start + LARGEST_REMAP)
        across, down = cv2.split(places[part])
        values = cv2.remap(image, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        samples[part] = values.reshape(samples[part].shape)  # OpenCV drops a single channel's axis
    return samples


def sample_regions(regions: NDArray[np.int32], points: Floats) -> NDArray[np.int32]:
    """The region at each point (…, 2) of a grid (H, W) of them; beyond its edge the one on it."""
    height, width = regions.shape
    columns = np.clip(points[..., 0].astype(np.int64), 0, width - 1)
    rows = np.clip(points[..., 1].astype(np.int64), 0, height - 1)
    return np.asarray(regions[rows, columns])
