"""Boundary F: how much of the outlines lies within a tolerance of where it should be.

Shapes: ``K`` classes; ``T`` tolerances; ``B`` boundary elements of an image.
Frame: doubled image coordinates, in which every crack between two pixels has a midpoint of whole
numbers: pixel (r, c) has its centre at (2r+1, 2c+1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array, UInt8Array, UInt16Array
from segfit.classes import IGNORE
from segfit.metrics.class_metric import ClassFigure, ClassMetric
from segfit.metrics.confusion import check_same_shape
from segfit.metrics.figures import mean_of_known

TOLERANCES_PX = (1.0, 2.0, 3.0)
KEY = "boundary_f"


@dataclass(frozen=True, eq=False)
class BoundaryCounts:
    """Boundary elements of each class, and those with a counterpart near; they add up.

    ``truth``, ``predicted``: (K,) int64, elements in all. ``truth_near``, ``predicted_near``:
    (T, K) int64, those that lie within a tolerance of the other's boundary.
    """

    tolerances_px: tuple[float, ...]
    truth: Int64Array
    predicted: Int64Array
    truth_near: Int64Array
    predicted_near: Int64Array

    def __add__(self, other: BoundaryCounts) -> BoundaryCounts:
        return BoundaryCounts(
            tolerances_px=self.tolerances_px,
            truth=self.truth + other.truth,
            predicted=self.predicted + other.predicted,
            truth_near=self.truth_near + other.truth_near,
            predicted_near=self.predicted_near + other.predicted_near,
        )

    def f_per_class(self) -> Float64Array:
        """Boundary F at every tolerance, (T, K): the harmonic mean of precision and recall.

        NaN for a class without boundary in truth and prediction, 0 where only one of them has any.
        """
        precision = self.predicted_near / np.maximum(self.predicted, 1)
        recall = self.truth_near / np.maximum(self.truth, 1)
        total = precision + recall
        f = np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)
        f[:, self.truth + self.predicted == 0] = np.nan
        return f

    def mean_f(self) -> dict[float, float]:
        """Boundary F by tolerance in pixels: the mean over the classes that have boundaries."""
        means = map(mean_of_known, self.f_per_class())
        return dict(zip(self.tolerances_px, means, strict=True))


def no_boundaries(
    class_count: int, *, tolerances_px: tuple[float, ...] = TOLERANCES_PX
) -> BoundaryCounts:
    """Counts of no image, to add others to."""
    per_class = np.zeros(class_count, np.int64)
    per_tolerance = np.zeros((len(tolerances_px), class_count), np.int64)
    return BoundaryCounts(tolerances_px, per_class, per_class, per_tolerance, per_tolerance)


def count_boundaries(
    truth: UInt8Array,
    predicted: UInt8Array,
    class_count: int,
    *,
    tolerances_px: tuple[float, ...] = TOLERANCES_PX,
) -> BoundaryCounts:
    """Compare the outlines of one image's classes.

    An element of a class's boundary is the side between a pixel of the class and a neighbour (left,
    right, above, below) of another class; the image's own border is none. It is near where the
    midpoint of an element of the same class's boundary in the other grid is at most the tolerance
    away. Precision is the share of the predicted elements that are near, recall that of the true
    ones (as in DAVIS, Perazzi et al. 2016, and unlike BSDS nothing is matched one to one). Elements
    at or between pixels whose truth is ``IGNORE`` are left out of both grids.

    ``truth``, ``predicted``: (H, W) uint8, below ``class_count``. ``tolerances_px`` must rise. The
    figure of a data set is that of the counts' sum, then the mean over the classes present.

    >>> shifted = count_boundaries(np.uint8([[0, 0, 1, 1]]), np.uint8([[0, 1, 1, 1]]), 2)
    >>> shifted.f_per_class()[0].tolist()
    [1.0, 1.0]
    """
    check_same_shape(truth, predicted)
    ignored = truth == IGNORE
    counted = None if not ignored.any() else ~ignored
    limits = [4 * tolerance_px**2 for tolerance_px in tolerances_px]
    margin = int(2 * max(tolerances_px))
    true_map = _map_cracks(truth, counted, margin)
    predicted_map = _map_cracks(predicted, counted, margin)
    true_all, true_near = _count_near(true_map, predicted_map, class_count, limits)
    predicted_all, predicted_near = _count_near(predicted_map, true_map, class_count, limits)
    return BoundaryCounts(tolerances_px, true_all, predicted_all, true_near, predicted_near)


@dataclass(frozen=True, eq=False)
class _CrackMap:
    """Cracks between unlike pixels: a list of places, and a grid to look them up.

    ``places``: (B,) int64 flat indices into ``grid``. ``grid``: doubled coordinates plus a margin,
    uint16, the crack's two labels in its two bytes, 0 where there is none.
    """

    places: Int64Array
    grid: UInt16Array


def _map_cracks(labels: UInt8Array, counted: BoolArray | None, margin: int) -> _CrackMap:
    height, width = labels.shape
    grid = np.zeros((2 * height + 1 + 2 * margin, 2 * width + 1 + 2 * margin), np.uint16)
    row_length = grid.shape[1]
    flat = grid.ravel()
    found = []
    for axis in (0, 1):
        first = labels[:-1] if axis == 0 else labels[:, :-1]
        second = labels[1:] if axis == 0 else labels[:, 1:]
        differs = first != second
        if counted is not None:
            differs &= counted[:-1] & counted[1:] if axis == 0 else counted[:, :-1] & counted[:, 1:]
        rows, columns = np.nonzero(differs)
        places = (2 * rows + (2 if axis == 0 else 1) + margin) * row_length
        places += 2 * columns + (1 if axis == 0 else 2) + margin
        # Labels differ, so that the pair (0, 0), which would read as "none", cannot occur.
        flat[places] = first[rows, columns].astype(np.uint16) << 8 | second[rows, columns]
        found.append(places)
    return _CrackMap(places=np.concatenate(found), grid=grid)


def _count_near(
    of: _CrackMap, other: _CrackMap, class_count: int, limits: list[float]
) -> tuple[Int64Array, Int64Array]:
    """Elements of each class (K,), and those near the other's, (T, K).

    ``limits``: squared distances in the doubled frame, rising.
    """
    labels_here = of.grid.ravel()[of.places]
    sides = (labels_here >> 8, labels_here & 255)
    # Each crack is an element of two classes' boundaries.
    places = np.concatenate([of.places, of.places])
    classes = np.concatenate(sides)
    elements = np.bincount(classes, minlength=class_count)
    lookup = other.grid.ravel()
    near = []
    inner = -1.0
    for limit in limits:
        # Outwards ring by ring, so that few elements, those still without counterpart, go far.
        for step in _ring_steps(inner, limit, row_length=other.grid.shape[1]):
            there = lookup[places + step]
            # 0 means "no crack" and would otherwise look like class 0 on both sides.
            matches = ((there >> 8 == classes) | (there & 255 == classes)) & (there != 0)
            places, classes = places[~matches], classes[~matches]
        near.append(elements - np.bincount(classes, minlength=class_count))
        inner = limit
    return elements, np.stack(near)


def _ring_steps(inner: float, outer: float, *, row_length: int) -> list[int]:
    """Steps in the flat grid from crack to crack, squared length in (inner, outer], short first."""
    reach = int(outer**0.5)
    steps = [
        (down**2 + across**2, down * row_length + across)
        for down in range(-reach, reach + 1)
        for across in range(-reach, reach + 1)
        # Midpoints of cracks have one odd and one even coordinate.
        if (down + across) % 2 == 0 and inner < down**2 + across**2 <= outer
    ]
    return [step for _, step in sorted(steps)]


def _list_figures(counts: BoundaryCounts) -> tuple[ClassFigure, ...]:
    return tuple(
        ClassFigure(f"F@{px:g} px", KEY, values, variant=f"{px:g}")
        for px, values in zip(counts.tolerances_px, counts.f_per_class(), strict=True)
    )


METRIC = ClassMetric("boundary", count_boundaries, _list_figures)
