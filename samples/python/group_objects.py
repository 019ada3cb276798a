"""Tell objects apart by what segment.onnx gives of a model with objects, with NumPy and SciPy.

What segfit itself does with the same numbers, for one class, without its care for small and large
objects.
"""

import numpy as np
from scipy import ndimage

SPREAD_PX = 2.0
"""How far from their object's centre its pixels arrive, about."""
FEWEST_PIXELS = 20


def group_objects(foreground: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Numbers of the objects from 1, (H, W), 0 for none.

    ``foreground``: (H, W) bool, ``labels == 1``. ``offsets``: (2, H, W), right and down in pixels.
    """
    rows, columns = np.nonzero(foreground)
    x, y = columns + 0.5, rows + 0.5
    height, width = foreground.shape
    for _ in range(3):  # near a centre, offsets are more exact
        row = np.clip(y.astype(int), 0, height - 1)
        column = np.clip(x.astype(int), 0, width - 1)
        right, down = offsets[:, row, column]
        x, y = x + right, y + down
    row, column = np.clip(y.astype(int), 0, height - 1), np.clip(x.astype(int), 0, width - 1)
    votes = np.zeros(foreground.shape)
    np.add.at(votes, (row, column), 1)
    density = ndimage.gaussian_filter(votes, SPREAD_PX)
    is_peak = density == ndimage.maximum_filter(density, size=2 * round(1.5 * SPREAD_PX) + 1)
    is_peak &= density >= FEWEST_PIXELS / (2 * np.pi * SPREAD_PX**2)
    peaks, count = ndimage.label(is_peak)
    objects = np.zeros(foreground.shape, int)
    if count:
        nearest = ndimage.distance_transform_edt(~is_peak, return_indices=True)[1]
        objects[rows, columns] = peaks[tuple(nearest[:, row, column])]
    return objects
