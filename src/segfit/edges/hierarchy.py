"""Edges → regions within regions: an ultrametric contour map.

Shapes: ``H, W`` the image; ``R`` the finest regions; ``A`` arcs between two of them.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import cv2
import numpy as np
from skimage.segmentation import watershed

from segfit.basics.arrays import Float32Array, Float64Array, Int32Array, Int64Array
from segfit.basics.show import show_briefly

FLOOD_SIGMA_PX = 1.0
LEVELS = 255


@dataclass(frozen=True, eq=False)
class RegionHierarchy:
    """Regions that become fewer as weak borders give way.

    ``finest``: (H, W) int32, numbers from 0. ``parents``: (2R − 1,) of the finest regions and, in
    the order in which they are made, of those that two others become; the last one, the whole
    image, is its own. ``heights``: (2R − 1,) strength of the border that gave way, rising; 0 for
    the finest.
    """

    finest: Int32Array
    parents: Int64Array
    heights: Float64Array

    __repr__ = show_briefly

    def cut(self, strength: float) -> Int32Array:
        """Regions (H, W), numbered from 0, whose borders are all at least that strong."""
        return self.name_regions(strength)[self.finest]

    def name_regions(self, strength: float) -> Int32Array:
        """Number, from 0, of the region that each of the finest belongs to, (R,)."""
        own = np.arange(len(self.parents))
        gives_way = (self.heights[self.parents] < strength) & (self.parents != own)
        owner = np.where(gives_way, self.parents, own)
        while True:  # pointers to pointers, twice as far each time
            further = owner[owner]
            if (further == owner).all():
                break
            owner = further
        leaves = (len(own) + 1) // 2
        return np.unique(owner[:leaves], return_inverse=True)[1].astype(np.int32)


def build_hierarchy(strength: Float32Array) -> RegionHierarchy:
    """Close a map of strengths (H, W), 0 to 1, into regions, and let weak borders give way first.

    The finest regions are the basins of the map; a border's strength is the mean along it, of what
    two regions have in common by then (Arbeláez, 2006). A flat map gives one region.
    """
    flooded = cv2.GaussianBlur(strength, (0, 0), FLOOD_SIGMA_PX)
    # Levels, so that what differs by rounding is one basin.
    levels = np.rint(flooded * LEVELS).astype(np.uint8)
    is_flat = levels.min() == levels.max()
    finest = np.asarray(np.zeros_like(levels) if is_flat else watershed(levels) - 1, np.int32)
    count = int(finest.max()) + 1
    pairs, totals, lengths = _measure_arcs(finest, strength, count)
    parents, heights = _merge(count, pairs, totals, lengths)
    return RegionHierarchy(finest, parents, heights)


def _measure_arcs(
    regions: Int32Array, strength: Float32Array, count: int
) -> tuple[Int64Array, Float64Array, Float64Array]:
    """Pairs of neighbours (A, 2), the strength summed along their border, and its length, (A,).

    Strength at the side between two pixels is that of the stronger one.
    """
    codes, values = [], []
    for axis in (0, 1):
        first, second = (
            np.moveaxis(regions, axis, 0)[side] for side in (slice(-1), slice(1, None))
        )
        here, there = (np.moveaxis(strength, axis, 0)[side] for side in (slice(-1), slice(1, None)))
        differs = first != second
        low = np.minimum(first[differs], second[differs]).astype(np.int64)
        high = np.maximum(first[differs], second[differs])
        codes.append(low * count + high)
        values.append(np.maximum(here[differs], there[differs]))
    found, inverse = np.unique(np.concatenate(codes), return_inverse=True)
    totals = np.bincount(inverse, weights=np.concatenate(values), minlength=len(found))
    lengths = np.bincount(inverse, minlength=len(found)).astype(np.float64)
    return np.stack(np.divmod(found, count), axis=1), np.asarray(totals, np.float64), lengths


def _merge(
    count: int, pairs: Int64Array, totals: Float64Array, lengths: Float64Array
) -> tuple[Int64Array, Float64Array]:
    """Merge the two regions with the weakest border until one is left; parents and heights."""
    parents = np.arange(2 * count - 1)
    heights = np.zeros(2 * count - 1)
    borders: list[dict[int, tuple[float, float]]] = [{} for _ in range(2 * count - 1)]
    queue: list[tuple[float, int, int]] = []
    for (a, b), total, length in zip(
        pairs.tolist(), totals.tolist(), lengths.tolist(), strict=True
    ):
        borders[a][b] = borders[b][a] = (total, length)
        queue.append((total / length, a, b))
    heapq.heapify(queue)
    made, height = count, 0.0
    while queue:
        weight, a, b = heapq.heappop(queue)
        if b not in borders[a]:
            continue  # one of them belongs to another region by now
        height = max(height, weight)
        parents[[a, b]], heights[made] = made, height
        merged = borders[made]
        for old in (a, b):
            for other, (total, length) in borders[old].items():
                del borders[other][old]
                if other in (a, b):
                    continue
                before = merged.get(other, (0.0, 0.0))
                merged[other] = before[0] + total, before[1] + length
            borders[old] = {}
        for other, (total, length) in merged.items():
            borders[other][made] = total, length
            heapq.heappush(queue, (total / length, other, made))
        made += 1
    return parents, heights
