"""Pixels of which nothing is known → what is nearest to them."""

from __future__ import annotations

import cv2
import numpy as np

from segfit.classes import IGNORE
from segfit.partition.label_grid import LabelGrid


def fill_ignored(grid: LabelGrid) -> LabelGrid:
    """Give ignored pixels the label and the object of the nearest known one.

    A grid that is ignored all over stays as it is.
    """
    unknown = grid.labels == IGNORE
    if not unknown.any() or unknown.all():
        return grid
    _, nearest = cv2.distanceTransformWithLabels(
        unknown.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    known = np.zeros(int(nearest.max()) + 1, grid.codes.dtype)
    known[nearest[~unknown]] = grid.codes[~unknown]
    return grid.with_codes(known[nearest])
