"""Segmentations that every format of regions has to say, and their regions as shapely sees them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from shapely.geometry import Polygon

from segfit.classes import ClassTable
from segfit.partition import LabelGrid, partition_of, rasterize_labels
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

CLASSES = ClassTable.from_names(("background", "left <eye> & brow", "Zähne"))


def draw(image):
    return np.array([[int(digit) for digit in row] for row in image.split()], np.uint8)


def segment(labels, *, partition=None):
    """A segmentation with scores that say what the labels say, with probability 0.8."""
    labels = np.uint8(labels)
    logits = np.stack([np.where(labels == k, np.log(8), 0) for k in range(3)]).astype(np.float32)
    scores = Scores(logits, labels.shape, labels.shape)
    image = np.full((*labels.shape, 3), 100, np.uint8)
    source = LabelGrid(labels) if partition is None else partition
    return Segmentation(image, source, CLASSES, scores, image_name="a b.jpg")


def warp(labels):
    """A segmentation whose borders lie between pixels, each point with an error of its own."""
    partition = partition_of(np.uint8(labels))
    height, width = partition.shape
    x, y = partition.points.T
    # Continuous, and nothing on the image's edge: what did not cross before does not now.
    bump = 0.8 * np.sin(np.pi * x / width) * np.sin(np.pi * y / height)
    moved = replace(
        partition,
        points=partition.points + bump[:, None] * (0.7, -0.4),
        error_px=0.1 + 0.01 * x + 0.001 * y,
    )
    return segment(rasterize_labels(moved), partition=moved)


NESTED = draw(
    "000000000 011111110 012222210 012111210 012101210 012111210 012222210 011111110 000000000"
)
GRIDS = {
    "one region": np.ones((4, 6), np.uint8),
    "background alone": np.zeros((4, 6), np.uint8),
    "one pixel": draw("00000 00100 00000"),
    "nested": NESTED,
    "checkerboard": (np.indices((20, 20)).sum(axis=0) % 2 + 1).astype(np.uint8),
    # A region that touches itself by a corner, and a hole that does.
    "corners": draw("1110000 1010000 1101111 0001011 0001101 0001111"),
    "thin": draw("0120000 0012000 2001200 1111111"),
}
SAMPLES = {
    **{name: segment(labels) for name, labels in GRIDS.items()},
    **{f"{name}, warped": warp(labels) for name, labels in GRIDS.items()},
    "nested, simplified": warp(np.kron(NESTED, np.ones((4, 4), np.uint8))).simplify(1.0),
}


def to_shapely(region):
    """A region as the polygon that it is."""
    return Polygon(region.polygon[0], region.polygon[1:])
