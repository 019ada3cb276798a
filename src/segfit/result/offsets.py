"""Pixels → where their objects' centres are, by the offsets that a network gives.

Shapes: ``h, w`` the score grid; ``P`` pixels.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import Float32Array, Int64Array
from segfit.imaging.sampling import sample_bilinear
from segfit.result.scores import Scores

FOLLOWED = 3
"""Times that a pixel goes on from where it was led: near a centre, offsets are more exact."""


def follow_offsets(points: Float32Array, offsets: Float32Array) -> Float32Array:
    """Where points, (2, P) x and y in cells, are led to by offsets (2, h, w)."""
    field = np.ascontiguousarray(offsets.transpose(1, 2, 0))
    ends = points.copy()
    for _ in range(FOLLOWED):
        ends += sample_bilinear(field, ends[:, :, None])[:, 0].T
    return ends


def place_in_cells(
    rows: Int64Array,
    columns: Int64Array,
    cells_per_label: tuple[float, float],
    origin_cells: tuple[float, float],
) -> Float32Array:
    """The middles of labels, (P,) each, as x and y in cells, (2, P); see
    ``Scores.relate_to``."""
    middles = np.stack([columns, rows]).astype(np.float32) + np.float32(0.5)
    cells = middles * np.array(cells_per_label[::-1], np.float32)[:, None]
    return np.asarray(cells + np.array(origin_cells, np.float32)[:, None])


def follow_pixels(
    rows: Int64Array, columns: Int64Array, shape: tuple[int, ...], scores: Scores
) -> tuple[Float32Array, Float32Array] | None:
    """Where pixels of a grid of a shape over the image are, and are led to, (2, P) in cells.

    ``rows``, ``columns``: (P,). None for a network that does not tell objects apart.
    """
    offsets = scores.offsets
    if offsets is None:
        return None
    cells = place_in_cells(rows, columns, *scores.relate_to(shape))
    return cells, follow_offsets(cells, offsets)
