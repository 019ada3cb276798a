"""Drawn outlines made into label grids: circles filled, objects painted one over another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array
from segfit.classes import IGNORE
from segfit.datasets.labelled import Reading
from segfit.errors import SegfitError

MAX_OVERHANG = 1.0
"""How far an outline may reach beyond the image, in its widths and heights; the rest is cut off."""


@dataclass(frozen=True, eq=False)
class PaintedObject:
    """An object's pixels, its class or ``IGNORE``, and its number from 1.

    ``mask``: (h, w) bool, the image or a window of it; ``corner``: the row and the column in the
    image of its first pixel.
    """

    mask: BoolArray
    class_index: int
    number: int
    corner: tuple[int, int] = (0, 0)

    def crop(self) -> tuple[tuple[slice, slice], BoolArray]:
        """The smallest window of the image around its pixels, and those in it."""
        rows, columns = (np.flatnonzero(self.mask.any(axis=axis)) for axis in (1, 0))
        if len(rows) == 0:
            return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)
        inside = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        top, left = self.corner
        window = (
            slice(top + inside[0].start, top + inside[0].stop),
            slice(left + inside[1].start, left + inside[1].stop),
        )
        return window, self.mask[inside]


def check_points(points: Float64Array, *, height: int, width: int, where: str) -> None:
    """Raise SegfitError, which begins with ``where``, for points (N, 2) that no image has.

    That is: not a number, infinite, or further outside than the image is wide or high. Filling
    such outlines takes all memory, or gives pixels that nobody has drawn.
    """
    reach = np.array([width, height]) * MAX_OVERHANG
    far = ~((points >= -reach) & (points <= np.array([width, height]) + reach)).all(axis=1)
    if far.any():
        x, y = points[far][0].tolist()
        raise SegfitError(
            f"{where} has a point at ({x:g}, {y:g}) though the image is {width}×{height} px: "
            "correct or delete it"
        )


def fill_circle(center: Float64Array, radius: float, *, height: int, width: int) -> BoolArray:
    """Fill a circle about (x, y): the pixels whose centre is inside."""
    rows, columns = np.ogrid[:height, :width]
    inside = (columns + 0.5 - center[0]) ** 2 + (rows + 0.5 - center[1]) ** 2 <= radius**2
    return np.asarray(inside)


def fill_ellipse(
    center: Float64Array, radii: Float64Array, turned: float, *, height: int, width: int
) -> BoolArray:
    """Fill an ellipse: the pixels whose centre is inside.

    ``radii``: along its own x and y, which are ``turned`` clockwise, in radians.
    """
    rows, columns = np.mgrid[:height, :width]
    x, y = columns + 0.5 - center[0], rows + 0.5 - center[1]
    along = x * np.cos(turned) + y * np.sin(turned)
    across = y * np.cos(turned) - x * np.sin(turned)
    inside = (along * radii[1]) ** 2 + (across * radii[0]) ** 2 <= np.prod(radii) ** 2
    return np.asarray(inside)


def paint_readable(image: UInt8Array, count: int, fill: Callable[[int], PaintedObject]) -> Reading:
    """Paint those of ``count`` drawn objects that can be filled; the others are left out by name.

    ``fill``: fills the object of an index, or raises SegfitError. Where none of them can be filled,
    so does this: what is in the image is not known then.
    """
    left_out: list[str] = []

    def fill_each() -> Iterator[PaintedObject]:
        for index in range(count):
            try:
                yield fill(index)
            except SegfitError as error:
                left_out.append(str(error))

    reading = paint_objects(image, fill_each())
    if left_out and len(left_out) == count:
        others = f" (and {count - 1} more, which are all that it has)" if count > 1 else ""
        raise SegfitError(f"{left_out[0]}{others}")
    return replace(reading, left_out=tuple(left_out))


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
        window, inside = painted.crop()  # of hundreds of objects, all of the image takes seconds
        there = objects[window]
        is_object = painted.class_index not in (0, IGNORE)
        if is_object:
            numbers.add(painted.number)
            covered = inside & (there > 0) & (there != painted.number)
            beneath.update(np.unique(there[covered]).tolist())
            twice[window] |= covered
        labels[window][inside] = painted.class_index
        there[inside] = painted.number if is_object else 0
    left = np.flatnonzero(np.bincount(objects.ravel())).tolist()
    return Reading(
        image,
        labels,
        objects,
        overlapped_px=int(twice.sum()),
        overlapped_objects=len(beneath),
        lost_objects=len(numbers.difference(left)),
    )
