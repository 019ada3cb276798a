"""Regions of neighbouring planes joined: which of them is the same object, one to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from segfit.basics.arrays import Float64Array, Int64Array, UInt32Array
from segfit.errors import SegfitError
from segfit.partition.trace import find_components

LEAST_IOU = 0.25


@dataclass(frozen=True)
class LinkCounts:
    """What became of the objects of a stack.

    ``objects``: how many there are, through all planes. ``linked``: regions that are joined with
    one in the plane before. ``started``: objects that begin after the first plane; ``ended``: that
    end before the last.
    """

    objects: int = 0
    linked: int = 0
    started: int = 0
    ended: int = 0


class Linker:
    """Gives regions the number of the object that they are of, plane after plane.

    Numbers count from 1 and go on through all sequences of planes. ``least_iou``: of two regions
    that may be one object, above 0 and at most 1; ``SegfitError`` for another one.
    """

    def __init__(self, least_iou: float = LEAST_IOU) -> None:
        if not 0 < least_iou <= 1:
            raise SegfitError(
                f"the least overlap (IoU) of linked objects is {least_iou}; expected a number "
                f"above 0 and at most 1, such as {LEAST_IOU}"
            )
        self._least_iou = least_iou
        self.counts = LinkCounts()
        self._before: tuple[UInt32Array, Int64Array, Int64Array] | None = None

    def start(self) -> None:
        """Begin another sequence, whose first plane has no neighbour before it."""
        self._before = None

    def link(self, numbers: UInt32Array, classes: Int64Array) -> Int64Array:
        """The objects (N,) of the regions of the next plane.

        ``numbers``: (H, W), of each pixel's region, from 1 to N; 0 is none. ``classes``: (N,), of
        the regions: what is of another class is another object.
        """
        objects = np.zeros(len(classes), np.int64)
        linked = started = ended = 0
        if self._before is not None:
            numbers_before, classes_before, objects_before = self._before
            pairs = match_regions(
                numbers_before, numbers, classes_before, classes, least_iou=self._least_iou
            )
            objects[pairs[:, 1]] = objects_before[pairs[:, 0]]
            linked = len(pairs)
            started, ended = len(classes) - linked, len(classes_before) - linked
        new = objects == 0
        objects[new] = self.counts.objects + 1 + np.arange(np.count_nonzero(new))
        was = self.counts
        self.counts = LinkCounts(
            was.objects + int(np.count_nonzero(new)),
            was.linked + linked,
            was.started + started,
            was.ended + ended,
        )
        self._before = numbers, classes, objects
        return objects


def match_regions(
    before: UInt32Array,
    after: UInt32Array,
    classes_before: Int64Array,
    classes_after: Int64Array,
    *,
    least_iou: float,
) -> Int64Array:
    """Pairs (P, 2) of regions, counted from 0, that overlap most: no region is in two of them.

    Of all ways to pair regions of one class that overlap by ``least_iou`` at least, it is the one
    with the largest sum of overlaps. ``before``, ``after``: (H, W), numbers of regions from 1; 0 is
    none.
    """
    count_before, count_after = len(classes_before), len(classes_after)
    areas_before = np.bincount(before.ravel(), minlength=count_before + 1)[1:]
    areas_after = np.bincount(after.ravel(), minlength=count_after + 1)[1:]
    both = (before > 0) & (after > 0)
    keys, shared = np.unique(
        (before[both].astype(np.int64) - 1) * count_after + after[both] - 1, return_counts=True
    )
    first, second = np.divmod(keys, max(1, count_after))
    overlaps = shared / (areas_before[first] + areas_after[second] - shared)
    fits = (overlaps >= least_iou) & (classes_before[first] == classes_after[second])
    first, second, overlaps = first[fits], second[fits], overlaps[fits]
    # Regions that overlap none of each other's candidates do not compete: each group by itself.
    size = count_before + count_after
    _, groups = find_components(np.stack([first, second + count_before], axis=1), size)
    order = np.argsort(groups[first], kind="stable")
    starts = np.flatnonzero(np.diff(groups[first][order])) + 1
    chosen = [_assign(first[g], second[g], overlaps[g]) for g in np.split(order, starts) if len(g)]
    found = np.concatenate(chosen) if chosen else np.empty((0, 2), np.int64)
    return np.asarray(found[np.argsort(found[:, 0], kind="stable")], np.int64)


def _assign(first: Int64Array, second: Int64Array, overlaps: Float64Array) -> Int64Array:
    """The pairs (P, 2) of a group with the largest sum of overlaps."""
    rows, row_of = np.unique(first, return_inverse=True)
    columns, column_of = np.unique(second, return_inverse=True)
    gains = np.zeros((len(rows), len(columns)))
    gains[row_of, column_of] = overlaps
    row, column = linear_sum_assignment(gains, maximize=True)
    fits = gains[row, column] > 0
    return np.stack([rows[row[fits]], columns[column[fits]]], axis=1)
