"""Batches as Arrow tables, which Parquet and GDAL take as they are."""

from __future__ import annotations

from typing import Any

from segfit.formats.layers.batch import Batch, Frame, describe_regions
from segfit.formats.layers.extra import import_geo

GEOMETRY = "geometry"


def make_table(batch: Batch) -> Any:
    """A pyarrow table: the columns, null for what nobody knows, and the polygons as WKB."""
    import shapely

    pyarrow = import_geo("pyarrow")
    types = {"object": pyarrow.int64(), "class": pyarrow.string()}
    columns = {
        name: pyarrow.array(values, types.get(name), from_pandas=True)  # NaN is null
        for name, values in batch.columns.items()
    }
    columns[GEOMETRY] = pyarrow.array(shapely.to_wkb(batch.polygons), pyarrow.binary())
    return pyarrow.table(columns)


def make_schema(frame: Frame) -> Any:
    """The schema of a layer's tables."""
    return make_table(describe_regions([], frame, first_id=1)).schema
