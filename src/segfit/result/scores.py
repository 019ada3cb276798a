"""Scores: what the segmentation network says of an image, on its own coarse grid.

Shapes: ``H, W`` the image; ``h, w`` the grid; ``K`` outputs (1: background/foreground).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from segfit.basics.arrays import (
    Float16Array,
    Float32Array,
    Float64Array,
    Int32Array,
    Int64Array,
    UInt8Array,
)
from segfit.basics.show import show_briefly

Window = tuple[slice, slice]
"""Rows and columns of a grid."""
WHOLE: Window = (slice(None), slice(None))
CELL_SAMPLES = 4
"""Labels per cell and side from which outlines begin: bilinear scores hold nothing finer."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Logits on a grid that covers an image from its top-left corner.

    ``logits``: (K, h, w) float32. ``image_shape``: (H, W). ``covered_shape``: height and width in
    image pixels that the grid spans, at least the image's. ``features``: (F, h, w), the vectors
    that the logits were made from, where the network gives them, or what other networks look at of
    them; ``feature_figures``: (2, F) mean and standard deviation of each of the features themselves
    then. ``object_maps``: (3, h, w) of a network that tells objects apart: the logit of being near
    an object's centre, and how far right and down that centre is, in cells; in half the digits in a
    result. ``in_windows``: whether a large image was looked at in parts. ``origin_px``: how far
    right and down of the grid's corner the image begins, in image pixels, (x, y): for a window of a
    larger image, whose cells need not begin where it does.
    """

    logits: Float32Array
    image_shape: tuple[int, int]
    covered_shape: tuple[float, float]
    features: Float32Array | None = None
    object_maps: Float32Array | Float16Array | None = None
    feature_figures: Float64Array | None = None
    in_windows: bool = False
    origin_px: tuple[float, float] = (0.0, 0.0)

    __repr__ = show_briefly

    @property
    def cell_px(self) -> float:
        """Width of the grid's cells, in image pixels."""
        return float(self.covered_shape[1] / self.logits.shape[2])

    def relate_to(self, shape: tuple[int, ...]) -> tuple[tuple[float, float], tuple[float, float]]:
        """How a grid of a shape over the image lies on that of the scores.

        Returns how many cells a place of it is high and wide, and how far right and down of the
        cells' corner it begins, in cells.
        """
        sides = zip(self.logits.shape[1:], self.covered_shape, self.image_shape, shape, strict=True)
        down, across = (cells / covered * own / count for cells, covered, own, count in sides)
        (right, below), (high, wide) = self.origin_px, self.covered_shape
        cells_high, cells_wide = self.logits.shape[1:]
        return (down, across), (right * cells_wide / wide, below * cells_high / high)

    @property
    def offsets(self) -> Float32Array | None:
        """How far right and down of each cell its object's centre is, in cells, (2, h, w).

        None for a network that does not tell objects apart.
        """
        return None if self.object_maps is None else np.asarray(self.object_maps[1:], np.float32)

    @property
    def nbytes(self) -> int:
        """Bytes that its arrays take."""
        parts = (self.logits, self.features, self.object_maps)
        return sum(part.nbytes for part in parts if part is not None)

    def to_grid(
        self,
        window: Window = WHOLE,
        *,
        features: slice = slice(None),
        with_offsets: bool = False,
    ) -> Float32Array:
        """Features and class logits as the regression networks want them, (1, F + K, h, w).

        A network with one output gives two classes: the sigmoid of z is the softmax of (0, z).
        ``window``: rows and columns of the grid, if not all of it. ``features``: which of them, if
        not all. ``with_offsets``: two planes
        more, how far right and down an object's centre is, in cells, of a network that tells
        objects apart.
        """
        inside = (slice(None), *window)
        logits = self.logits[inside]
        parts = [np.zeros_like(logits), logits] if len(logits) == 1 else [logits]
        if self.features is not None:
            parts.insert(0, self.features[(features, *window)])
        if with_offsets and self.offsets is not None:
            parts.append(self.offsets[inside])
        return np.concatenate(parts)[None]

    def show(
        self,
        points: Float32Array,
        *,
        whole: bool = True,
        features: slice = slice(None),
        with_offsets: bool = False,
    ) -> tuple[Float32Array, Float32Array]:
        """The grid as networks look at it, and where on it (−1 to 1) points of the image are.

        ``points``: x and y as two planes, (2, …). ``whole``: False for a window of the grid, which
        has all cells that the points look at. ``features``, ``with_offsets``: see ``to_grid``.
        Returns (1, F + K, h, w) and (…, 2) float32.
        """
        across, down = (
            along + np.float32(begin) for along, begin in zip(points, self.origin_px, strict=True)
        )
        (height, width), (rows, columns) = self.covered_shape, self.logits.shape[1:]
        if whole:
            window = WHOLE
            places = [across * (2 / width) - 1, down * (2 / height) - 1]
        else:
            x, of_columns = _place_in_window(across * np.float32(columns / width), columns)
            y, of_rows = _place_in_window(down * np.float32(rows / height), rows)
            window, places = (of_rows, of_columns), [x, y]
        grid = self.to_grid(window, features=features, with_offsets=with_offsets)
        return grid, np.stack(places, axis=-1).astype(np.float32)

    def for_result(self) -> Scores:
        """What a result answers with, copied: class logits, and maps of objects in half the digits.

        The features, of which there are dozens for each class, have done their work; the array that
        all of them are parts of can go.
        """
        maps = None if self.object_maps is None else self.object_maps.astype(np.float16)
        return replace(self, logits=self.logits.copy(), features=None, object_maps=maps)

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

    def to_probabilities(
        self, *, shape: tuple[int, int] | None = None, pixels: Int32Array | None = None
    ) -> Float32Array:
        """Class probabilities of every pixel, (classes, H, W) float32; they sum to 1.

        ``shape``: of another grid over the image, such as ``outline_shape``. ``pixels``: flat
        indices (N,) of those that are wanted, (classes, N), if not all.
        """
        if len(self.logits) == 1:
            (plane,) = self._look_up(self.logits, shape, pixels)
            probabilities = np.empty((2, *plane.shape), np.float32)
            probabilities[1] = sigmoid(plane)
            np.subtract(1, probabilities[1], out=probabilities[0])
            return probabilities
        planes = np.stack(list(self._look_up(self.logits, shape, pixels)))
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
        centres = np.asarray(self.object_maps[:1], np.float32)
        return sigmoid(next(self._interpolate(centres, shape)))

    def _look_up(
        self, planes: Float32Array, shape: tuple[int, int] | None, pixels: Int32Array | None
    ) -> Iterator[Float32Array]:
        """Planes on another grid over the image, (H, W) each, or at pixels (N,) of it."""
        for plane in self._interpolate(planes, shape or self.image_shape):
            yield plane if pixels is None else plane.ravel()[pixels]

    def _interpolate(self, planes: Float32Array, shape: tuple[int, ...]) -> Iterator[Float32Array]:
        """Bilinear interpolation of one plane after another to ``shape`` over the image."""
        height, width = shape
        if any(self.origin_px) or any(side % 1 for side in self.covered_shape):
            yield from self._interpolate_apart(planes, shape)
            return
        spans = zip(shape, self.covered_shape, self.image_shape, strict=True)
        rows, columns = (round(side * covered / own) for side, covered, own in spans)
        for plane in planes:
            full = cv2.resize(
                np.ascontiguousarray(plane), (columns, rows), interpolation=cv2.INTER_LINEAR
            )
            yield np.ascontiguousarray(full[:height, :width])

    def _interpolate_apart(
        self, planes: Float32Array, shape: tuple[int, ...]
    ) -> Iterator[Float32Array]:
        """The same where the image begins within a cell: along columns, then along rows."""
        spans = zip(
            shape,
            planes.shape[1:],
            self.covered_shape,
            self.image_shape,
            self.origin_px[::-1],
            strict=True,
        )
        (rows, down), (columns, right) = (
            _place_between(length, cells=cells, covered=covered, own=own, begin=begin)
            for length, cells, covered, own, begin in spans
        )
        for plane in planes:
            last_row, last_column = (side - 1 for side in plane.shape)
            tall = plane[rows]
            tall += (plane[np.minimum(rows + 1, last_row)] - tall) * down[:, None]
            wide = np.take(tall, columns, axis=1)
            wide += (np.take(tall, np.minimum(columns + 1, last_column), axis=1) - wide) * right
            yield wide


