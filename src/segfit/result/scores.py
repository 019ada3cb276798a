"""Scores: what the segmentation network says of an image, on its own coarse grid.

Shapes: ``H, W`` the image; ``h, w`` the grid; ``K`` outputs (1: background/foreground).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from segfit.arrays import Float32Array, Int32Array, UInt8Array
from segfit.classification.grouping import group_objects
from segfit.partition import (
    Partition,
    join_codes,
    merge_small_regions,
    partition_of,
    split_codes,
)

CELL_SAMPLES = 4
"""Labels per cell and side from which outlines begin: bilinear scores hold nothing finer."""


@dataclass(frozen=True)
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

    @property
    def cell_px(self) -> float:
        """Width of the grid's cells, in image pixels."""
        return float(self.covered_shape[1] / self.logits.shape[2])

    def to_grid(self) -> Float32Array:
        """Features and class logits as the regression networks want them, (1, F + K, h, w).

        A network with one output gives two classes: the sigmoid of z is the softmax of (0, z). One
        that tells objects apart gives two planes more, its offsets right and down, in cells.
        """
        logits = self.logits
        if len(logits) == 1:
            logits = np.concatenate([np.zeros_like(logits), logits])
        parts = [logits] if self.features is None else [self.features, logits]
        if self.object_maps is not None:
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

    def to_labels(
        self,
        *,
        threshold: float = 0.5,
        reject: float = 0.0,
        background: int | None = 0,
        shape: tuple[int, int] | None = None,
    ) -> UInt8Array:
        """Most probable class of every pixel, (H, W) uint8, or on another grid over the image.

        With one output, a pixel is foreground where its probability exceeds ``threshold``. With K
        outputs, pixels whose best class has a probability below ``reject`` become ``background``.
        ``shape``: the image's, if not given, or ``outline_shape``.
        """
        shape = shape or self.image_shape
        if self.logits.shape[0] == 1:
            (plane,) = self._upsample(self.logits, shape)
            return (plane > _logit(threshold)).view(np.uint8)
        labels, best = self._best_class(shape)
        if reject > 0 and background is not None:
            labels[self._confidence(best) < reject] = background
        return labels

    def to_objects(
        self,
        *,
        threshold: float = 0.5,
        reject: float = 0.0,
        background: int | None = 0,
        things: Sequence[int] = (),
        min_area_px: float = 0.0,
        shape: tuple[int, int] | None = None,
    ) -> tuple[UInt8Array, Int32Array | None]:
        """Labels (H, W), and the objects of classes that are ``things``: see ``group_objects``.

        The settings are those of ``to_labels``; regions and objects smaller than ``min_area_px``,
        in the image's pixels, go to a neighbour. The objects are None for a network that does not
        tell them apart.
        """
        labels = self.to_labels(
            threshold=threshold, reject=reject, background=background, shape=shape
        )
        objects = None
        (height, width), (rows, columns) = self.image_shape, labels.shape
        if self.object_maps is not None and len(things):
            labels, objects = group_objects(
                labels,
                things,
                self.object_maps[1:],
                cells_per_label=(
                    self.logits.shape[1] / self.covered_shape[0] * height / rows,
                    self.logits.shape[2] / self.covered_shape[1] * width / columns,
                ),
            )
        least = min_area_px * labels.size / (height * width)
        if least > 0 and objects is None:
            labels = merge_small_regions(labels, least)
        elif least > 0:
            labels, objects = split_codes(merge_small_regions(join_codes(labels, objects), least))
        return labels, objects

    def to_partition(
        self,
        *,
        threshold: float = 0.5,
        reject: float = 0.0,
        background: int | None = 0,
        things: Sequence[int] = (),
        min_area_px: float = 0.0,
    ) -> Partition:
        """Regions of the image and their first outlines, from labels on ``outline_shape``.

        The settings are those of ``to_objects``; touching objects are regions of their own.
        """
        labels, objects = self.to_objects(
            threshold=threshold,
            reject=reject,
            background=background,
            things=things,
            min_area_px=min_area_px,
            shape=self.outline_shape,
        )
        return partition_of(labels, objects).stretch(self.image_shape)

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

    def to_logits(self, *, shape: tuple[int, int] | None = None) -> Float32Array:
        """Logits of every pixel, (K, H, W) float32, or of another grid over the image."""
        return np.stack(list(self._upsample(self.logits, shape or self.image_shape)))

    def to_centres(self, shape: tuple[int, int]) -> Float32Array | None:
        """How near the centre of an object each place is, 0 to 1, of a shape over the image.

        None for a network that does not tell objects apart.
        """
        if self.object_maps is None:
            return None
        return sigmoid(next(self._upsample(self.object_maps[:1], shape)))

    def _best_class(self, shape: tuple[int, int]) -> tuple[UInt8Array, Float32Array]:
        """Class of the highest logit, and that logit; one plane at a time keeps memory small."""
        planes = self._upsample(self.logits, shape)
        best = next(planes)
        labels = np.zeros(best.shape, np.uint8)
        for index, plane in enumerate(planes, start=1):
            wins = plane > best
            # Indices rise, so the larger of old and new label is the newer winner.
            np.maximum(labels, wins.view(np.uint8) * np.uint8(index), out=labels)
            cv2.max(best, plane, dst=best)
        return labels, best

    def _confidence(self, best: Float32Array) -> Float32Array:
        """Softmax probability of the best class, of the shape of its logit ``best``."""
        total = np.zeros_like(best)
        for plane in self._upsample(self.logits, best.shape):
            total += np.exp(plane - best)
        return np.reciprocal(total)

    def _upsample(self, planes: Float32Array, shape: tuple[int, ...]) -> Iterator[Float32Array]:
        """Bilinear interpolation of one plane after another to ``shape`` over the image."""
        height, width = shape
        spans = zip(shape, self.covered_shape, self.image_shape, strict=True)
        rows, columns = (round(side * covered / own) for side, covered, own in spans)
        for plane in planes:
            full = cv2.resize(
                np.ascontiguousarray(plane), (columns, rows), interpolation=cv2.INTER_LINEAR
            )
            yield np.ascontiguousarray(full[:height, :width])


def sigmoid(logits: Float32Array) -> Float32Array:
    """Probability by a logit, of any shape."""
    # With exp(-x) it would overflow where the network is very sure.
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits))


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    if probability >= 1:
        return math.inf
    return math.log(probability / (1 - probability))
