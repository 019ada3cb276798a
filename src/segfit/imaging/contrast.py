"""Grey levels of images: where they lie, and spreading them out.

Shapes: ``H, W`` the image.
"""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.arrays import Float64Array, UInt8Array

STRETCHED_SHARES = (0.01, 0.998)
"""Of an image's values; the few that are brighter say nothing of the others."""
LEAST_RANGE = 15
"""Levels that lie closer together count as so far apart: noise is not made an image."""


def find_levels(image: UInt8Array) -> tuple[int, int]:
    """The levels that 1 % and 99.8 % of an image's values, (H, W, 3), do not exceed.

    >>> find_levels(np.arange(100, 200, dtype=np.uint8).reshape(10, 10, 1).repeat(3, axis=2))
    (100, 199)
    """
    return find_levels_of(count_levels(image))


def count_levels(image: UInt8Array) -> Float64Array:
    """How many of an image's values, (H, W, 3), have each level, (256,)."""
    counts = np.zeros(256)
    for channel in range(3):
        counts += cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel()
    return counts


def find_levels_of(counts: Float64Array) -> tuple[int, int]:
    """See ``find_levels``, by ``count_levels`` of an image or the sum of those of its parts."""
    low, high = np.searchsorted(np.cumsum(counts) / counts.sum(), STRETCHED_SHARES)
    return int(low), int(high)


def stretch_levels(image: UInt8Array, between: tuple[int, int] | None = None) -> UInt8Array:
    """Spread an image's levels, (H, W, 3), linearly, from its ``find_levels`` to 0 and 255.

    ``between``: other levels, for a window of a larger image.
    """
    low, high = find_levels(image) if between is None else between
    levels = (np.arange(256) - low) * (255 / max(high - low, LEAST_RANGE))
    return np.asarray(cv2.LUT(image, np.clip(np.rint(levels), 0, 255).astype(np.uint8)))
