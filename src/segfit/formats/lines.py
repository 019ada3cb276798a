"""Lines: the edges, linked, as GeoJSON to a fraction of a pixel."""

from __future__ import annotations

import numpy as np

from segfit.basics.files import FilePath
from segfit.formats.edges import require_edges
from segfit.formats.format import Content, Format, Result
from segfit.formats.json_text import round_figure, round_points, write_json
from segfit.result.edges import Contour


def write_lines(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write ``list_lines``'s content as JSON, UTF-8."""
    write_json(list_lines(result), path, force=force)


def list_lines(result: Result) -> dict[str, object]:
    """A feature collection (RFC 7946) of lines, in image coordinates, y downwards.

    Raises ``SegfitError`` for a result that was not made from edges.
    """
    found = require_edges(result)
    return {
        "type": "FeatureCollection",
        "features": [_describe(contour) for contour in found.contours],
    }


def _describe(contour: Contour) -> dict[str, object]:
    points = contour.points
    closed = np.vstack([points, points[:1]]) if contour.is_closed else points
    return {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": round_points(closed)},
        "properties": {
            "length_px": round_figure(contour.length_px),
            "strength": round_figure(float(contour.strength.mean())),
            "closed": contour.is_closed,
        },
    }


FORMAT = Format(
    "lines",
    "edges linked to lines, as GeoJSON",
    "_lines.geojson",
    write_lines,
    needs=frozenset({Content.EDGES}),
)
