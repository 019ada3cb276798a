"""GeoParquet 1.1: one row group for each batch, with boxes by which readers skip groups.

https://geoparquet.org/releases/v1.1.0/
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.formats.layers.arrow import GEOMETRY, make_schema, make_table
from segfit.formats.layers.batch import Batch, Frame
from segfit.formats.layers.extra import import_geo
from segfit.formats.layers.ground import read_system
from segfit.formats.layers.layer import Sink

SIDES = ("xmin", "ymin", "xmax", "ymax")
BOX = "bbox"


@contextmanager
def open_geoparquet(path: Path, frame: Frame) -> Iterator[Sink]:
    """Write batches as they come; what the whole file is like goes to its end."""
    import_geo("pyarrow")
    from pyarrow import parquet

    schema = _add_boxes(make_schema(frame).empty_table(), np.empty((0, 4))).schema
    bounds: list[Float64Array] = []
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:

        def write(batch: Batch) -> None:
            import shapely

            boxes = shapely.bounds(batch.polygons)
            writer.write_table(_add_boxes(make_table(batch), boxes))
            bounds.append(np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)]))

        yield write
        writer.add_key_value_metadata({"geo": json.dumps(describe_file(frame, bounds))})


def describe_file(frame: Frame, bounds: list[Float64Array]) -> dict[str, object]:
    """The file's metadata; ``bounds``: (4,) of each batch."""
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": ["Polygon"],
        "orientation": "counterclockwise",
        "covering": {"bbox": {side: [BOX, side] for side in SIDES}},
        "crs": None if frame.crs is None else read_system(frame.crs).to_json_dict(),
    }
    if bounds:
        both = np.stack(bounds)
        column["bbox"] = [*both[:, :2].min(axis=0).tolist(), *both[:, 2:].max(axis=0).tolist()]
    return {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}


def _add_boxes(table: Any, boxes: Float64Array) -> Any:
    """A table with the boxes (P, 4) of its polygons."""
    pyarrow = import_geo("pyarrow")
    sides = [pyarrow.array(side) for side in boxes.T]
    return table.append_column(BOX, pyarrow.StructArray.from_arrays(sides, SIDES))
