"""GeoPackage: opens in QGIS in the colors of the classes.

https://www.geopackage.org/spec140/ and, for styles, what QGIS itself keeps in ``layer_styles``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.layers.batch import Frame
from segfit.formats.layers.layer import Sink
from segfit.formats.layers.ogr import TABLE, open_ogr
from segfit.formats.layers.style import make_qml

EPOCH = "1970-01-01T00:00:00.000Z"
"""Stands for when the file was written, so that the same regions give the same bytes."""
STYLES = """
CREATE TABLE layer_styles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
    f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
    styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
    owner TEXT(30), ui TEXT(30), update_time DATETIME
)"""


@contextmanager
def open_geopackage(path: Path, frame: Frame) -> Iterator[Sink]:
    """A GeoPackage with a spatial index and a style."""
    try:
        with open_ogr(path, frame, driver="GPKG") as write:
            yield write
        add_style(path, frame.classes)
    except sqlite3.OperationalError as error:
        raise SegfitError(
            f"cannot give the GeoPackage its style ({error}): if the disk is full, free some space "
            "and run it again, or choose another disk"
        ) from error
    finally:
        for ending in ("-journal", "-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)


def add_style(path: Path, classes: ClassTable) -> None:
    """Give the layer of a GeoPackage its style, as QGIS does it that is told to save one."""
    with closing(sqlite3.connect(path)) as package, package:
        ((column,),) = package.execute(
            "SELECT column_name FROM gpkg_geometry_columns WHERE table_name = ?", (TABLE,)
        )
        package.execute(STYLES)
        package.execute(
            "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, "
            "f_geometry_column, styleName, styleQML, styleSLD, useAsDefault, description, owner, "
            "update_time) VALUES ('', '', ?, ?, ?, ?, '', 1, ?, '', ?)",
            (TABLE, column, TABLE, make_qml(classes), "colors of the classes", EPOCH),
        )
        package.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change, srs_id) "
            "VALUES ('layer_styles', 'attributes', 'layer_styles', ?, 0)",
            (EPOCH,),
        )
        package.execute("UPDATE gpkg_contents SET last_change = ?", (EPOCH,))
