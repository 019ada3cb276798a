"""What the names of polygons mean: which are classes, areas and ignored ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segfit.basics.text import list_first
from segfit.classes import IGNORE, ClassTable
from segfit.datasets.layers.choices import LayerChoices
from segfit.datasets.layers.laid import LaidImage
from segfit.datasets.layers.names import is_area, is_ignored
from segfit.datasets.layout import BACKGROUND_NAMES
from segfit.datasets.masks.class_file import CLASS_FILE_NAME
from segfit.errors import SegfitError

AREA_RANK, CLASS_RANK, IGNORED_RANK = range(3)
"""In what order polygons are painted."""
NAMED_AREAS = "Region*, Training or area"


@dataclass(frozen=True)
class Meanings:
    """What the names of polygons stand for.

    ``label_of``: the class that polygons of a name have; ``rank_of``: when they are painted.
    """

    table: ClassTable
    label_of: Mapping[str, int]
    rank_of: Mapping[str, int]
    has_areas: bool


def find_meanings(images: Sequence[LaidImage], choices: LayerChoices, root: Path) -> Meanings:
    """What each name that occurs stands for; classes that ``classes.json`` names are just that.

    ``root``: the folder, for messages. Raises SegfitError for classes that ``classes.json`` does
    not name, for none and for too many of them, and for a single one where nothing is background.
    """
    occurring = sorted({str(name) for image in images for name in image.placed.names})
    given = [one.name for one in choices.classes]
    ignored = {
        name
        for name in occurring
        if name in choices.ignore or (name not in given and is_ignored(name))
    }
    rest = [name for name in occurring if name not in ignored]
    areas = {name for name in rest if name not in given and is_area(name)}
    grounds = {name for name in rest if name.casefold() in BACKGROUND_NAMES}
    classes = [name for name in rest if name not in areas | grounds]
    unknown = [name for name in classes if given and name not in given]
    if unknown:
        raise SegfitError(
            f"{root}: polygons are of classes that {CLASS_FILE_NAME} does not name "
            f"({list_first(unknown)}): add them to its classes, or to its ignore"
        )
    if len(classes) >= IGNORE:
        sources = list_first(sorted({image.layer.source for image in images}))
        raise SegfitError(
            f"{root}: polygons have {len(classes)} different classes ({sources}: "
            f"{list_first(classes)}), and a model tells {IGNORE - 1} apart at most: name the "
            f'column that holds classes in {CLASS_FILE_NAME} there, such as {{"column": "kind"}}'
        )
    if given:
        classes = [name for name in given if name.casefold() not in BACKGROUND_NAMES]
    if not classes:
        raise SegfitError(
            f"{root}: no polygon is of a class, all are {list_first(sorted(occurring), limit=5)}: "
            "draw what is to be found"
        )
    said = choices.object_names
    drawn_as_objects = {
        str(name) for image in images for name in image.placed.names[image.placed.is_object]
    }
    object_names = {name for name in classes if said.get(name, name in drawn_as_objects)}
    is_background = choices.unlabelled == "background"
    has_background = bool(areas or grounds or object_names or is_background)
    if len(classes) == 1 and not (areas or grounds or is_background):
        raise SegfitError(
            f"{root}: all polygons are of one class, '{classes[0]}', and nothing is background: "
            f"draw an area within which all of it is labelled, of a class called {NAMED_AREAS}, or "
            f'write {{"unlabelled": "background"}} to {CLASS_FILE_NAME} there'
        )
    colors = {name: color for image in images for name, color in image.layer.colors.items()}
    colors |= choices.colors
    first = int(has_background)
    table = ClassTable.from_names(
        ("background",) * first + tuple(classes),
        background=0 if has_background else None,
        colors=(None,) * first + tuple(colors.get(name) for name in classes),
        object_classes=tuple(
            place for place, name in enumerate(classes, start=first) if name in object_names
        ),
    )
    label_of = {name: place for place, name in enumerate(classes, start=first)}
    label_of |= dict.fromkeys(areas | grounds, 0) | dict.fromkeys(ignored, IGNORE)
    rank_of = dict.fromkeys(label_of, CLASS_RANK)
    rank_of |= dict.fromkeys(areas, AREA_RANK) | dict.fromkeys(ignored, IGNORED_RANK)
    return Meanings(table, label_of, rank_of, bool(areas))
