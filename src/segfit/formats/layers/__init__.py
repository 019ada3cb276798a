"""Layers of regions as maps and slides have them: millions in one file, written batch by batch.

>>> with open_layer("roofs.gpkg", classes=model.classes) as layer:  # doctest: +SKIP
...     for regions in batches:
...         layer.write(regions)
"""

from __future__ import annotations

from dataclasses import dataclass
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
from segfit.formats.layers.qupath_layer import open_qupath
from segfit.imaging.raster.placement import Placement
from segfit.imaging.scale import IN_PIXELS, Scale


@dataclass(frozen=True)
class LayerKind:
    """A kind of layer: how it is written, and whether it may lie on a map."""

    open: OpenSink
    on_map: bool = True


LAYERS: dict[str, LayerKind] = {
    ".gpkg": LayerKind(open_geopackage),
    ".fgb": LayerKind(open_flatgeobuf),
    ".parquet": LayerKind(open_geoparquet),
    "_qupath.geojson": LayerKind(open_qupath, on_map=False),
    ".geojson": LayerKind(open_geojson),
}
"""Kinds of layers by how the names of their files end; the first one counts."""


def open_layer(
    path: FilePath,
    *,
    classes: ClassTable,
    placement: Placement | None = None,
    scale: Scale = IN_PIXELS,
    force: bool = False,
) -> Layer:
    """Start a layer of the kind that the name's ending says; it appears when it is closed.

    On a map polygons have its coordinates and its reference system, and areas in m² on the
    ellipsoid; without one they have those of the image in pixels, x to the right and y down, and
    areas in the unit of ``scale`` where that is known. GeoJSON on the earth is in longitudes and
    latitudes (WGS 84); QuPath's is always in pixels. Raises ``SegfitError`` for another ending,
    where the file exists (unless ``force``) or cannot be written, for a reference system that
    cannot be understood, and where the extra ``geo`` is needed and not installed.
    """
    name = Path(path).name.lower()
    ending = next((ending for ending in LAYERS if name.endswith(ending)), None)
    if ending is None:
        raise SegfitError(
            f"cannot tell from the name of {path} what kind of layer to write: it ends in one of "
            f"{', '.join(LAYERS)}"
        )
    frame = find_frame(classes, placement if LAYERS[ending].on_map else None, scale)
    return Layer(path, LAYERS[ending].open, frame, force=force)


__all__ = ["LAYERS", "LabelImage", "Layer", "LayerKind", "open_label_image", "open_layer"]
