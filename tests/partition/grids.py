"""Label grids that the tests of partitions share: drawn by hand, small, or large."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from segfit.basics.arrays import UInt8Array
from segfit.partition import Partition

CLASSES = 5
BLOB_SIGMA_PX = 2.0

SMALL_GRIDS = st.integers(2, CLASSES).flatmap(
    lambda classes: arrays(
        np.uint8,
        array_shapes(min_dims=2, max_dims=2, max_side=7),
        elements=st.integers(0, classes - 1),
    )
)
"""Grids that Hypothesis draws pixel by pixel, so that it finds the smallest that fails."""

SHAPES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@st.composite
def large_grids(draw: st.DrawFn) -> UInt8Array:
    """Grids of up to 40×40 pixels: noise, whose regions are specks, or blobs."""
    shape, classes = draw(SHAPES), draw(st.integers(2, CLASSES))
    scores = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random((classes, *shape))
    if draw(st.booleans()):
        scores = gaussian_filter(scores, (0, BLOB_SIGMA_PX, BLOB_SIGMA_PX))
    return scores.argmax(axis=0).astype(np.uint8)


GRIDS = SMALL_GRIDS | large_grids()


def draw_grid(image: str) -> UInt8Array:
    """A label grid from one digit per pixel, rows apart by blanks."""
    return np.array([[int(digit) for digit in row] for row in image.split()], np.uint8)


def show_grid(labels: NDArray[np.integer]) -> str:
    """The inverse of ``draw_grid``: one blank between rows."""
    return " ".join("".join(str(label) for label in row) for row in labels)


def find_arc(partition: Partition, left: int, right: int) -> int:
    """The only arc with these two labels on its sides, whichever is on the left."""
    labels = np.append(partition.labels.astype(int), -1)[partition.sides]
    (arc,) = np.flatnonzero((np.sort(labels, axis=1) == sorted((left, right))).all(axis=1))
    return int(arc)
