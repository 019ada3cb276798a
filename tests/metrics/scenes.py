"""Images of objects, and predictions that are wrong in every way that there is."""

import cv2
import numpy as np


def draw_scene(seed, *, side=96):
    """True and predicted objects (H, W) int32: moved, merged, split, missed and made up."""
    rng = np.random.default_rng(seed)
    true = np.zeros((side, side), np.int32)
    for number in range(1, 15):
        center = [int(value) for value in rng.integers(0, side, 2)]
        axes = [int(value) for value in rng.integers(4, 14, 2)]
        cv2.ellipse(true, center, axes, float(rng.integers(0, 180)), 0, 360, number, -1)
    predicted = np.zeros_like(true)
    for number in np.unique(true[true > 0]).tolist():
        kind = rng.random()
        mask = true == number
        if kind < 0.1:
            continue  # missed
        shift = rng.integers(-2, 3, 2)
        moved = np.roll(mask, shift, axis=(0, 1))
        if kind < 0.2:  # split
            half = np.arange(side) < np.nonzero(moved)[1].mean()
            predicted[moved & half] = number
            predicted[moved & ~half] = number + 50
        elif kind < 0.3 and number > 1:  # merged
            predicted[moved] = number - 1
        else:
            predicted[moved] = number
    for number in range(100, 103):  # made up
        row, column = rng.integers(0, side - 6, 2)
        predicted[row : row + 5, column : column + 5] = number
    return true, predicted
