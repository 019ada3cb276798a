"""A linear classifier of pixels: features → logits.

Shapes: ``K`` classes, ``D`` features, ``h, w`` the finest grid of features.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array
from segfit.basics.show import show_briefly
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.result.scores import WHOLE, Scores, Window
from segfit.scribbles.features import Float16Array, PixelFeatures
from segfit.scribbles.smoothing import smooth_guided

BATCH = 56
"""Rows of one product: so few that the algebra library starts no threads for it, which on a busy
machine wait for each other for seconds."""
BLOCK_CELLS = 64 * BATCH
"""As many features as stay in the processor's cache while they are multiplied."""
SMOOTHING_PX, SMOOTHING_TOLERANCE = 8, 0.02
"""Reach of the guided filter, and the share of the image's variance that is no border to it."""


@dataclass(frozen=True, eq=False)
class PixelClassifier:
    """Weights (K, D) float32 and biases (K,) float32 of the classes of a table.

    They are for features as ``PixelFeatures.sample`` gives them.
    """

    weights: Float32Array
    biases: Float32Array
    classes: ClassTable

    __repr__ = show_briefly

    def score(self, features: PixelFeatures, window: Window = WHOLE) -> Scores:
        """Logits of all classes on the finest grid of an image's features, smoothed within borders.

        ``window``: rows and columns of that grid, if not all of it; the scores are then those of an
        image that is this part. Raises ``SegfitError`` for features of another length and for an
        empty window.
        """
        rows, columns = (
            slice(*side.indices(length)[:2])
            for side, length in zip(window, features.shape, strict=True)
        )
        shape = rows.stop - rows.start, columns.stop - columns.start
        if min(shape) <= 0:
            raise SegfitError(f"the window {window} of a grid {features.shape} is empty")
        cell_px = features.cell_px
        radius = SMOOTHING_PX // cell_px
        # What lies so far outside has a part in the window's own.
        wider = (widen(rows, 2 * radius, features.shape[0]),
                 widen(columns, 2 * radius, features.shape[1]))  # fmt: skip
        logits = self.find_logits(features, wider)
        tolerance = SMOOTHING_TOLERANCE * features.contrast
        if tolerance > 0:
            smooth_guided(logits, features.show(wider), radius=radius, tolerance=tolerance)
        top, left = rows.start - wider[0].start, columns.start - wider[1].start
        height, width = features.image_shape
        covered = shape[0] * cell_px, shape[1] * cell_px
        return Scores(
            np.ascontiguousarray(logits[:, top : top + shape[0], left : left + shape[1]]),
            image_shape=(
                min(covered[0], height - rows.start * cell_px),
                min(covered[1], width - columns.start * cell_px),
            ),
            covered_shape=covered,
        )

    def find_logits(self, features: PixelFeatures, window: tuple[slice, slice]) -> Float32Array:
        """Logits (K, h, w) as they are in a window of the finest grid.

        Each grid is multiplied by its own weights, and logits are what is interpolated: that is the
        same as features interpolated, and takes a fraction of the time.
        """
        if features.size != self.weights.shape[1]:
            raise SegfitError(
                f"there are {features.size} features of each pixel, and the classifier was fitted "
                f"to {self.weights.shape[1]}: describe the image with the same version of segfit"
            )
        folded = features.fold(self.weights)
        rows, columns = window
        shape = len(self.classes), rows.stop - rows.start, columns.stop - columns.start
        logits = np.empty(shape, np.float32)
        logits[:] = (self.biases - folded @ features.mean)[:, None, None]
        start = 0
        for grid, cell_px in zip(features.grids, features.cells_px, strict=True):
            weights = folded[:, start : start + grid.shape[2]]
            start += grid.shape[2]
            planes = _interpolate(grid, weights, window, cell_px // features.cell_px)
            for total, plane in zip(logits, planes, strict=True):
                total += plane
        return logits


def widen(side: slice, cells: int, length: int) -> slice:
    """A part of a side with so many cells more at each end, as far as there are any."""
    return slice(max(0, side.start - cells), min(length, side.stop + cells))


def _interpolate(
    grid: Float16Array, weights: Float32Array, window: Window, ratio: int
) -> Iterator[Float32Array]:
    """One plane of logits after another, from a grid whose cells are ``ratio`` finest cells wide.

    ``window``: rows and columns of finest cells; the planes have its shape.
    """
    # One cell more to each side: bilinear interpolation looks at the neighbours.
    first = [max(0, side.start // ratio - 1) for side in window]
    last = [
        min(length, -(-side.stop // ratio) + 1)
        for side, length in zip(window, grid.shape, strict=False)
    ]
    part = grid[first[0] : last[0], first[1] : last[1]]
    planes = multiply(part, weights)
    skipped = [side.start - at * ratio for side, at in zip(window, first, strict=True)]
    height, width = (side.stop - side.start for side in window)
    for plane in planes:
        if ratio > 1:
            size = plane.shape[1] * ratio, plane.shape[0] * ratio
            plane = np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)
        yield plane[skipped[0] : skipped[0] + height, skipped[1] : skipped[1] + width]


def multiply(grid: Float16Array, weights: Float32Array) -> Float32Array:
    """Logits (K, h, w) of features (h, w, D) by weights (K, D), block by block."""
    height, width, size = grid.shape
    logits = np.empty((height * width, len(weights)), np.float32)
    cells = grid.reshape(-1, size)
    columns = np.ascontiguousarray(weights.T)
    for start in range(0, len(cells), BLOCK_CELLS):
        block = cells[start : start + BLOCK_CELLS].astype(np.float32)
        whole = len(block) // BATCH * BATCH
        part = logits[start : start + len(block)]
        np.matmul(
            block[:whole].reshape(-1, BATCH, size), columns,
            out=part[:whole].reshape(-1, BATCH, len(weights)),
        )  # fmt: skip
        part[whole:] = block[whole:] @ columns
    return np.ascontiguousarray(logits.T).reshape(len(weights), height, width)
