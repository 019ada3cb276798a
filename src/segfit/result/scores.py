"""Scores: what the segmentation network says of an image, on its own coarse grid.

Shapes: ``H, W`` the image; ``h, w`` the grid; ``K`` outputs (1: background/foreground).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.basics.show import show_briefly

CELL_SAMPLES = 4
"""Labels per cell and side from which outlines begin: bilinear scores hold nothing finer."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Logits on a grid that covers an image from its top-left corner.

    ``logits``: (K, h, w) float32. ``image_shape``: (H, W). ``covered_shape``: height and width in
    image pixels that the grid spans, at least the image's. ``features``: (F, h, w), the vectors
    that the logits were made from, where the network gives them. ``object_maps``: (3, h, w) of a
    network that tells objects apart: the logit of being near an object's centre, and how far right
    and down that centre is, in cells.
    """

    logits: Float32Array
    image_shape: tuple[int, int]
    covered_shape: tuple[int, int]
    features: Float32Array | None = None
    object_maps: Float32Array | None = None

    __repr__ = show_briefly

    @property
    def cell_px(self) -> float:
        """Width of the grid's cells, in image pixels."""
        return float(self.covered_shape[1] / self.logits.shape[2])

    def to_grid(self, *, with_offsets: bool = False) -> Float32Array:
        """Features and class logits as the regression networks want them, (1, F + K, h, w).

        A network with one output gives two classes: the sigmoid of z is the softmax of (0, z).
        ``with_offsets``: two planes more, how far right and down an object's centre is, in cells,
        of a network that tells objects apart.
        """
        logits = self.logits
        if len(logits) == 1:
            logits = np.concatenate([np.zeros_like(logits), logits])
        parts = [logits] if self.features is None else [self.features, logits]
        if with_offsets and self.object_maps is not None:
            parts.append(self.object_maps[1:])
        return np.concatenate(parts)[None]

    @property
    def class_count(self) -> int:
        """Classes told apart: 2 for a network with one output."""
        return max(2, len(self.logits))

    @property
    def outline_shape(self) -> tuple[int, int]:
        """Rows and columns of a label grid over the image that shows all that the scores hold.

        It has four labels per cell and side, but no more than the image has pixels.
        """
        if self.covered_shape != self.image_shape:
            return self.image_shape
        height, width = self.image_shape
        rows, columns = self.logits.shape[1:]
        return min(height, rows * CELL_SAMPLES), min(width, columns * CELL_SAMPLES)

    def to_probabilities(self, *, shape: tuple[int, int] | None = None) -> Float32Array:
        """Class probabilities of every pixel, (classes, H, W) float32; they sum to 1.

        ``shape``: of another grid over the image, such as ``outline_shape``.
        """
        planes = self.to_logits(shape=shape)
        if planes.shape[0] == 1:
            foreground = sigmoid(planes[0])
            return np.stack([1 - foreground, foreground])
        planes -= planes.max(axis=0)
        np.exp(planes, out=planes)
        planes /= planes.sum(axis=0)
        return planes

    def upsample(self, shape: tuple[int, int]) -> Iterator[Float32Array]:
        """Logits on another grid over the image, (H, W) each: one output after another.

        One plane at a time keeps memory small.
        """
        return self._interpolate(self.logits, shape)

    def to_logits(self, *, shape: tuple[int, int] | None = None) -> Float32Array:
        """Logits of every pixel, (K, H, W) float32, or of another grid over the image."""
        return np.stack(list(self.upsample(shape or self.image_shape)))

    def to_centres(self, shape: tuple[int, int]) -> Float32Array | None:
        """How near the centre of an object each place is, 0 to 1, of a shape over the image.

        None for a network that does not tell objects apart.
        """
        if self.object_maps is None:
            return None
        return sigmoid(next(self._interpolate(self.object_maps[:1], shape)))

    def _interpolate(self, planes: Float32Array, shape: tuple[int, ...]) -> Iterator[Float32Array]:
        """Bilinear interpolation of one plane after another to ``shape`` over the image."""
        height, width = shape
        spans = zip(shape, self.covered_shape, self.image_shape, strict=True)
        rows, columns = (round(side * covered / own) for side, covered, own in spans)
        for plane in planes:
            full = cv2.resize(
                np.ascontiguousarray(plane), (columns, rows), interpolation=cv2.INTER_LINEAR
            )
            yield np.ascontiguousarray(full[:height, :width])


Score = Callable[[UInt8Array], Scores]
"""What a classifier says of an image, (H, W, 3) uint8 RGB."""


def sigmoid(logits: Float32Array) -> Float32Array:
    """Probability by a logit, of any shape."""
    # With exp(-x) it would overflow where the network is very sure.
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))
