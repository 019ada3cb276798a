"""Labels that lie in a folder before the studio opens it: their classes, and how they are read.

What is written as the studio writes it, or could be, is the studio's from then on. What says its
classes otherwise, such as by colors, is shown and not changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from segfit.classes import IGNORE, ClassTable
from segfit.datasets.masks.class_file import CLASS_FILE_NAME, read_class_file
from segfit.datasets.masks.codes import MaskCode, SmearedCode, ValueCode
from segfit.datasets.masks.finding import read_or_infer_classes
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.studio.folder.label_code import is_plain
from segfit.studio.labels.classes import LONGEST_NAME, StudioClass

MOST_LOOKED_AT = 200
"""Masks that are looked at, spread evenly, where nothing else says the classes."""


@dataclass(frozen=True)
class Adoption:
    """Classes of labels that lie there. ``code``: how to read those that are only shown."""

    classes: list[StudioClass]
    background: int | None
    code: MaskCode | None
    note: str


def adopt_labels(folder: Path, masks: Path, instances: Path) -> Adoption | None:
    """The classes of the labels in a folder; None where there are none, or ``classes.json`` says.

    Raises ``SegfitError`` where they cannot be told.
    """
    class_file = folder / CLASS_FILE_NAME
    if class_file.is_file() and is_plain(read_class_file(class_file)):
        return None
    files = sorted(path for path in masks.rglob("*.png") if path.is_file())
    if not files:
        return None
    step = -(-len(files) // MOST_LOOKED_AT)
    found = read_or_infer_classes(files[::step], class_file if class_file.is_file() else None)
    values = _list_values(found)
    table = _complete_table(found, instances)
    classes = [
        StudioClass(
            number=place,
            name=name[:LONGEST_NAME],
            color="#{:02x}{:02x}{:02x}".format(*table.colors[place]),
            has_objects=place in table.object_classes,
            value=place if values is None else values[place],
        )
        for place, name in enumerate(table.names)
    ]
    return Adoption(classes, table.background, found.code if values is None else None, found.note)


def _list_values(found: MaskClasses) -> list[int] | None:
    """The value of each class, where masks could have been written by the studio; else None."""
    code = found.code
    if not isinstance(code, ValueCode | SmearedCode) or getattr(code, "object_class", None):
        return None
    values: dict[int, list[int]] = {}
    for value, place in code.indices:
        values.setdefault(place, []).append(value)
    own = [values.get(place, []) for place in range(len(found.table))]
    if any(len(one) != 1 or one[0] > IGNORE for one in own):
        return None
    return [one[0] for one in own]


def _complete_table(found: MaskClasses, instances: Path) -> ClassTable:
    table = found.table
    if found.says_objects or not instances.is_dir():
        return table
    objects = tuple(place for place in range(len(table)) if place != table.background)
    return ClassTable(table.names, table.colors, table.background, objects)
