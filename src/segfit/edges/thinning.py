"""Maps of strength → lines a pixel wide, and where in their pixels they lie.

Shapes: ``H, W`` the image.
"""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array
from segfit.result.edges import EdgeMap

RIDGE_SIGMA_PX = 2.0
"""Over how much of a map the direction of its ridges is taken."""
TIE = 1e-5
"""By what share a pixel must exceed its neighbour behind, and may fall short of that ahead: so that
two pixels that differ by rounding alone give one line."""


def find_ridges(strength: Float32Array) -> EdgeMap:
    """Edges of a map of strengths (H, W), 0 to 1: its ridges, across which it is curved most."""
    blurred = cv2.GaussianBlur(strength, (0, 0), RIDGE_SIGMA_PX)
    xx, xy, yy = (
        np.asarray(cv2.Sobel(blurred, cv2.CV_32F, *order, ksize=5), np.float32)
        for order in ((2, 0), (1, 1), (0, 2))
    )
    # The direction of the most negative second derivative lies across the one of the largest.
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.float32(np.pi / 2)
    return thin_edges(strength, np.stack([np.cos(angle), np.sin(angle)]))


def thin_edges(strength: Float32Array, normal: Float32Array) -> EdgeMap:
    """Keep the pixels that are strongest across the edge (Canny, 1986), and place each in between.

    ``strength``: (H, W). ``normal``: (2, H, W) unit vectors. The place is the vertex of a parabola
    through a pixel and the two a step to either side (Devernay, 1995).
    """
    height, width = strength.shape
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)
    )
    ahead, behind = (
        cv2.remap(
            strength,
            columns + sign * normal[0],
            rows + sign * normal[1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for sign in (1, -1)
    )
    clearly = np.float32(1 + TIE)
    is_edge = (strength > 0) & (strength * clearly >= ahead) & (strength > behind * clearly)
    curvature = ahead + behind - 2 * strength
    shift = np.divide(
        behind - ahead, 2 * curvature, out=np.zeros_like(strength), where=curvature < 0
    )
    return EdgeMap(strength, is_edge, normal, np.clip(shift, -0.5, 0.5))
