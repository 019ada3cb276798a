"""GeoJSON as a stream: longitudes and latitudes where the layer is on the earth (RFC 7946)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.errors import SegfitError
from segfit.formats.json_text import round_figure
from segfit.formats.layers.batch import Batch, Frame
from segfit.formats.layers.extra import import_geo
from segfit.formats.layers.ground import find_earth, transform_points
from segfit.formats.layers.layer import Sink
from segfit.formats.layers.rings import Rings, make_polygons

DIGITS = 4
"""Of coordinates, beyond the first that says a pixel."""
DEGREE_M = 111_320.0
"""Length of a degree of latitude, roughly."""


@contextmanager
def open_geojson(path: Path, frame: Frame) -> Iterator[Sink]:
    """A feature collection, feature by feature."""
    convert = find_conversion(frame)
    with write_collection(path, lambda batch: list_features(batch, convert)) as write:
        yield write


@contextmanager
def write_collection(path: Path, describe: Callable[[Batch], Iterator[str]]) -> Iterator[Sink]:
    """A feature collection of what ``describe`` makes of each batch, JSON texts of features."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type": "FeatureCollection", "features": [')
        separator = "\n"

        def write(batch: Batch) -> None:
            nonlocal separator
            for feature in describe(batch):
                file.write(separator + feature)
                separator = ",\n"

        yield write
        file.write("\n]}\n")


def find_conversion(frame: Frame) -> Callable[[Rings], Rings]:
    """Rings of the layer as those of the file, rounded: in WGS 84 where the layer is on the earth.

    Otherwise coordinates are those of the layer.
    """
    side = 1.0 if frame.placement is None else max(frame.placement.pixel_sides)
    system = find_earth(frame.placement)
    if system is None:
        decimals = DIGITS - math.floor(math.log10(side))
        return lambda rings: rings.moved_to(np.round(rings.points, decimals))
    assert frame.placement is not None
    pyproj = import_geo("pyproj")
    to_degrees = pyproj.Transformer.from_crs(system, "OGC:CRS84", always_xy=True)
    metres = frame.placement.metres_per_unit
    decimals = DIGITS - math.floor(math.log10(side if metres is None else side * metres / DEGREE_M))

    def convert(rings: Rings) -> Rings:
        points = transform_points(to_degrees, rings.points)
        if np.isnan(points).any():
            raise SegfitError(
                "a region lies where the map's coordinate reference system has no longitude and "
                "latitude, which GeoJSON needs: write a GeoPackage, or cut the image"
            )
        points[:, 0] = keep_together(rings, points[:, 0])
        return rings.moved_to(np.round(points, decimals))

    return convert


def keep_together(rings: Rings, longitudes: Float64Array) -> Float64Array:
    """Longitudes (N,) within half a turn of their polygon's first: the 180th meridian cuts none.

    They may be beyond ±180 then.
    """
    first = rings.ring_starts[rings.polygon_starts[:-1]]
    counts = np.diff(rings.ring_starts[rings.polygon_starts])
    turns = np.round((longitudes - np.repeat(longitudes[first], counts)) / 360)
    return np.asarray(longitudes - 360 * turns)


def list_features(batch: Batch, convert: Callable[[Rings], Rings]) -> Iterator[str]:
    """Features as JSON texts."""
    import shapely

    geometries = shapely.to_geojson(make_polygons(convert(batch.rings)))
    names = list(batch.columns)
    rows = zip(*(column.tolist() for column in batch.columns.values()), strict=True)
    for geometry, row in zip(geometries, rows, strict=True):
        properties = {
            name: round_figure(value) if isinstance(value, float) else value
            for name, value in zip(names, row, strict=True)
        }
        written = json.dumps(properties, ensure_ascii=False, allow_nan=False)
        yield f'{{"type": "Feature", "geometry": {geometry}, "properties": {written}}}'
