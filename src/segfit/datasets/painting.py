"""Drawn outlines made into label grids: circles filled, objects painted one over another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array
from segfit.classes import IGNORE
from segfit.datasets.labelled import Reading


@dataclass(frozen=True, eq=False)
class PaintedObject:
    """An object's pixels (H, W) bool, its class or ``IGNORE``, and its number from 1."""

    mask: BoolArray
    class_index: int
    number: int


def fill_circle(center: Float64Array, radius: float, *, height: int, width: int) -> BoolArray:
    """Fill a circle about (x, y): the pixels whose centre is inside."""
    rows, columns = np.ogrid[:height, :width]
    inside = (columns + 0.5 - center[0]) ** 2 + (rows + 0.5 - center[1]) ** 2 <= radius**2
    return np.asarray(inside)


def paint_objects(image: UInt8Array, painted_objects: Iterable[PaintedObject]) -> Reading:
    """Paint objects over background (class 0), the later over the earlier.

    Objects of class ``IGNORE`` (crowds) and of class 0 have no number. One that is left without a
    pixel, since it is smaller than one or lies beneath others, is lost.
    """
    height, width = image.shape[:2]
    labels = np.zeros((height, width), np.uint8)
    objects = np.zeros((height, width), np.int32)
    twice = np.zeros((height, width), bool)
    beneath: set[int] = set()
    numbers: set[int] = set()
    for painted in painted_objects:
        is_object = painted.class_index not in (0, IGNORE)
        if is_object:
            numbers.add(painted.number)
            covered = painted.mask & (objects > 0) & (objects != painted.number)
            beneath.update(np.unique(objects[covered]).tolist())
            twice |= covered
        labels[painted.mask] = painted.class_index
        objects[painted.mask] = painted.number if is_object else 0
    return Reading(
        image,
        labels,
        objects,
        overlapped_px=int(twice.sum()),
        overlapped_objects=len(beneath),
        lost_objects=len(numbers - set(np.unique(objects).tolist())),
    )
