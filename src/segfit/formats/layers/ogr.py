"""Batches through GDAL, which writes a layer in one go: they wait in a file of their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segfit.errors import SegfitError
from segfit.formats.layers.arrow import GEOMETRY, make_schema, make_table
from segfit.formats.layers.batch import Batch, Frame
from segfit.formats.layers.extra import import_geo
from segfit.formats.layers.layer import Sink

TABLE = "regions"
"""What the layer is called in its file."""


@contextmanager
def open_ogr(path: Path, frame: Frame, *, driver: str) -> Iterator[Sink]:
    """Collect batches, then write the file by a driver of GDAL.

    GDAL can add to a GeoPackage, in half again the time, but not to a FlatGeobuf.
    """
    pyarrow = import_geo("pyarrow")
    pyogrio = import_geo("pyogrio")
    waiting = path.with_suffix(".arrow")
    try:
        options = pyarrow.ipc.IpcWriteOptions(compression="lz4")
        with pyarrow.ipc.new_stream(waiting, make_schema(frame), options=options) as writer:

            def write(batch: Batch) -> None:
                writer.write_table(make_table(batch))

            yield write
        with (
            pyarrow.OSFile(str(waiting)) as source,
            pyarrow.ipc.open_stream(source) as tables,
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", "'crs' was not provided", UserWarning)
            pyogrio.write_arrow(
                tables, path, layer=TABLE, driver=driver, geometry_name=GEOMETRY,
                geometry_type="Polygon", crs=frame.crs,
            )  # fmt: skip
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise SegfitError(
            f"GDAL cannot write {driver} ({error}): if the disk is full, free some space and run "
            "it again, or choose another disk"
        ) from error
    finally:
        waiting.unlink(missing_ok=True)


@contextmanager
def open_flatgeobuf(path: Path, frame: Frame) -> Iterator[Sink]:
    """FlatGeobuf, with its spatial index."""
    with open_ogr(path, frame, driver="FlatGeobuf") as write:
        yield write
