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

    def to_labels(
        self, *, threshold: float = 0.5, reject: float = 0.0, background: int | None = 0
    ) -> NDArray[np.uint8]:
        """Most probable class of every pixel, (H, W) uint8.

        With one output, a pixel is foreground where its probability exceeds ``threshold``. With K
        outputs, pixels whose best class has a probability below ``reject`` become ``background``.
        """
        if self.logits.shape[0] == 1:
            (plane,) = self._upsampled_planes()
            return (plane > _logit(threshold)).view(np.uint8)
        labels, best = self._best_class()
        if reject > 0 and background is not None:
            labels[self._confidence(best) < reject] = background
        return labels

    def to_probabilities(self) -> NDArray[np.float32]:
        """Class probabilities of every pixel, (classes, H, W) float32; they sum to 1."""
        planes = np.stack(list(self._upsampled_planes()))
        if planes.shape[0] == 1:
            # The sigmoid; with exp(-x) it would overflow where the network is very sure.
            foreground = 0.5 + 0.5 * np.tanh(0.5 * planes[0])
            return np.stack([1 - foreground, foreground])
        planes -= planes.max(axis=0)
        np.exp(planes, out=planes)
        planes /= planes.sum(axis=0)
        return planes

    def _best_class(self) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Class of the highest logit, and that logit; one plane at a time keeps memory small."""
        planes = self._upsampled_planes()
        best = next(planes)
        labels = np.zeros(best.shape, np.uint8)
        for index, plane in enumerate(planes, start=1):
            wins = plane > best
            # Indices rise, so the larger of old and new label is the newer winner.
            np.maximum(labels, wins.view(np.uint8) * np.uint8(index), out=labels)
            cv2.max(best, plane, dst=best)
        return labels, best

    def _confidence(self, best: NDArray[np.float32]) -> NDArray[np.float32]:
        """Softmax probability of the best class, (H, W)."""
        total = np.zeros_like(best)
        for plane in self._upsampled_planes():
            total += np.exp(plane - best)
        return np.reciprocal(total)

    def _upsampled_planes(self) -> Iterator[NDArray[np.float32]]:
        """Bilinear interpolation of one output after another to the picture's pixels."""
        (height, width), (covered_height, covered_width) = self.picture_shape, self.covered_shape
        for plane in self.logits:
            full = cv2.resize(
                np.ascontiguousarray(plane),
                (covered_width, covered_height),
                interpolation=cv2.INTER_LINEAR,
            )
            yield np.ascontiguousarray(full[:height, :width])


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
