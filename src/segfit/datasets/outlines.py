"""Drawn outlines made into label grids: polygons filled, objects painted one over another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segfit.classes import IGNORE
from segfit.datasets.labelled import Reading


@dataclass(frozen=True)
class PaintedObject:
    """An object's pixels (H, W) bool, its class or ``IGNORE``, and its number from 1."""

    mask: NDArray[np.bool_]
    class_index: int
    number: int


def fill_polygon(points: NDArray[np.float64], *, height: int, width: int) -> NDArray[np.bool_]:
    """Fill a polygon (N, 2) in (x, y): the pixels whose centre is inside, by the even-odd rule.

    Pixel (r, c) covers [c, c+1] × [r, r+1], so a polygon along pixel borders gives exactly those
    pixels, and polygons that share a border neither overlap nor leave a gap.

    >>> fill_polygon(np.array([[1.0, 0], [3, 0], [3, 1], [1, 1]]), height=2, width=4).astype(int)
    array([[0, 1, 1, 0],
           [0, 0, 0, 0]])
    """
    ends = np.roll(points, -1, axis=0)
    first = np.ceil(np.minimum(points[:, 1], ends[:, 1]) - 0.5).clip(0, height).astype(np.int64)
    last = np.ceil(np.maximum(points[:, 1], ends[:, 1]) - 0.5).clip(0, height).astype(np.int64)
    crossings = last - first
    edge = np.repeat(np.arange(len(points)), crossings)
    begin = np.repeat(np.cumsum(crossings) - crossings, crossings)
    row = first[edge] + np.arange(len(edge)) - begin
    along = (row + 0.5 - points[edge, 1]) / (ends[edge, 1] - points[edge, 1])
    x = points[edge, 0] + along * (ends[edge, 0] - points[edge, 0])
    column = np.ceil(x - 0.5).clip(0, width).astype(np.int64)
    flips = np.zeros((height, width + 1), np.int32)
    np.add.at(flips, (row, column), 1)
    return np.asarray(np.cumsum(flips, axis=1)[:, :width] % 2 == 1)


def fill_circle(
    center: NDArray[np.float64], radius: float, *, height: int, width: int
) -> NDArray[np.bool_]:
    """Fill a circle about (x, y): the pixels whose centre is inside."""
    rows, columns = np.ogrid[:height, :width]
    inside = (columns + 0.5 - center[0]) ** 2 + (rows + 0.5 - center[1]) ** 2 <= radius**2
    return np.asarray(inside)


def paint_objects(picture: NDArray[np.uint8], objects: Iterable[PaintedObject]) -> Reading:
    """Paint objects over background (class 0), the later over the earlier.

    Objects of class ``IGNORE`` (crowds) and of class 0 have no number.
    """
    height, width = picture.shape[:2]
    labels = np.zeros((height, width), np.uint8)
    instances = np.zeros((height, width), np.int32)
    twice = np.zeros((height, width), bool)
    for painted in objects:
        is_object = painted.class_index not in (0, IGNORE)
        if is_object:
            twice |= painted.mask & (instances > 0) & (instances != painted.number)
        labels[painted.mask] = painted.class_index
        instances[painted.mask] = painted.number if is_object else 0
    return Reading(picture, labels, instances, overlapped_px=int(twice.sum()))
