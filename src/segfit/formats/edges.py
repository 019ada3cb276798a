"""Edges: their strength as grey images, and the lines that they are linked to as GeoJSON."""

from __future__ import annotations

import cv2
import numpy as np

from segfit.errors import SegfitError
from segfit.files import FilePath, write_file
from segfit.formats.json_parts import round_figure, round_points, write_json
from segfit.result.edges import Contour, FoundEdges
from segfit.result.segmentation import Segmentation

FULL = 65_535


def write_edges(segmentation: Segmentation, path: FilePath, *, force: bool = False) -> None:
    """Write lines a pixel wide as an 8-bit grey PNG: strength from 0 to 1 becomes 0 to 255."""
    thinned = _require_edges(segmentation).edges.thinned
    _, data = cv2.imencode(".png", np.rint(thinned * 255).astype(np.uint8))
    write_file(path, data.tobytes(), force=force)


def write_strength(segmentation: Segmentation, path: FilePath, *, force: bool = False) -> None:
    """Write every pixel's strength as a 16-bit grey PNG: 0 to 1 becomes 0 to 65,535."""
    strength = _require_edges(segmentation).edges.strength
    _, data = cv2.imencode(".png", np.rint(strength * FULL).astype(np.uint16))
    write_file(path, data.tobytes(), force=force)


def write_lines(segmentation: Segmentation, path: FilePath, *, force: bool = False) -> None:
    """Write ``list_lines``'s content as JSON, UTF-8."""
    write_json(list_lines(segmentation), path, force=force)


def list_lines(segmentation: Segmentation) -> dict[str, object]:
    """A feature collection (RFC 7946) of lines, in image coordinates, y downwards.

    Raises ``SegfitError`` for a segmentation that was not made from edges.
    """
    found = _require_edges(segmentation)
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


def _require_edges(segmentation: Segmentation) -> FoundEdges:
    if segmentation.edges is None:
        raise SegfitError(
            "formats edges, strength and lines are for edges, and these regions were not made from "
            "any: use segfit edges"
        )
    return segmentation.edges
