"""The region of the learned edge hierarchy under the pointer, finer or coarser.

Shapes: ``h, w`` the working grid, to which large images are shrunk; ``R`` finest regions, and the
2R − 1 nodes that they become one after another.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Int64Array, UInt8Array
from segfit.basics.geometry import Ring
from segfit.edges.finder import EdgeFinder
from segfit.edges.hierarchy import RegionHierarchy
from segfit.imaging.read import MIN_SIDE_PX
from segfit.partition import (
    Partition,
    partition_of,
    simplify_arcs,
    smooth_arcs,
    trace_rings,
    trace_union,
)
from segfit.studio.images.pixels import OpenImage

WORKING_PX = 700_000
GROWTH = 1.25
"""By so much in area each scale is larger than the one before, at least."""
MOST_SCALES = 24
SMOOTHING_ROUNDS, TOLERANCE_PX = 2, 0.3


@dataclass(frozen=True, eq=False)
class RegionTree:
    """A hierarchy of regions, ready to be asked. ``scale``: pixels of the image in one of the grid.

    ``borders``: the finest regions as a partition, its labels their numbers: whatever a node is
    made of, its outline is made of their arcs, so that nodes beside each other leave no gap.
    ``span``: (2R − 1, 2), for each node the first and the last of the places of its finest regions,
    which are in a row. ``areas``: (2R − 1,) in pixels of the grid.
    """

    hierarchy: RegionHierarchy
    scale: tuple[float, float]
    borders: Partition
    span: Int64Array
    areas: Int64Array

    @property
    def nbytes(self) -> int:
        """Bytes that it takes, about."""
        return self.hierarchy.finest.nbytes + 24 * len(self.borders.points) + 64 * len(self.areas)

    def list_scales(self, x: float, y: float) -> list[int]:
        """The nodes around a point of the image, from fine to coarse; empty outside it."""
        height, width = self.hierarchy.finest.shape
        column, row = int(x / self.scale[0]), int(y / self.scale[1])
        if not (x >= 0 and y >= 0 and column < width and row < height):
            return []
        node = int(self.hierarchy.finest[row, column])
        nodes = [node]
        while (parent := int(self.hierarchy.parents[node])) != node:
            node = parent
            if self.areas[node] >= GROWTH * self.areas[nodes[-1]]:
                nodes.append(node)
        if len(nodes) > MOST_SCALES:  # the finest of very many are specks
            chosen = np.linspace(0, len(nodes) - 1, MOST_SCALES).round().astype(int)
            nodes = [nodes[place] for place in chosen]
        return nodes

    def measure(self, node: int) -> float:
        """Area of a node in pixels of the image."""
        return float(self.areas[node] * self.scale[0] * self.scale[1])

    def trace(self, node: int) -> list[Ring]:
        """Rings of a node in coordinates of the image, the outer one first, then its holes."""
        place = self.span[self.borders.labels, 0]
        first, last = self.span[node]
        rings = trace_union(self.borders, (place >= first) & (place < last))
        return [self.borders.points[ring] * self.scale for ring in rings]


def trace_mask(mask: BoolArray) -> list[Ring]:
    """Smooth rings of the true pixels of a mask (h, w): of each piece the outer one, then holes."""
    partition = smooth_borders(mask.view(np.uint8))
    inside = np.flatnonzero(partition.labels == 1).tolist()
    return [partition.points[ring] for region in inside for ring in trace_rings(partition, region)]


def smooth_borders(labels: NDArray[np.integer]) -> Partition:
    """The regions of a grid (h, w) without the stairs of its pixels."""
    return simplify_arcs(smooth_arcs(partition_of(labels), SMOOTHING_ROUNDS), TOLERANCE_PX)


def find_regions(opened: OpenImage, finder: EdgeFinder) -> RegionTree | None:
    """The hierarchy of an image, shrunk to about a megapixel; None for one that is too small."""
    image = shrink(opened, WORKING_PX)
    if min(image.shape[:2]) < MIN_SIDE_PX:
        return None
    _, hierarchy = finder.find(image)
    scale = opened.width / image.shape[1], opened.height / image.shape[0]
    return build_tree(hierarchy, scale)


def shrink(opened: OpenImage, pixels: int) -> UInt8Array:
    """An image with so many pixels at most, of the smallest level that has as many."""
    own = [level for level in opened.levels if level.shape[0] * level.shape[1] >= pixels]
    level = np.ascontiguousarray((own or opened.levels)[-1 if own else 0])
    factor = (pixels / (level.shape[0] * level.shape[1])) ** 0.5
    if factor >= 1:
        return level
    size = [max(1, round(side * factor)) for side in level.shape[1::-1]]
    return np.asarray(cv2.resize(level, size, interpolation=cv2.INTER_AREA), np.uint8)


def build_tree(hierarchy: RegionHierarchy, scale: tuple[float, float]) -> RegionTree:
    """Give the finest regions places such that those of any node are in a row."""
    parents, finest = hierarchy.parents, hierarchy.finest
    nodes, leaves = len(parents), (len(parents) + 1) // 2
    areas = np.zeros(nodes, np.int64)
    areas[:leaves] = np.bincount(finest.ravel(), minlength=leaves)
    sizes = np.zeros(nodes, np.int64)
    sizes[:leaves] = 1
    for node in range(nodes - 1):  # a parent comes after its children
        areas[parents[node]] += areas[node]
        sizes[parents[node]] += sizes[node]
    first = np.zeros(nodes, np.int64)
    free = np.zeros(nodes, np.int64)
    for node in range(nodes - 2, -1, -1):  # and is placed before them
        parent = parents[node]
        first[node] = first[parent] + free[parent]
        free[parent] += sizes[node]
    borders = smooth_borders(finest) if max(scale) > 1 else partition_of(finest)
    return RegionTree(hierarchy, scale, borders, np.stack([first, first + sizes], axis=1), areas)
