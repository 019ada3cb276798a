"""GeoJSON: every region as a feature, in pixels instead of degrees.

x goes to the right and y *down*, as everywhere here: a map with y upwards shows it upside down.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.files import FilePath
from segfit.basics.geometry import Ring
from segfit.formats.format import Format, Result
from segfit.formats.json_text import describe_region, round_points, write_json
from segfit.result.regions import Region


def write_geojson(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write ``list_features``'s content as JSON, UTF-8."""
    write_json(list_features(result), path, force=force)


def list_features(result: Result) -> dict[str, object]:
    """A feature collection (RFC 7946) of every region but the background's.

    By their numbers, outer rings go counter-clockwise and holes clockwise, as the RFC asks.
    """
    return {
        "type": "FeatureCollection",
        "features": [_describe(region) for region in result.regions],
    }


def _describe(region: Region) -> dict[str, object]:
    return {
        "type": "Feature",
        "geometry": {
            "type": "Polygon",
            "coordinates": [close_ring(ring) for ring in region.polygon],
        },
        "properties": describe_region(region),
    }


def close_ring(ring: Ring) -> list[list[float]]:
    """A ring's points as GeoJSON wants them, the first one again at the end."""
    return round_points(np.concatenate([ring, ring[:1]]))


FORMAT = Format("geojson", "outlines as GeoJSON", ".geojson", write_geojson, saved_as=(".geojson",))
