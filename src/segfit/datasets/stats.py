"""Sizes of the labelled objects: how many pixels per class, how wide each object is."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float32Array, Int32Array, UInt8Array
from segfit.basics.runs import find_equal_runs
from segfit.classes import IGNORE
from segfit.datasets.labelled import ImageStats
from segfit.datasets.objects import ObjectCounts, tally_objects

MEASURED_PX = 4 << 20
"""Widths in larger images are measured on every second, third … pixel of theirs a side."""
LAYOUT_SIDE = 128
"""Rows and columns, at most, of which it is measured where classes lie."""


def measure_labels(
    labels: UInt8Array, *, class_count: int, given: Int32Array | None = None
) -> ImageStats:
    """Count each class's pixels and measure each object's width.

    An object is one of those ``given`` (H, W), or where there is none, an 8-connected region of one
    class. Its width is that of the largest disc inside it, to a pixel: 2d − 1, d being the largest
    distance of its pixels' centres to the nearest pixel of something else or outside the image. So
    a thin, long or ring-shaped object is as wide as it is thick, which decides whether a coarse
    grid sees it. Specks count, each with a side of 1 px or a little more. Of images of more than
    ``MEASURED_PX``, only every ``n``-th pixel a side is looked at: widths are right to ``n`` px,
    and specks narrower than that may be missed; pixels and given objects are all counted.

    >>> labels = np.zeros((5, 9), np.uint8)
    >>> labels[1:4, 1:8] = 1
    >>> measure_labels(labels, class_count=2).object_sides_px
    ((1.0,), (3.0,))
    """
    starts, lengths = find_equal_runs(labels.ravel())
    counts = np.bincount(labels.ravel()[starts], weights=lengths, minlength=class_count)
    counted = ObjectCounts() if given is None else tally_objects(given, labels)
    height, width = labels.shape
    step_px = max(1, math.ceil(math.sqrt(labels.size / MEASURED_PX)))
    looked_at = np.s_[step_px // 2 :: step_px, step_px // 2 :: step_px]
    labels, given = labels[looked_at], None if given is None else given[looked_at]
    objects = number_objects(labels, class_count=class_count, given=given)
    distance_px = measure_depth(objects)
    depth_px = np.zeros(int(objects.max()) + 1, np.float32)
    np.maximum.at(depth_px, objects.ravel(), distance_px.ravel())
    class_of = np.full(len(depth_px), IGNORE, np.uint8)
    class_of[objects.ravel()] = labels.ravel()
    sides_px = step_px * (2 * depth_px - 1)
    return ImageStats(
        height=height,
        width=width,
        class_pixels=tuple(int(count) for count in counts[:class_count]),
        object_sides_px=tuple(
            tuple(sides_px[1:][class_of[1:] == index].tolist()) for index in range(class_count)
        ),
        objects=counted.objects,
        touching=counted.touching,
        in_pieces=counted.in_pieces,
        class_layout=measure_layout(labels, class_count=class_count),
    )


def measure_layout(labels: UInt8Array, *, class_count: int) -> tuple[tuple[float, float], ...]:
    """Where each class lies and how it reaches, see ``ImageStats.class_layout``.

    >>> labels = np.zeros((6, 2), np.uint8)
    >>> labels[4:] = 1
    >>> measure_layout(labels, class_count=3)[1:]
    ((0.33, -0.19), (0.0, 0.0))
    """
    height, width = (min(side, LAYOUT_SIDE) for side in labels.shape)
    rows = np.linspace(0, labels.shape[0] - 1, height).round().astype(int)
    columns = np.linspace(0, labels.shape[1] - 1, width).round().astype(int)
    few = labels[np.ix_(rows, columns)]
    layout = []
    for index in range(class_count):
        is_own = few == index
        middle, down = measure_spread(is_own.sum(axis=1))
        _, across = measure_spread(is_own.sum(axis=0))
        layout.append((round(middle, 2), round(down - across, 2)))
    return tuple(layout)


def measure_spread(counts: NDArray[np.int_]) -> tuple[float, float]:
    """Mean place of what is counted along a side, −½ to ½, and its standard deviation; or zeros."""
    places = (np.arange(len(counts)) + 0.5) / len(counts) - 0.5
    total = max(1, int(counts.sum()))
    mean = float(counts @ places) / total
    variance = float(counts @ places**2) / total - mean**2
    return mean, math.sqrt(max(0.0, variance))


def number_objects(labels: UInt8Array, *, class_count: int, given: Int32Array | None) -> Int32Array:
    """Number the objects from 1 over the whole image; ignored pixels are 0."""
    objects = np.zeros(labels.shape, np.int32)
    total = 0
    free = np.ones(labels.shape, bool)
    if given is not None:
        free = given == 0
        present = np.bincount(given.ravel()) > 0
        present[0] = False
        objects = (np.cumsum(present) * present).astype(np.int32)[given]
        objects[labels == IGNORE] = 0
        total = int(objects.max(initial=0))
    for index in range(class_count):
        mask = (labels == index) & free
        if mask.any():
            count, regions = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
            objects[mask] = regions[mask] + total
            total += count - 1
    return objects


def measure_depth(objects: Int32Array) -> Float32Array:
    """Distance of each pixel's centre to the nearest pixel outside its object, about.

    Pixels at an object's border have 1; one distance transform serves all objects, since every
    object's inside is walled in by its own border pixels.
    """
    padded = np.pad(objects, 1, constant_values=-1)
    border = np.zeros(objects.shape, bool)
    for rows, columns in ((0, 1), (2, 1), (1, 0), (1, 2)):
        height, width = objects.shape
        border |= padded[rows : rows + height, columns : columns + width] != objects
    inside = (~border).astype(np.uint8)
    return cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float32) + 1
