"""The guided filter: planes smoothed within the borders of an image.

He, Sun and Tang, "Guided image filtering", ECCV 2010. Shapes: ``K`` planes, ``h, w`` their grid.
"""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array


def smooth_guided(
    planes: Float32Array, guide: Float32Array, *, radius: int, tolerance: float
) -> None:
    """Smooth planes (K, h, w) in place, each a local linear function of the guide (h, w).

    ``radius``: of the windows, in cells. ``tolerance``: variance of the guide in a window below
    which it has no border there, and the plane becomes its mean. Linear in the grid's area,
    whatever the radius.
    """
    mean = _average(guide, radius)
    spread = _average(guide * guide, radius)
    spread -= mean * mean
    spread += np.float32(tolerance)
    for plane in planes:
        own = _average(plane, radius)
        slope = _average(guide * plane, radius)
        slope -= mean * own
        slope /= spread
        own -= slope * mean
        np.multiply(_average(slope, radius), guide, out=plane)
        plane += _average(own, radius)


def _average(plane: Float32Array, radius: int) -> Float32Array:
    side = 2 * radius + 1
    return np.asarray(cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT), np.float32)
