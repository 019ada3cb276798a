"""The classes that segfit writes into its own masks, in the form of ``classes.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from pydantic import ValidationError

from segfit.basics.text import count_noun, list_first
from segfit.datasets.masks.class_file import ClassFile, make_classes
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.errors import SegfitError
from segfit.formats.mask import CLASSES_KEY


def read_embedded_classes(masks: Sequence[Path]) -> MaskClasses | None:
    """The classes that masks name themselves; None where none does.

    Raises SegfitError where they name different ones. Masks that name none, such as those that
    another program has saved again, are read by the classes of the others.
    """
    named = {mask: text for mask in masks if (text := read_embedded_text(mask)) is not None}
    if not named:
        return None
    specs: dict[str, Path] = {}
    for mask, text in named.items():
        specs.setdefault(text, mask)
    if len(specs) > 1:
        raise SegfitError(
            f"the masks are of different classes ({list_first([str(p) for p in specs.values()])} "
            "differ): give those of one model at a time, or name the classes in classes.json"
        )
    text, mask = next(iter(specs.items()))
    try:
        classes = make_classes(ClassFile.model_validate_json(text), mask)
    except ValidationError:
        return None  # of a later version: the values speak for themselves
    silent = [path.name for path in masks if path not in named]
    if not silent:
        return classes
    note = (
        f"{classes.note} {count_noun(len(silent), 'mask')} without names of classes "
        f"({list_first(silent)}), read by these."
    )
    return MaskClasses(classes.table, classes.code, note, classes.says_objects)


def read_embedded_text(mask: Path) -> str | None:
    """What a mask says of its classes; None for one that says nothing, or cannot be opened."""
    if mask.suffix.lower() != ".png":
        return None
    try:
        with Image.open(mask) as image:
            text = image.info.get(CLASSES_KEY)
    except Exception:  # damaged files are reported where their pixels are read
        return None
    return text if isinstance(text, str) else None
