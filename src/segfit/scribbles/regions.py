"""Regions of one color.

Shapes: ``H, W`` an image; ``h, w`` the grid on which its regions are looked for.
"""

from __future__ import annotations

import cv2
import numpy as np
from skimage.segmentation import felzenszwalb

from segfit.basics.arrays import Float32Array, Int32Array

CELL_PX = 2
MOST_CELLS = 100_000
"""Cells are 2 px wide, and wider where that were more of them than these: it takes 0.2 s then."""
SCALE, SIGMA_CELLS, SMALLEST_CELLS = 120, 0.5, 10
"""The larger the scale, the larger the regions."""


def find_regions(colors: Float32Array, *, cell_px: int) -> Int32Array:
    """Regions of an image (H, W, C) whose cells are so wide, on a coarser grid (h, w), from 0.

    Felzenszwalb and Huttenlocher, "Efficient graph-based image segmentation", IJCV 2004.
    """
    rows, columns, channels = colors.shape
    factor = min(1.0, cell_px / CELL_PX, (MOST_CELLS / (rows * columns)) ** 0.5)
    width, height = (max(1, round(side * factor)) for side in (columns, rows))
    shrunk = cv2.resize(colors, (width, height), interpolation=cv2.INTER_AREA)
    found = felzenszwalb(
        shrunk.reshape(height, width, channels),
        scale=SCALE,
        sigma=SIGMA_CELLS,
        min_size=SMALLEST_CELLS,
        channel_axis=2,
    )
    return np.asarray(found, np.int32)
