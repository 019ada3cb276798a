"""Objects of which only a part is labelled: their pixels' class is known, their centre is not.

Shapes: ``H, W`` an image at working resolution.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Int32Array, UInt8Array
from segfit.classes import IGNORE
from segfit.training.data.augment import Labelled

OPEN_SHARE = 0.05
"""Of its border, against what nobody labelled, above which an object may go on there."""
LINE_PX = 6
"""Ignored pixels up to so far from labelled ones are a line around objects, as VOC draws it."""


def mark_parts(labelled: Labelled) -> Labelled:
    """The same with the negative of their number for objects that may go on where nobody labelled.

    An object is one, where more than ``OPEN_SHARE`` of its pixels' sides towards others are towards
    ignored pixels, lines of these left out.
    """
    if labelled.objects is None:
        return labelled
    unlabelled = _find_unlabelled(labelled.labels)
    if not unlabelled.any():
        return labelled
    parts = _find_parts(labelled.objects, unlabelled)
    numbers = np.where(parts[labelled.objects], -labelled.objects, labelled.objects)
    return replace(labelled, objects=numbers)


def _find_unlabelled(labels: UInt8Array) -> BoolArray:
    """Ignored pixels, (H, W), but for those of lines."""
    ignored = (labels == IGNORE).astype(np.uint8)
    wide = cv2.distanceTransform(ignored, cv2.DIST_L2, 3) > LINE_PX
    if not wide.any():
        return np.zeros(labels.shape, bool)
    side = 2 * (LINE_PX + 1) + 1
    near = cv2.dilate(wide.astype(np.uint8), np.ones((side, side), np.uint8))
    return np.asarray((ignored > 0) & (near > 0))


def _find_parts(objects: Int32Array, unlabelled: BoolArray) -> BoolArray:
    """Whether each object, by its number, is a part."""
    count = int(objects.max(initial=0)) + 1
    sides, open_sides = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for here, there in (
        (np.s_[:-1], np.s_[1:]),
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:, 1:], np.s_[:, :-1]),
    ):
        is_border = (objects[here] > 0) & (objects[here] != objects[there])
        numbers = objects[here][is_border]
        sides += np.bincount(numbers, minlength=count)
        open_sides += np.bincount(numbers[unlabelled[there][is_border]], minlength=count)
    return np.asarray(open_sides > OPEN_SHARE * sides)
