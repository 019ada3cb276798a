"""The classes of COCO files: one for each name, whatever its number in each file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segfit.basics.text import list_first
from segfit.classes import ClassTable
from segfit.datasets.coco.content import Category, CocoFile, Identity
from segfit.datasets.layout import BACKGROUND_NAMES
from segfit.errors import SegfitError


@dataclass(frozen=True)
class CocoClasses:
    """The table, and for each file the class of each of its categories, by id and by name."""

    table: ClassTable
    of_file: Mapping[Path, Mapping[Identity, int]]
    notes: tuple[str, ...]


def collect_classes(contents: Mapping[Path, CocoFile]) -> CocoClasses:
    """Number the names of all files' categories after the background, in the order of their ids.

    A category named like a background is that. One that only heads others and has no annotation, as
    Roboflow writes it, is left out. Raises SegfitError where a file gives one id two names.
    """
    listed = {file: _sort_by_id(content.categories, file) for file, content in contents.items()}
    notes = []
    if _disagree(list(listed.values())):
        notes.append("The files number their categories differently: they are matched by name.")
    heads = _find_heads(contents)
    if heads:
        notes.append(
            f"No class is made of {list_first(heads)}: only the heading of other categories, and "
            "without annotations."
        )
    is_thing: dict[str, bool] = {}
    for one in (category for categories in listed.values() for category in categories):
        if one.name.lower() not in BACKGROUND_NAMES and one.name not in heads:
            is_thing[one.name] = is_thing.get(one.name, True) and one.isthing != 0
    things = tuple(number for number, thing in enumerate(is_thing.values(), start=1) if thing)
    table = ClassTable.from_names(("background", *is_thing), object_classes=things)
    index_of = {name: index for index, name in enumerate(is_thing, start=1)}
    of_file: dict[Path, dict[Identity, int]] = {}
    for file, categories in listed.items():
        of_file[file] = {one.name: index_of.get(one.name, 0) for one in categories}
        of_file[file] |= {one.id: index_of.get(one.name, 0) for one in categories}
    notes.append(f"Classes of the COCO file: {', '.join(table.names)}.")
    return CocoClasses(table, of_file, tuple(notes))


def _sort_by_id(categories: list[Category], file: Path) -> list[Category]:
    name_of: dict[Identity, str] = {}
    for one in categories:
        if name_of.setdefault(one.id, one.name) != one.name:
            raise SegfitError(
                f"{file}: category {one.id} is '{name_of[one.id]}' and '{one.name}': give each its "
                "own id"
            )
    return sorted(categories, key=lambda one: (isinstance(one.id, str), one.id))


def _disagree(listed: list[list[Category]]) -> bool:
    """Whether files give a name different ids, or an id different names."""
    pairs = {(one.id, one.name) for categories in listed for one in categories}
    return len(listed) > 1 and not len(pairs) == len({i for i, _ in pairs}) == len(
        {name for _, name in pairs}
    )


def _find_heads(contents: Mapping[Path, CocoFile]) -> list[str]:
    """Categories that are the supercategory of others and that no annotation has."""
    heads: set[str] = set()
    used: set[str] = set()
    for content in contents.values():
        has = {annotation.category_id for annotation in content.annotations}
        used |= {one.name for one in content.categories if one.id in has or one.name in has}
        heads |= {
            one.supercategory
            for one in content.categories
            if one.supercategory and one.supercategory != one.name
        }
    names = {one.name for content in contents.values() for one in content.categories}
    return sorted((heads & names) - used)
