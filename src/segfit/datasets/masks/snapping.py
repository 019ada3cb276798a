"""Pixels of values that are no class, given to one of the classes around them.

Shapes: ``H, W`` a mask; ``P`` plain values, those of classes and of what is ignored.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Int64Array

UNKNOWN = -1
REACHES_PX = (2, 8)
"""How far from a pixel classes are looked for: first nearby, then as wide as smears are."""


def snap_to_neighbours(firm: Int64Array, values: NDArray[Any], plain: Int64Array) -> Int64Array:
    """Give each unknown pixel, of the plain values around it, the nearest in value.

    ``firm`` (H, W): indices into ``plain`` (P,), or ``UNKNOWN``; ``values`` (H, W) of the mask. A
    border between 0 and 200 passes through 100 without becoming class 100. Where there is no plain
    value within 8 px, all are candidates. Gives indices (H, W).

    >>> values = np.array([[0, 0, 100, 200, 200]])
    >>> snap_to_neighbours(np.array([[0, 0, -1, 2, 2]]), values, np.array([0, 100, 200])).tolist()
    [[0, 0, 0, 2, 2]]
    """
    snapped = firm.copy()
    for reach in (*REACHES_PX, None):
        unknown = snapped == UNKNOWN
        if not unknown.any():
            break
        given = values[unknown].astype(np.int64)
        best = np.full(len(given), UNKNOWN, np.int64)
        least = np.full(len(given), np.iinfo(np.int64).max)
        for index, value in enumerate(plain):
            distance = np.abs(given - int(value))
            closer = distance < least
            if reach is not None:
                closer &= _reaches(firm == index, reach)[unknown]
            best[closer], least[closer] = index, distance[closer]
        snapped[unknown] = best
    return snapped


def find_between(values: NDArray[Any], least: float = 1) -> BoolArray:
    """The pixels (H, W) that have a lower and a higher one, by ``least``, in the 3×3 around them.

    None in a grid of packed colors, of which none is higher.
    """
    if values.dtype not in (np.uint8, np.uint16):
        return np.zeros(values.shape, bool)
    around = np.ones((3, 3), np.uint8)
    low = values.astype(np.int32) - cv2.erode(values, around)
    high = cv2.dilate(values, around).astype(np.int32) - values
    return np.asarray((low >= least) & (high >= least))


def _reaches(area: BoolArray, reach: int) -> BoolArray:
    """The pixels (H, W) that have one of an area within so many columns and rows."""
    around = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return np.asarray(cv2.dilate(area.astype(np.uint8), around) > 0)
