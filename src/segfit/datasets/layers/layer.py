"""A layer of polygons as its file has it, and what its columns say of them.

Shapes: ``P`` polygons.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray
from segfit.basics.show import show_briefly
from segfit.basics.text import list_first
from segfit.classes import Color
from segfit.errors import SegfitError

Geometries = NDArray[Any]
"""(P,) of shapely's geometries."""

CLASS_COLUMNS = ("class", "classification", "label", "category", "name")
"""Columns that hold the class, whatever their capitals; the first that there is counts."""
OBJECT_COLUMN = "object"
"""Of segfit's own layers: the number of an object, nothing where it is none."""
POLYGON, MULTIPOLYGON, COLLECTION = 3, 6, 7
"""What shapely calls these kinds of geometries."""


@dataclass(frozen=True, eq=False)
class DrawnLayer:
    """The polygons of a file, in its coordinates.

    ``names``: (P,) of their classes, empty where they have none. ``is_object``: (P,) whether each
    is an object of its own. ``crs``: the reference system of its coordinates, as text that pyproj
    understands; None where the file names none. ``is_in_pixels``: they are those of the image's
    full size in any case, y down. ``source``: which layer and column, for messages. ``left_out``:
    how many there were of other kinds, such as points. ``colors``: of classes, where it says them.
    """

    file: Path
    polygons: Geometries
    names: NDArray[Any]
    is_object: BoolArray
    crs: str | None = None
    is_in_pixels: bool = False
    source: str = ""
    left_out: Counter[str] = field(default_factory=Counter)
    colors: Mapping[str, Color] = field(default_factory=dict)

    __repr__ = show_briefly


def choose_column(columns: Sequence[str], wanted: str | None, file: Path) -> str:
    """The column that holds the classes: ``wanted``, or one of ``CLASS_COLUMNS``.

    Raises SegfitError, which lists the columns that there are.
    """
    has = f"it has {list_first(list(columns), limit=20)}" if columns else "it has no columns"
    if wanted is not None:
        if wanted in columns:
            return wanted
        raise SegfitError(
            f"{file} has no column '{wanted}', which classes.json names; {has}: correct it there"
        )
    folded = {column.casefold(): column for column in reversed(columns)}
    for name in CLASS_COLUMNS:
        if name in folded:
            return folded[name]
    raise SegfitError(
        f"{file} has no column called {', '.join(CLASS_COLUMNS[:-1])} or {CLASS_COLUMNS[-1]}, "
        f"which would hold the classes; {has}: name the one that does in classes.json beside it, "
        'such as {"column": "landuse"}'
    )


def says_objects(columns: Iterable[str]) -> bool:
    """Whether segfit wrote a layer of these columns, which says what is an object."""
    known = set(columns)
    return {"class", OBJECT_COLUMN} <= known and not known.isdisjoint({"class_id", "label"})


def read_name(value: Any) -> str:
    """The class that a column's value names; empty for none.

    QuPath's classification may be a table, or the JSON text of one.

    >>> read_name('{"name": "Tumor", "color": [200, 0, 0]}'), read_name(3.0), read_name(None)
    ('Tumor', '3', '')
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        names = value.get("names")
        value = ": ".join(map(str, names)) if isinstance(names, list) else value.get("name")
    if value is None or value != value:  # NaN is not equal to itself
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return " ".join(str(value).split())


def read_color(value: Any) -> Color | None:
    """The color in QuPath's classification: three numbers, or one that packs them.

    >>> read_color({"color": [200, 0, 10]}), read_color({"colorRGB": -16776961})
    ((200, 0, 10), (0, 0, 255))
    """
    if not isinstance(value, Mapping):
        return None
    given, packed = value.get("color"), value.get("colorRGB")
    if isinstance(given, list) and len(given) == 3 and all(type(one) is int for one in given):
        red, green, blue = (min(max(one, 0), 255) for one in given)
        return red, green, blue
    if isinstance(packed, int):
        return packed >> 16 & 255, packed >> 8 & 255, packed & 255
    return None


def keep_areal(geometries: Geometries) -> tuple[Geometries, BoolArray, Counter[str]]:
    """What of each geometry (P,) has an area, which ones have any, and how many of what have none.

    >>> _, has_area, others = keep_areal(np.array([shapely.Point(0, 0), shapely.box(0, 0, 1, 1)]))
    >>> has_area.tolist(), others
    ([False, True], Counter({'of type Point, which has no area': 1}))
    """
    kinds = shapely.get_type_id(geometries)
    kept = geometries.copy()
    for place in np.flatnonzero(kinds == COLLECTION):
        kept[place] = _join_polygons(geometries[place])
    has_area = np.isin(shapely.get_type_id(kept), (POLYGON, MULTIPOLYGON)) & ~shapely.is_empty(kept)
    return kept, has_area, Counter(map(_name_kind, geometries[~has_area]))


def _join_polygons(collection: Any) -> Any:
    parts = shapely.get_parts(collection)
    while (shapely.get_type_id(parts) > POLYGON).any():
        parts = shapely.get_parts(parts)
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == POLYGON])


def _name_kind(geometry: Any) -> str:
    if geometry is None or shapely.is_empty(geometry):
        return "without geometry"
    return f"of type {geometry.geom_type}, which has no area"


def list_names(values: Iterable[Any]) -> NDArray[Any]:
    """The classes (P,) that a column's values name, each text kept once."""
    known: dict[Any, str] = {}
    names: list[str] = []
    for value in values:
        key = value if isinstance(value, str | int | None) else repr(value)
        if key not in known:
            known[key] = read_name(value)
        names.append(known[key])
    return np.array(names, dtype=object)
