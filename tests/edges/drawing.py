"""Images whose edges lie at known places."""

import numpy as np

FINE = 8


def draw_step(x, *, shape, low=60, high=200):
    """Dark to the left of ``x``, bright to the right: each pixel by the share of either."""
    columns = np.arange(shape[1])
    share = np.clip(columns + 1 - x, 0, 1)
    row = np.rint(low + share * (high - low)).astype(np.uint8)
    return np.repeat(np.tile(row, (shape[0], 1))[..., None], 3, axis=2)


def draw_disc(x, y, radius, *, shape, low=60, high=200):
    """A bright disc, each pixel by the share that it covers."""
    across = (np.arange(shape[1] * FINE) + 0.5) / FINE - x
    down = (np.arange(shape[0] * FINE) + 0.5) / FINE - y
    inside = across[None] ** 2 + down[:, None] ** 2 <= radius**2
    share = inside.reshape(shape[0], FINE, shape[1], FINE).mean(axis=(1, 3))
    grey = np.rint(low + share * (high - low)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)
