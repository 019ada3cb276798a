"""What values of mask files mean to a project, and labels as such files.

Shapes: ``H, W`` an image. Values are (H, W) uint8; objects are (H, W) uint16, 0 for none.
Imports that take long are inside functions, so that the page opens at once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.arrays import UInt8Array, UInt16Array, UInt32Array
from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.studio.labels.classes import LONGEST_NAME, StudioClass, choose_color
from segfit.studio.labels.codes import get_classes, get_objects

if TYPE_CHECKING:
    from segfit.datasets.masks.class_file import ClassFile

MOST_OBJECTS = 65535
UPRIGHT = "upright"
"""How masks of turned images lie that the studio writes: like the image as it is seen."""


def find_ignored(classes: Sequence[StudioClass]) -> int:
    """The value of pixels without a label: 255, or the largest that no class has."""
    taken = {one.value for one in classes}
    return next(value for value in range(IGNORE, -1, -1) if value not in taken)


def encode_values(codes: UInt32Array, classes: Sequence[StudioClass]) -> UInt8Array:
    """Codes (H, W) as values of a mask file."""
    values = np.full(256, find_ignored(classes), np.uint8)
    for one in classes:
        assert one.number is not None
        assert one.value is not None
        values[one.number] = one.value
    return values[get_classes(codes)]


def encode_objects(codes: UInt32Array, objects: Sequence[int]) -> UInt16Array:
    """Objects of codes (H, W) numbered without gaps from 1, in the order of ``objects``, all.

    Raises ``SegfitError`` for more than 65,535 objects.
    """
    if len(objects) > MOST_OBJECTS:
        raise SegfitError(
            f"{len(objects)} objects do not fit into a 16-bit image: merge some, or cut the image "
            "into smaller ones"
        )
    dense = np.zeros(max(objects, default=0) + 1, np.uint16)
    dense[list(objects)] = np.arange(1, len(objects) + 1)
    return dense[get_objects(codes)]


def decode_values(values: UInt8Array, classes: Sequence[StudioClass], name: Path) -> UInt8Array:
    """The class of each pixel (H, W), ``IGNORE`` for none, by the values of a mask file.

    Raises ``SegfitError`` for a value that no class has.
    """
    numbers = np.full(256, -1, np.int64)
    for value in {find_ignored(classes), IGNORE} - {one.value for one in classes}:
        numbers[value] = IGNORE
    for one in classes:
        assert one.number is not None
        assert one.value is not None
        numbers[one.value] = one.number
    found = np.unique(values)
    unknown = found[numbers[found] < 0]
    if len(unknown):
        raise SegfitError(
            f"{name} has the value {unknown[0]}, which no class has: name it in classes.json, or "
            "correct the mask"
        )
    return numbers[values].astype(np.uint8)


def describe_classes(classes: Sequence[StudioClass], background: int | None) -> bytes:
    """``classes.json`` of a project. ``background``: the class that was said to be it, by number.

    Where none was, a class that is called so is it.
    """
    from segfit.datasets.layout import BACKGROUND_NAMES

    may_be = [place for place, one in enumerate(classes) if not one.has_objects]
    named = [place for place in may_be if classes[place].name.lower() in BACKGROUND_NAMES]
    said = [place for place in may_be if classes[place].number == background]
    content = {
        "classes": [
            {
                "name": one.name,
                "value": one.value,
                "color": one.color,
                "instances": one.has_objects,
            }
            for one in classes
        ],
        "background": next(iter([*said, *named]), None),
        "ignore": [find_ignored(classes)],
        "orientation": UPRIGHT,
    }
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def is_plain(spec: ClassFile) -> bool:
    """Whether a class file gives every class a value of 8 bits, in masks that lie upright."""
    values = [one.value for one in spec.classes]
    return (
        bool(values)
        and all(value is not None and value <= IGNORE for value in values)
        and len(set(values)) == len(values)
        and spec.orientation in (None, UPRIGHT)
    )


def find_background(spec: ClassFile) -> int | None:
    """The value of the class that a class file calls the background."""
    names = [entry.name for entry in spec.classes]
    if isinstance(spec.background, str):
        place = names.index(spec.background) if spec.background in names else None
    else:
        place = spec.background
    return None if place is None or place >= len(names) else spec.classes[place].value


def merge_classes(spec: ClassFile, known: Sequence[StudioClass]) -> list[StudioClass]:
    """The classes of a plain class file; those whose value is known stay what they were."""
    of_value = {one.value: one for one in known}
    taken = [entry.color.lower() for entry in spec.classes if entry.color is not None]
    merged = []
    for entry in spec.classes:
        before = of_value.get(entry.value)
        color = entry.color or (before.color if before else choose_color(taken))
        taken.append(color.lower())
        merged.append(
            StudioClass(
                number=before.number if before else None,
                name=entry.name[:LONGEST_NAME],
                color=color.lower(),
                key=before.key if before else "",
                has_objects=bool(entry.instances),
                value=entry.value,
            )
        )
    return merged
