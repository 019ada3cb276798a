"""Classes of a layer of labels: kept in its metadata, in the form of ``classes.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from segfit.classes import ClassTable
from segfit.datasets.masks.class_file import ClassFile, make_classes
from segfit.errors import SegfitError

CLASSES = "segfit:classes"
"""Under which a layer's metadata name its classes."""


def parse_classes(text: str, source: Path) -> ClassTable:
    """Classes from the form of ``classes.json``; ``SegfitError`` for another one."""
    try:
        return make_classes(ClassFile.model_validate_json(text), source).table
    except ValidationError as error:
        raise SegfitError(f"{source}: its classes cannot be read ({error})") from error


def find_classes(attributes: dict[str, Any], largest: int) -> ClassTable:
    """The classes of a layer by what it says of itself, or else class 1 to its ``largest`` value.

    Raises ``SegfitError`` for values that are none of its classes.
    """
    text = attributes.get("metadata", {}).get(CLASSES)
    name = str(attributes.get("name", "the layer"))
    names = ("background", *(f"class {number}" for number in range(1, max(largest, 1) + 1)))
    table = ClassTable.from_names(names) if text is None else parse_classes(text, Path(name))
    if largest >= len(table):
        raise SegfitError(
            f"{name} has the value {largest}, but its classes are 0 to {len(table) - 1}: save it "
            "as numbers of objects, or correct the values"
        )
    return table


def color_classes(classes: ClassTable) -> dict[int | None, tuple[float, ...]]:
    """Colors (R, G, B, A) of values, as layers of labels take them; None for all others."""
    colors: dict[int | None, tuple[float, ...]] = {
        index: (*(level / 255 for level in color), 0.0 if index == classes.background else 1.0)
        for index, color in enumerate(classes.colors)
    }
    return {**colors, None: (0.0, 0.0, 0.0, 0.0)}
