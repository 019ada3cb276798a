"""QuPath: regions as its objects, which *File → Import objects from file* adds to an image.

Regions of classes with objects are detections, the others annotations. Coordinates are pixels.
https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping

import numpy as np

from segfit.basics.files import FilePath
from segfit.basics.geometry import Ring
from segfit.classes import Color
from segfit.formats.format import Format, Result
from segfit.formats.geojson import close_ring
from segfit.formats.json_text import DECIMALS, round_figure, write_json
from segfit.result.regions import Region


def write_qupath(result: Result, path: FilePath, *, force: bool = False) -> None:
    """Write a feature collection of every region but the background's as JSON, UTF-8."""
    features = [
        describe_object(
            class_name=region.name,
            color=result.classes.colors[region.label],
            is_detection=region.object_number is not None,
            object_id=make_id(result.image_name or "", region.name, region.polygon[0]),
            measurements=_list_measurements(region),
        )
        | {"geometry": _describe_geometry(region)}
        for region in result.regions
    ]
    write_json({"type": "FeatureCollection", "features": features}, path, force=force)


def describe_object(
    *,
    class_name: str,
    color: Color,
    is_detection: bool,
    object_id: str,
    measurements: Mapping[str, float | None],
) -> dict[str, object]:
    """A feature as QuPath has it since 0.4, but for its geometry; without unknown figures."""
    return {
        "type": "Feature",
        "id": object_id,
        "properties": {
            "objectType": "detection" if is_detection else "annotation",
            "classification": {"name": class_name, "color": list(color)},
            "measurements": {
                name: round_figure(value)
                for name, value in measurements.items()
                if round_figure(value) is not None
            },
        },
    }


def make_id(image_name: str, class_name: str, outer: Ring) -> str:
    """An object's UUID: the same for the same outline of a class in the same image."""
    text = f"{image_name}\0{class_name}\0".encode("utf-8", "surrogateescape")
    digest = hashlib.sha256(text + np.round(outer, DECIMALS).tobytes()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


def _list_measurements(region: Region) -> dict[str, float | None]:
    return {
        "Score": region.score,
        "Area px^2": region.area_px,
        "Perimeter px": region.perimeter_px,
        "Outline error px": region.error_px_mean,
    }


def _describe_geometry(region: Region) -> dict[str, object]:
    return {"type": "Polygon", "coordinates": [close_ring(ring) for ring in region.polygon]}


FORMAT = Format("qupath", "objects for QuPath", "_qupath.geojson", write_qupath)
