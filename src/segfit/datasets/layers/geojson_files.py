"""GeoJSON as a layer: on the earth, in the coordinates that it names, or in QuPath's pixels.

A feature is read after the other, and only its polygon and its class are kept.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape

from segfit.classes import Color
from segfit.datasets.layers.choices import LayerChoices
from segfit.datasets.layers.layer import (
    CLASS_COLUMNS,
    OBJECT_COLUMN,
    DrawnLayer,
    choose_column,
    keep_areal,
    list_names,
    read_color,
    read_name,
    says_objects,
)
from segfit.datasets.layers.names import AREAS, OBJECT, fold_name
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError

BLANK = re.compile(r"[\s,]*")
WGS84 = "OGC:CRS84"
"""Longitudes and latitudes, in which GeoJSON is that names nothing else (RFC 7946)."""
OBJECT_TYPES = frozenset({"detection", "cell", "tile"})
"""What QuPath calls objects of which an image has many; an annotation is drawn by hand."""
OLD_ID = re.compile(r"Path\w+Object")
OLD_TYPES = {"PathDetectionObject": "detection", "PathCellObject": "cell"}
"""What QuPath gave as the id of a feature before it had ``objectType``."""


def read_geojson(file: Path, choices: LayerChoices, *, is_on_map: bool) -> DrawnLayer:
    """The polygons of a feature collection, of a list of features, or of one.

    What QuPath wrote is in pixels, and so is what names no reference system where the image is
    not ``is_on_map``. QuPath's detections without a class are of class ``OBJECT``; so are its
    annotations where there are areas for training, as its extension for Cellpose has them. Raises
    SegfitError for text that is no GeoJSON, and where the column is missing.
    """
    text = read_text_file(file)
    features = _Features(choices.column)
    try:
        crs = features.read(text)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SegfitError(
            f"{file} cannot be read as GeoJSON ({type(error).__name__}: {error}): export it again"
        ) from None
    polygons, has_area, left_out = keep_areal(np.array([*features.geometries, None])[:-1])
    left_out += features.faults
    kinds = np.array([*features.kinds, ""], dtype=object)[:-1][has_area]
    is_object = np.isin(kinds, list(OBJECT_TYPES))
    if features.is_qupath and choices.column is None:
        names, column = list_names(features.classes), "classification"
        names = names[has_area]
        is_for_training = any(AREAS.get(fold_name(name)) is not None for name in set(names))
        bare = (names == "") & (is_object | is_for_training)
        names[bare] = OBJECT
        is_object |= bare
    else:
        column = choose_column(list(features.columns), choices.column, file)
        names = list_names(row.get(column) for row in features.rows)[has_area]
        if says_objects(features.columns):
            is_object = np.array([row.get(OBJECT_COLUMN) is not None for row in features.rows])
            is_object = is_object[has_area]
    is_in_pixels = features.is_qupath or (crs is None and not is_on_map)
    return DrawnLayer(
        file,
        polygons[has_area],
        names,
        is_object,
        crs=None if is_in_pixels else crs or WGS84,
        is_in_pixels=is_in_pixels,
        source=f"'{column}'",
        left_out=left_out,
        colors=features.colors,
    )


class _Features:
    """What features of a file have that matters: the rest is forgotten at once."""

    def __init__(self, column: str | None) -> None:
        self.geometries: list[Any] = []
        self.faults: Counter[str] = Counter()
        self.rows: list[dict[str, Any]] = []
        self.columns: dict[str, None] = {}
        self.classes: list[str] = []
        self.kinds: list[str] = []
        self.colors: dict[str, Color] = {}
        self.is_qupath = False
        self._kept = {column, OBJECT_COLUMN, *CLASS_COLUMNS}

    def read(self, text: str) -> str | None:
        """Take all features of a text; give the reference system that it names."""
        at = _skip(text, 0)
        if text[at : at + 1] == "[":
            self._take_all(text, at)
            return None
        if text[at : at + 1] != "{":
            raise ValueError("it holds no object and no list")
        others: dict[str, Any] = {}
        at = _skip(text, at + 1)
        while text[at : at + 1] != "}":
            key, end = _DECODER.raw_decode(text, at)
            at = _skip(text, end)
            if text[at : at + 1] != ":":
                raise ValueError(f"no value follows {key!r}")
            at = _skip(text, at + 1)
            if key == "features":
                at = self._take_all(text, at)
            else:
                others[key], at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
        if others.get("type") == "Feature":
            self._take(others)
        elif others.get("type") != "FeatureCollection":
            raise ValueError(f"its type is {others.get('type')}, which has no features")
        crs = others.get("crs")
        return str(crs["properties"]["name"]) if crs else None

    def _take_all(self, text: str, start: int) -> int:
        """Take the features of the list that begins at ``start``; give where it ends."""
        if text[start : start + 1] != "[":
            raise ValueError("its features are no list")
        at = _skip(text, start + 1)
        while text[at : at + 1] != "]":
            feature, end = _DECODER.raw_decode(text, at)
            self._take(feature)
            at = _skip(text, end)
        return at + 1

    def _take(self, feature: Mapping[str, Any]) -> None:
        properties = feature.get("properties") or {}
        try:
            given = feature["geometry"]
            geometry = None if given is None else _make_shape(given)
        except (ValueError, TypeError, IndexError, KeyError, AttributeError, ShapelyError):
            self.faults["with points that are no polygon"] += 1
            return
        kind = str(properties.get("objectType") or OLD_TYPES.get(str(feature.get("id")), ""))
        given_class = properties.get("classification")
        name = read_name(given_class)
        color = read_color(given_class)
        if name and color is not None:
            self.colors.setdefault(name, color)
        has_marks = "objectType" in properties or isinstance(given_class, dict)
        self.is_qupath |= has_marks or OLD_ID.fullmatch(str(feature.get("id"))) is not None
        self.geometries.append(geometry)
        self.kinds.append(kind)
        self.classes.append(name)
        self.columns.update(dict.fromkeys(properties))
        self.rows.append(
            {
                key: value
                for key, value in properties.items()
                if key in self._kept or key.casefold() in self._kept
            }
        )


_DECODER = json.JSONDecoder()


def _make_shape(given: Mapping[str, Any]) -> Any:
    """A geometry; polygons by arrays, which are quicker than points by themselves."""
    if given["type"] == "Polygon":
        return _make_polygon(given["coordinates"])
    if given["type"] == "MultiPolygon":
        return shapely.MultiPolygon([_make_polygon(rings) for rings in given["coordinates"]])
    return shapely.force_2d(shape(given))


def _make_polygon(rings: Sequence[Any]) -> Any:
    if not rings:
        return shapely.Polygon()
    outer, *holes = (np.array(ring, np.float64)[:, :2] for ring in rings)
    return shapely.Polygon(outer, holes)


def _skip(text: str, at: int) -> int:
    """Past blanks and commas."""
    found = BLANK.match(text, at)
    return at if found is None else found.end()
