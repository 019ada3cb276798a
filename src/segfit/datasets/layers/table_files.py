"""Layers as geographic information systems write them: through GDAL, and GeoParquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from segfit.basics.arrays import BoolArray
from segfit.basics.text import list_first
from segfit.datasets.layers.choices import LayerChoices
from segfit.datasets.layers.layer import (
    OBJECT_COLUMN,
    DrawnLayer,
    Geometries,
    choose_column,
    keep_areal,
    list_names,
    says_objects,
)
from segfit.datasets.layers.names import is_area
from segfit.errors import SegfitError
from segfit.formats.layers.extra import import_geo

OF_POLYGONS = ("Polygon", "Surface", "Collection", "Unknown")
"""In the names of the types of geometries among which polygons may be."""


def read_ogr(file: Path, choices: LayerChoices) -> DrawnLayer:
    """The polygons of a GeoPackage, FlatGeobuf or Shapefile.

    Of several layers with polygons those that are called like areas are such; one other is taken.
    Raises SegfitError where there are more, or none; where GDAL cannot read the file, and where the
    column is missing.
    """
    pyogrio = import_geo("pyogrio")
    try:
        layer, area_layers = _choose_layer(pyogrio.list_layers(file), choices.layer, file)
        facts = pyogrio.read_info(file, layer=layer)
        columns = [str(name) for name in facts["fields"]]
        column = choose_column(columns, choices.column, file)
        geometries, values, is_object = _read_table(file, layer, columns, column)
        for other in area_layers:
            drawn, _, _ = _read_table(file, other, [], None)
            geometries = np.concatenate([geometries, drawn])
            values = np.concatenate([values, np.full(len(drawn), other, object)])
            is_object = np.concatenate([is_object, np.zeros(len(drawn), np.bool_)])
    except SegfitError:
        raise
    except Exception as error:  # GDAL's, shapely's, and those of the text in damaged files
        raise damaged(file, error) from error
    source = f"layer '{layer}', column '{column}'"
    return _make_layer(file, geometries, values, is_object, facts["crs"], source)


def read_parquet(file: Path, choices: LayerChoices) -> DrawnLayer:
    """The polygons of a GeoParquet file; raises SegfitError as ``read_ogr``."""
    geopandas, parquet = import_geo("geopandas"), import_geo("pyarrow.parquet")
    try:
        schema = parquet.read_schema(file)
        if b"geo" not in (schema.metadata or {}):
            raise SegfitError(
                f"{file} is a table without geometries: save the layer as GeoParquet or GeoPackage"
            )
        described = json.loads(schema.metadata[b"geo"])
        hidden = _list_geometry_columns(described)
        columns = [name for name in schema.names if name not in hidden]
        column = choose_column(columns, choices.column, file)
        wanted = _list_wanted(columns, column)
        frame = geopandas.read_parquet(file, columns=[*wanted, described["primary_column"]])
        geometries = np.asarray(frame.geometry.array, dtype=object)
        fields = {name: frame[name].to_numpy(dtype=object, na_value=None) for name in wanted}
        crs = None if frame.crs is None else frame.crs.to_wkt()
    except SegfitError:
        raise
    except Exception as error:  # those of Arrow and of geopandas
        raise damaged(file, error) from error
    geometries = shapely.force_2d(geometries)
    is_object = _find_objects(fields, columns, len(geometries))
    return _make_layer(file, geometries, fields[column], is_object, crs, f"column '{column}'")


def damaged(file: Path, error: Exception) -> SegfitError:
    """What to say of a file that cannot be read."""
    return SegfitError(f"{file} cannot be read as a layer ({error}): export or copy it again")


def _choose_layer(
    layers: Sequence[Sequence[str | None]], wanted: str | None, file: Path
) -> tuple[str, list[str]]:
    """The layer of a file's ``layers`` (name, type of geometry) to take, and those of areas."""
    names = [
        str(name)
        for name, kind in layers
        if kind is not None and any(part in kind for part in OF_POLYGONS)
    ]
    if wanted is not None:
        if wanted in names:
            return wanted, []
        raise SegfitError(
            f"{file} has no layer '{wanted}' of polygons, which classes.json names; it has "
            f"{list_first(names, limit=20) or 'none'}: correct it there"
        )
    others = [name for name in names if not is_area(name)]
    if len(others) > 1:
        raise SegfitError(
            f"{file} has several layers of polygons ({list_first(others, limit=20)}): name the one "
            f'that holds the classes in classes.json beside it, such as {{"layer": "{others[0]}"}}'
        )
    if not others:
        kinds = list_first([f"{name}: {kind or 'no geometry'}" for name, kind in layers])
        raise SegfitError(
            f"{file} has no layer of polygons with classes ({kinds or 'it has no layers'}): draw "
            "polygons"
        )
    return others[0], [name for name in names if name != others[0]]


def _read_table(
    file: Path, layer: str, columns: Sequence[str], column: str | None
) -> tuple[Geometries, Any, BoolArray]:
    """Geometries (P,), the values of ``column`` (P,), and which of them are objects."""
    pyogrio = import_geo("pyogrio")
    wanted = [] if column is None else _list_wanted(columns, column)
    facts, _, wkb, values = pyogrio.raw.read(file, layer=layer, columns=wanted, force_2d=True)
    geometries = shapely.from_wkb(wkb, on_invalid="fix")
    fields = dict(zip((str(name) for name in facts["fields"]), values, strict=True))
    is_object = _find_objects(fields, columns, len(geometries))
    return geometries, fields.get(column or "", ()), is_object


def _list_wanted(columns: Sequence[str], column: str) -> list[str]:
    """The columns that are read."""
    return list(dict.fromkeys([column, *[OBJECT_COLUMN] * says_objects(columns)]))


def _find_objects(fields: dict[str, Any], columns: Sequence[str], count: int) -> BoolArray:
    """Which polygons (P,) are objects, of segfit's own layers, which say so."""
    if not says_objects(columns):
        return np.zeros(count, np.bool_)
    return np.array([one is not None and one == one for one in fields[OBJECT_COLUMN]], np.bool_)


def _list_geometry_columns(described: Mapping[str, Any]) -> set[str]:
    """The columns of geometries and of their boxes, by a GeoParquet's metadata."""
    coverings = [one.get("covering", {}) for one in described["columns"].values()]
    boxes = {side[0] for one in coverings for side in one.get("bbox", {}).values()}
    return {*described["columns"], *boxes}


def _make_layer(
    file: Path,
    geometries: Geometries,
    values: Any,
    is_object: BoolArray,
    crs: str | None,
    source: str,
) -> DrawnLayer:
    polygons, has_area, left_out = keep_areal(geometries)
    return DrawnLayer(
        file,
        polygons[has_area],
        list_names(np.asarray(values, dtype=object)[has_area]),
        is_object[has_area],
        crs=crs or None,
        source=source,
        left_out=left_out,
    )
