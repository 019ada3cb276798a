"""Pixels drawn from an image at random, and the regions that they lie in.

Shapes: ``S`` drawn pixels, ``N`` marked ones, ``D`` features, ``K`` classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Float32Array, Int32Array, Int64Array, UInt8Array
from segfit.basics.show import show_briefly
from segfit.classes import IGNORE
from segfit.scribbles.features import Float16Array, PixelFeatures
from segfit.scribbles.marks import Marks

DRAWN = 1000
"""Of an image: a few from each of its regions."""


@dataclass(frozen=True, eq=False)
class DrawnPixels:
    """Rows and columns (S, 2) of drawn pixels and their features (S, D) float16.

    ``regions``: (h, w) numbers of regions from 0, on a coarser grid over the image of
    ``image_shape``. ``is_marked``: (S,). ``said``: (S,) the class of all marks in a pixel's region,
    255 where there are none or those of several classes.
    """

    points: Int64Array
    rows: Float16Array
    regions: Int32Array
    image_shape: tuple[int, int]
    is_marked: BoolArray
    said: UInt8Array

    __repr__ = show_briefly

    def __len__(self) -> int:
        return len(self.points)

    def first(self, count: int) -> DrawnPixels:
        """So many of them, or all."""
        kept = slice(count)
        return replace(
            self,
            points=self.points[kept],
            rows=self.rows[kept],
            is_marked=self.is_marked[kept],
            said=self.said[kept],
        )

    def mark(self, marks: Marks) -> DrawnPixels:
        """The same, and what marks of the image say of them."""
        width = self.image_shape[1]
        own, others = (
            np.asarray(one, np.int64) @ (width, 1) for one in (self.points, marks.points)
        )
        hits = np.zeros((int(self.regions.max()) + 1, IGNORE), np.bool_)
        hits[self.find_regions(marks.points), marks.classes] = True
        said = np.where(hits.sum(axis=1) == 1, hits.argmax(axis=1), IGNORE).astype(np.uint8)
        return replace(
            self, is_marked=np.isin(own, others), said=said[self.find_regions(self.points)]
        )

    def find_regions(self, points: NDArray[np.integer]) -> Int32Array:
        """Numbers (N,) of the regions of pixels (N, 2)."""
        cells = np.asarray(points, np.int64) * self.regions.shape // self.image_shape
        return np.asarray(self.regions[cells[:, 0], cells[:, 1]], np.int32)

    def average(self, logits: Float32Array) -> Float32Array:
        """For each pixel the mean logits, (S, K), of what was drawn from its region."""
        regions = self.find_regions(self.points)
        _, places, counts = np.unique(regions, return_inverse=True, return_counts=True)
        totals = np.zeros((len(counts), logits.shape[1]), np.float32)
        np.add.at(totals, places, logits)
        return np.asarray((totals / counts[:, None])[places], np.float32)


def draw_pixels(features: PixelFeatures) -> DrawnPixels:
    """``DRAWN`` pixels of an image, or all of a smaller one, none marked; always the same ones."""
    height, width = features.image_shape
    count = min(DRAWN, height * width)
    chosen = np.random.default_rng(0).choice(height * width, count, replace=False)
    points = np.stack(np.divmod(chosen, width), axis=1)
    return DrawnPixels(
        points,
        features.sample(points).astype(np.float16),
        features.regions,
        features.image_shape,
        is_marked=np.zeros(count, np.bool_),
        said=np.full(count, IGNORE, np.uint8),
    )
