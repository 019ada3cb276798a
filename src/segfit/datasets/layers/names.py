"""What polygons are called that are no class: areas within which all is labelled, and ignored ones.

``Region*`` and ``Ignore*`` are classes that QuPath has by itself; rectangles called ``Training``
and ``Validation`` are what its extension for Cellpose trains on.
"""

from __future__ import annotations

AREAS: dict[str, str | None] = {
    "region*": None,
    "area": None,
    "area of interest": None,
    "aoi": None,
    "extent": None,
    "training": "train",
    "training area": "train",
    "validation": "val",
    "validation area": "val",
    "test": "test",
    "test area": "test",
}
"""Names of areas, in small letters, and the split that each stands for."""
IGNORED = frozenset({"ignore*", "ignore"})
OBJECT = "object"
"""The class of objects that nobody has given one."""


def fold_name(name: str) -> str:
    """A name as it is looked up: in small letters, with blanks for what stands for them.

    >>> fold_name(" Training_Area ")
    'training area'
    """
    return " ".join(name.replace("_", " ").casefold().split())


def is_area(name: str) -> bool:
    """Whether polygons of this name are areas."""
    return fold_name(name) in AREAS


def is_ignored(name: str) -> bool:
    """Whether the pixels of polygons of this name are ignored."""
    return fold_name(name) in IGNORED
