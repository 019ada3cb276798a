"""Scores: what the segmentation network says of a picture, on its own coarse grid.

Shapes: ``H, W`` the picture; ``h, w`` the grid; ``K`` outputs (1: background/foreground).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.partition import Partition, merge_small_regions, partition_of

CELL_SAMPLES = 4
"""Labels per cell and side from which outlines begin: bilinear scores hold nothing finer."""


@dataclass(frozen=True)
class Scores:
    """Logits on a grid that covers a picture from its top-left corner.

    ``logits``: (K, h, w) float32. ``picture_shape``: (H, W). ``covered_shape``: height and width in
    picture pixels that the grid spans, at least the picture's. ``features``: (F, h, w), the vectors
    that the logits were made from, where the network gives them.
    """

    logits: NDArray[np.float32]
    picture_shape: tuple[int, int]
    covered_shape: tuple[int, int]
    features: NDArray[np.float32] | None = None

    @property
    def cell_px(self) -> float:
        """Width of the grid's cells, in picture pixels."""
        return float(self.covered_shape[1] / self.logits.shape[2])

    def to_grid(self) -> NDArray[np.float32]:
        """Features and class logits as the regression network wants them, (1, F + K, h, w).

        A network with one output gives two classes: the sigmoid of z is the softmax of (0, z).
        """
        logits = self.logits
        if len(logits) == 1:
            logits = np.concatenate([np.zeros_like(logits), logits])
        parts = [logits] if self.features is None else [self.features, logits]
        return np.concatenate(parts)[None]

    @property
    def class_count(self) -> int:
        """Classes told apart: 2 for a network with one output."""
        return max(2, len(self.logits))

    @property
    def outline_shape(self) -> tuple[int, int]:
        """Rows and columns of a label grid over the picture that shows all that the scores hold.

        It has four labels per cell and side, but no more than the picture has pixels.
        """
        if self.covered_shape != self.picture_shape:
            return self.picture_shape
        height, width = self.picture_shape
        rows, columns = self.logits.shape[1:]
        return min(height, rows * CELL_SAMPLES), min(width, columns * CELL_SAMPLES)

    def to_labels(
        self,
        *,
        threshold: float = 0.5,
        reject: float = 0.0,
        background: int | None = 0,
        shape: tuple[int, int] | None = None,
    ) -> NDArray[np.uint8]:
        """Most probable class of every pixel, (H, W) uint8, or on another grid over the picture.

        With one output, a pixel is foreground where its probability exceeds ``threshold``. With K
        outputs, pixels whose best class has a probability below ``reject`` become ``background``.
        ``shape``: the picture's, if not given, or ``outline_shape``.
        """
        shape = shape or self.picture_shape
        if self.logits.shape[0] == 1:
            (plane,) = self._upsampled_planes(shape)
            return (plane > _logit(threshold)).view(np.uint8)
        labels, best = self._best_class(shape)
        if reject > 0 and background is not None:
            labels[self._confidence(best) < reject] = background
        return labels

    def to_partition(
        self,
        *,
        threshold: float = 0.5,
        reject: float = 0.0,
        background: int | None = 0,
        min_area_px: float = 0.0,
    ) -> Partition:
        """Regions of the picture and their first outlines, from labels on ``outline_shape``.

        The settings are those of ``to_labels``; regions smaller than ``min_area_px``, in the
        picture's pixels, go to a neighbour.
        """
        labels = self.to_labels(
            threshold=threshold, reject=reject, background=background, shape=self.outline_shape
        )
        if min_area_px > 0:
            height, width = self.picture_shape
            labels = merge_small_regions(labels, min_area_px * labels.size / (height * width))
        return partition_of(labels).stretch(self.picture_shape)

    def to_probabilities(self, *, shape: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """Class probabilities of every pixel, (classes, H, W) float32; they sum to 1.

        ``shape``: of another grid over the picture, such as ``outline_shape``.
        """
        planes = np.stack(list(self._upsampled_planes(shape or self.picture_shape)))
        if planes.shape[0] == 1:
            # The sigmoid; with exp(-x) it would overflow where the network is very sure.
            foreground = 0.5 + 0.5 * np.tanh(0.5 * planes[0])
            return np.stack([1 - foreground, foreground])
        planes -= planes.max(axis=0)
        np.exp(planes, out=planes)
        planes /= planes.sum(axis=0)
        return planes

    def _best_class(self, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Class of the highest logit, and that logit; one plane at a time keeps memory small."""
        planes = self._upsampled_planes(shape)
        best = next(planes)
        labels = np.zeros(best.shape, np.uint8)
        for index, plane in enumerate(planes, start=1):
            wins = plane > best
            # Indices rise, so the larger of old and new label is the newer winner.
            np.maximum(labels, wins.view(np.uint8) * np.uint8(index), out=labels)
            cv2.max(best, plane, dst=best)
        return labels, best

    def _confidence(self, best: NDArray[np.float32]) -> NDArray[np.float32]:
        """Softmax probability of the best class, of the shape of its logit ``best``."""
        total = np.zeros_like(best)
        for plane in self._upsampled_planes(best.shape):
            total += np.exp(plane - best)
        return np.reciprocal(total)

    def _upsampled_planes(self, shape: tuple[int, ...]) -> Iterator[NDArray[np.float32]]:
        """Bilinear interpolation of one output after another to ``shape`` over the picture."""
        height, width = shape
        spans = zip(shape, self.covered_shape, self.picture_shape, strict=True)
        rows, columns = (round(side * covered / own) for side, covered, own in spans)
        for plane in self.logits:
            full = cv2.resize(
                np.ascontiguousarray(plane), (columns, rows), interpolation=cv2.INTER_LINEAR
            )
            yield np.ascontiguousarray(full[:height, :width])


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
