"""QuPath's objects as a stream: those of a whole slide."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from segfit.formats.json_text import DECIMALS
from segfit.formats.layers.batch import Batch, Frame
from segfit.formats.layers.geojson_layer import write_collection
from segfit.formats.layers.layer import Sink
from segfit.formats.layers.rings import make_polygons
from segfit.formats.qupath import describe_object, make_id

MEASUREMENTS = {"score": "Score", "error_px": "Outline error px"}


@contextmanager
def open_qupath(path: Path, frame: Frame) -> Iterator[Sink]:
    """A feature collection, object by object."""
    with write_collection(path, lambda batch: list_objects(batch, frame)) as write:
        yield write


def list_objects(batch: Batch, frame: Frame) -> Iterator[str]:
    """Objects as JSON texts."""
    import shapely

    rings = batch.rings.moved_to(np.round(batch.rings.points, DECIMALS))
    starts, firsts = rings.ring_starts, rings.polygon_starts[:-1]
    geometries = shapely.to_geojson(make_polygons(rings))
    measured = {
        name_measurement(column): batch.columns[column].tolist()
        for column in batch.columns
        if column in MEASUREMENTS or column.startswith(("area_", "perimeter_"))
    }
    for row, geometry in enumerate(geometries):
        label, name = int(batch.columns["class_id"][row]), batch.columns["class"][row]
        outer = rings.points[starts[firsts[row]] : starts[firsts[row] + 1] - 1]
        feature = describe_object(
            class_name=name,
            color=frame.classes.colors[label],
            is_detection=batch.columns["object"][row] is not None,
            object_id=make_id("", name, outer),
            measurements={title: values[row] for title, values in measured.items()},
        )
        text = json.dumps(feature, ensure_ascii=False, allow_nan=False)
        yield f'{text[:-1]}, "geometry": {geometry}}}'


def name_measurement(column: str) -> str:
    """A column as QuPath names what it measures itself.

    >>> name_measurement("area_um2"), name_measurement("perimeter_px")
    ('Area µm^2', 'Perimeter px')
    """
    if column in MEASUREMENTS:
        return MEASUREMENTS[column]
    kind, unit = column.split("_")
    unit = unit.removesuffix("2").replace("um", "µm")
    return f"{kind.title()} {unit}{'^2' if kind == 'area' else ''}"