def _place_between(
    length: int, *, cells: int, covered: float, own: float, begin: float
) -> tuple[Int64Array, Float32Array]:
    """For each of ``length`` places along a side, the cell before it and the share of the next."""
    step = own / length
    at = ((np.arange(length) + 0.5) * step + begin) * (cells / covered) - 0.5
    at = np.clip(at, 0, cells - 1)
    before = np.minimum(at.astype(np.int64), max(cells - 2, 0))
    return before, (at - before).astype(np.float32)


def _place_in_window(at: Float32Array, cells: int) -> tuple[Float32Array, slice]:
    """Places along a side of so many cells as shares (−1 to 1) of the window that they look at.

    Bilinear, they look at the centres on either side; beyond the edge, at what lies on it.
    """
    first = int(np.clip(np.floor(at.min() - 1), 0, cells - 1))
    last = int(np.clip(np.ceil(at.max() + 1), first + 1, cells))
    return (at - np.float32(first)) * np.float32(2 / (last - first)) - 1, slice(first, last)


Score = Callable[[UInt8Array], Scores]
"""What a classifier says of an image, (H, W, 3) uint8 RGB."""


def sigmoid(logits: Float32Array) -> Float32Array:
    """Probability by a logit, of any shape."""
    # With exp(-x) it would overflow where the network is very sure.
    half = 0.5 * logits
    np.tanh(half, out=half)
    half *= 0.5
    half += 0.5
    return half
