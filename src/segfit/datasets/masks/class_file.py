"""``classes.json``: which value or color of a mask is which class, and what else is to be said."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from segfit.classes import IGNORE, ClassTable, Color
from segfit.datasets.json_files import describe_first
from segfit.datasets.masks.codes import ColorCode, MaskCode, SmearedCode, ValueCode
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.orientation import MaskOrientation
from segfit.errors import SegfitError

CLASS_FILE_NAME = "classes.json"
APART = 24
"""With values at least so far apart, pixels between them are smeared borders, not mistakes."""


class ClassEntry(BaseModel):
    """A class: its name, and the value or the color that its pixels have."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: str = Field(min_length=1)
    value: int | None = Field(default=None, ge=0, le=65535)
    color: str | None = Field(default=None, pattern=r"^#[0-9a-fA-F]{6}$")
    instances: bool | None = None


class ClassFile(BaseModel):
    """The contents of ``classes.json``.

    Without ``classes``, they are found in the masks, and ``ignore`` or ``orientation`` say what
    these do not tell.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    classes: tuple[ClassEntry, ...] = ()
    background: str | int | None = 0
    ignore: tuple[int | str, ...] = ()
    instances: bool = False
    orientation: MaskOrientation | None = Field(default=None, strict=False)


def read_class_file(path: Path) -> ClassFile:
    """Read ``classes.json``; SegfitError names the file and the field that is wrong."""
    try:
        spec = ClassFile.model_validate_json(path.read_bytes().removeprefix(BOM_UTF8))
    except ValidationError as error:
        raise SegfitError(f"{path}: {describe_first(error)}") from None
    except OSError as error:
        raise SegfitError(f"{path} cannot be read ({error.strerror})") from None
    if (not spec.classes and not spec.model_fields_set <= {"ignore", "orientation"}) or (
        not spec.model_fields_set
    ):
        raise SegfitError(
            f"{path}: classes: Field required: name the classes, or give only ignore or "
            "orientation, and the classes are found in the masks"
        )
    return spec


def make_classes(spec: ClassFile, path: Path) -> MaskClasses:
    """The classes that ``classes.json`` names; SegfitError names the field that is wrong.

    Either every class has a ``value`` (a ``color`` beside it only says how to show the class), or
    every class has a ``color`` and none a value; with ``instances`` one class has no value, and its
    pixels hold the numbers of its objects. A class with ``instances`` has objects that are told
    apart, whose numbers are in ``instances/``, or which are its regions. ``background`` is a name,
    an index or null; where it is left out, the first class is the background.
    """
    background, code = _find_background(spec, path), _make_code(spec, path)
    table = ClassTable.from_names(
        tuple(entry.name for entry in spec.classes),
        background=background,
        colors=tuple(parse_color(entry.color) if entry.color else None for entry in spec.classes),
        object_classes=_find_object_classes(spec, background, path),
    )
    note = f"{path.name} names {len(table)} classes: {', '.join(table.names)}."
    says_objects = spec.instances or any(entry.instances is not None for entry in spec.classes)
    return MaskClasses(table, code, note, says_objects)


def parse_color(text: str) -> Color:
    """Turn "#rrggbb" into (r, g, b)."""
    value = int(text[1:], 16)
    return value >> 16, value >> 8 & 255, value & 255


def _find_background(spec: ClassFile, path: Path) -> int | None:
    names = [entry.name for entry in spec.classes]
    if isinstance(spec.background, str):
        if spec.background not in names:
            raise SegfitError(
                f"{path}: background: {spec.background!r} is not among the classes "
                f"({', '.join(names)}): give one of them, its index, or null"
            )
        return names.index(spec.background)
    if spec.background is not None and not 0 <= spec.background < len(names):
        raise SegfitError(
            f"{path}: background: {spec.background} is not an index of {len(names)} classes: "
            f"give 0 to {len(names) - 1}, a name, or null"
        )
    return spec.background


def _find_object_classes(spec: ClassFile, background: int | None, path: Path) -> tuple[int, ...]:
    """Classes whose objects are told apart."""
    chosen = [index for index, entry in enumerate(spec.classes) if entry.instances]
    if background in chosen:
        raise SegfitError(
            f"{path}: classes: '{spec.classes[background or 0].name}' is the background and has no "
            "instances: leave them out there, or name another background (or null)"
        )
    numbered = [
        index
        for index, entry in enumerate(spec.classes)
        if spec.instances and entry.value is None and entry.instances is not False
    ]
    return tuple(sorted({*chosen, *numbered}))


def _make_code(spec: ClassFile, path: Path) -> MaskCode:
    values = [entry.value for entry in spec.classes if entry.value is not None]
    colors = [parse_color(entry.color) for entry in spec.classes if entry.color is not None]
    unvalued = [index for index, entry in enumerate(spec.classes) if entry.value is None]
    if spec.instances and len(unvalued) == 1:
        ignored = _ignored_values(spec, path)
        return _make_value_code(spec, path, ignored, object_class=unvalued[0])
    if spec.instances:
        raise SegfitError(
            f"{path}: classes: with instances, exactly one class has no value, but "
            f"{len(unvalued)} have none: give every class but that of the objects a value"
        )
    if not unvalued:
        return _make_value_code(spec, path, _ignored_values(spec, path), object_class=None)
    if len(colors) == len(spec.classes) and not values:
        ignored_colors = _ignored_colors(spec, path)
        _check_distinct([*colors, *ignored_colors], path)
        return ColorCode(tuple(colors), ignored_colors)
    raise SegfitError(
        f"{path}: classes: give every class a value (index masks) or every class a color such as "
        f"'#ff0000' (color masks); '{spec.classes[unvalued[0]].name}' has no value"
    )


def _make_value_code(
    spec: ClassFile, path: Path, ignored: tuple[int, ...], *, object_class: int | None
) -> ValueCode | SmearedCode:
    pairs = {
        entry.value: index for index, entry in enumerate(spec.classes) if entry.value is not None
    }
    _check_distinct([entry.value for entry in spec.classes if entry.value is not None], path)
    _check_distinct([*pairs, *ignored], path)
    indices = tuple(pairs.items())
    if object_class is None and np.diff(sorted([*pairs, *ignored])).min(initial=APART) >= APART:
        unsaid = () if max([*pairs, *ignored]) > IGNORE - APART else (IGNORE,)
        void = tuple((value, IGNORE) for value in (*ignored, *unsaid))
        return SmearedCode((*indices, *void), exact=True)
    return ValueCode(indices, ignored=ignored, object_class=object_class)


def _ignored_values(spec: ClassFile, path: Path) -> tuple[int, ...]:
    values = tuple(value for value in spec.ignore if isinstance(value, int))
    if len(values) < len(spec.ignore) or not all(0 <= value <= 65535 for value in values):
        raise SegfitError(
            f"{path}: ignore: classes are given by value, so ignore lists values from 0 to 65535 "
            f"(given {list(spec.ignore)})"
        )
    return values


def _ignored_colors(spec: ClassFile, path: Path) -> tuple[Color, ...]:
    colors: list[Color] = []
    for text in spec.ignore:
        if not isinstance(text, str) or not re.fullmatch("#[0-9a-fA-F]{6}", text):
            raise SegfitError(
                f"{path}: ignore: classes are given by color, so ignore lists colors such as "
                f"'#ffffff' (given {text!r})"
            )
        colors.append(parse_color(text))
    return tuple(colors)


def _check_distinct(codes: list[int] | list[Color], path: Path) -> None:
    repeated = [code for position, code in enumerate(codes) if code in codes[:position]]
    if repeated:
        shown = np.array(repeated[0]).tolist()
        raise SegfitError(f"{path}: classes and ignore: {shown} is given twice: keep one of them")
