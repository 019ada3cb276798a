"""Objects of labelled images: which pixels belong to which, and whether they touch.

Shapes: ``H, W`` the image. An object grid holds whole numbers, 0 for none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.classes import ClassTable
from segfit.datasets.labelled import Reading
from segfit.partition.label_grid import LabelGrid, unpack_codes
from segfit.partition.trace import find_runs


@dataclass(frozen=True)
class ObjectCounts:
    """How many objects an image has, how many touch another, how many lie in several pieces."""

    objects: int = 0
    touching: int = 0
    in_pieces: int = 0


def complete_objects(reading: Reading, classes: ClassTable, *, split_pieces: bool) -> Reading:
    """Number the objects of every class that has objects, and of no other.

    Pixels of such a class that have no number make objects of their own, one for each region whose
    pixels share sides. One number in two classes is two objects. ``split_pieces``: pieces of an
    object that do not share a side become objects of their own. Without classes that have objects
    there are no objects.
    """
    if not classes.object_classes:
        return replace(reading, objects=None)
    has_objects = np.isin(reading.labels, classes.object_classes)
    given = reading.objects
    objects = (
        np.zeros(has_objects.shape, np.int32) if given is None else np.where(has_objects, given, 0)
    )
    if given is not None and len(classes.object_classes) > 1:
        pairs, of_pixel = np.unique(LabelGrid(reading.labels, objects).codes, return_inverse=True)
        numbers = unpack_codes(pairs)[1]
        if len(np.unique(numbers[numbers > 0])) < np.count_nonzero(numbers):
            places = of_pixel.reshape(objects.shape) + 1
            objects = np.where(objects > 0, places, 0)
    lacking = has_objects & (objects == 0)
    if lacking.any():
        last = int(objects.max())
        for index in classes.object_classes:
            of_class = lacking & (reading.labels == index)
            count, regions = cv2.connectedComponents(of_class.view(np.uint8), connectivity=4)
            objects[of_class] = regions[of_class] + last
            last += count - 1
    if split_pieces:
        runs = find_runs(objects)
        is_object = runs.region_labels > 0
        numbers = (np.cumsum(is_object) * is_object).astype(np.int32)
        objects = np.repeat(numbers[runs.regions], runs.lengths).reshape(objects.shape)
    unnumbered_px = 0 if given is None else int(lacking.sum())
    return replace(reading, objects=objects.astype(np.int32), unnumbered_px=unnumbered_px)


def tally_objects(objects: Int32Array, labels: UInt8Array) -> ObjectCounts:
    """Count an object grid's objects; touching ones, of one class, have 8-connected pixels."""
    runs = find_runs(objects)
    pieces = runs.region_labels[runs.region_labels > 0]
    numbers, of_each = np.unique(pieces, return_counts=True)
    touching: list[Int32Array] = []
    height, width = objects.shape
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = np.s_[: height - down, max(0, -right) : width - max(0, right)]
        there = np.s_[down:, max(0, right) : width - max(0, -right)]
        first, second = objects[here], objects[there]
        meets = (first != second) & (first > 0) & (second > 0) & (labels[here] == labels[there])
        touching += [first[meets], second[meets]]
    return ObjectCounts(
        objects=len(numbers),
        touching=len(np.unique(np.concatenate(touching))),
        in_pieces=int(np.count_nonzero(of_each > 1)),
    )
