"""Layers of regions as maps and slides have them: millions in one file, written batch by batch.

>>> with open_layer("roofs.gpkg", classes=model.classes) as layer:  # doctest: +SKIP
...     for regions in batches:
...         layer.write(regions)
"""

from __future__ import annotations

from pathlib import Path

from segfit.basics.files import FilePath
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.layers.batch import find_frame
from segfit.formats.layers.geojson_layer import open_geojson
from segfit.formats.layers.geopackage import open_geopackage
from segfit.formats.layers.geoparquet import open_geoparquet
from segfit.formats.layers.label_image import LabelImage, open_label_image
from segfit.formats.layers.layer import Layer, OpenSink
from segfit.formats.layers.ogr import open_flatgeobuf
from segfit.imaging.raster.placement import Placement
from segfit.imaging.scale import IN_PIXELS, Scale

LAYERS: dict[str, OpenSink] = {
    ".gpkg": open_geopackage,
    ".fgb": open_flatgeobuf,
    ".parquet": open_geoparquet,
    ".geojson": open_geojson,
}
"""Kinds of layers by their suffix."""


def open_layer(
    path: FilePath,
    *,
    classes: ClassTable,
    placement: Placement | None = None,
    scale: Scale = IN_PIXELS,
    force: bool = False,
) -> Layer:
    """Start a layer of the kind that the suffix names; it appears when it is closed.

    On a map polygons have its coordinates and its reference system, and areas in m² on the
    ellipsoid; without one they have those of the image in pixels, x to the right and y down, and
    areas in the unit of ``scale`` where that is known. GeoJSON on the earth is in longitudes and
    latitudes (WGS 84). Raises ``SegfitError`` for another suffix, where the file exists (unless
    ``force``) or cannot be written, for a reference system that cannot be understood, and where the
    extra ``geo`` is needed and not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in LAYERS:
        raise SegfitError(
            f"cannot tell from the suffix {suffix!r} of {path} what kind of layer to write: use "
            f"one of {', '.join(LAYERS)}"
        )
    return Layer(path, LAYERS[suffix], find_frame(classes, placement, scale), force=force)


__all__ = ["LAYERS", "LabelImage", "Layer", "open_label_image", "open_layer"]
