"""Tiles as a TIFF with overviews: GeoTIFF as GDAL has it, or OME-TIFF."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from segfit.classes import ClassTable
from segfit.formats.layers.geo_tags import make_geo_tags
from segfit.formats.layers.tile_store import TILE_PX, TileStore, halve
from segfit.formats.mask import describe_classes, make_palette
from segfit.imaging.raster.placement import Placement
from segfit.imaging.scale import PIXELS, Scale

LARGEST_CLASSIC = 2**32 - 2**25
"""Bytes of tiles that a TIFF with offsets of 32 bits may have."""
PER_CENTIMETER = {"nm": 1e7, "um": 1e4, "mm": 10.0, "cm": 1.0, "m": 0.01, "in": 1 / 2.54}
CLASSES_ITEM = "SEGFIT_CLASSES"
"""Item of GDAL's metadata that names the classes, as ``classes.json`` does."""
GDAL_METADATA, ASCII = 42112, 2
REDUCED = 1
"""The kind of page that is an overview."""


@dataclass(frozen=True)
class TiffHead:
    """What a TIFF says beside its pixels; ``name``: the file's."""

    name: str
    is_ome: bool
    classes: ClassTable | None
    placement: Placement | None
    scale: Scale


def write_tiff(path: Path, store: TileStore, head: TiffHead) -> None:
    """Write an image and its overviews, each half the size of the one before, to a single tile.

    Overviews of an OME-TIFF are within its page, those of a GeoTIFF are pages of their own.
    """
    import tifffile

    with ExitStack() as stores:
        levels = [store]
        while max(levels[-1].shape) > TILE_PX:
            levels.append(halve(levels[-1], path.parent))
            stores.callback(levels[-1].close)
        lengths = [level.list_lengths() for level in levels]
        is_big = sum(map(sum, lengths)) > LARGEST_CLASSIC
        described = describe_ome(head, lengths[0]) if head.is_ome else describe_plain(head)
        shared: dict[str, Any] = {
            "dtype": store.dtype, "tile": (TILE_PX, TILE_PX), "compression": "zlib",
        }  # fmt: skip
        if head.classes is not None and store.dtype == np.uint8 and not head.is_ome:
            colors = make_palette(head.classes).T.astype(np.uint16) * 257  # to 16 bits
            shared |= {"photometric": "palette", "colormap": colors}
        inner = len(levels) - 1 if head.is_ome else 0
        with tifffile.TiffWriter(path, bigtiff=is_big, ome=head.is_ome) as file:
            file.write(
                list_tiles(store), shape=store.shape, subifds=inner, software="segfit",
                **shared, **described,
            )  # fmt: skip
            for level in levels[1:]:
                file.write(
                    list_tiles(level), shape=level.shape, subfiletype=REDUCED, metadata=None,
                    software=False, **shared,
                )  # fmt: skip


def list_tiles(store: TileStore) -> Iterator[bytes]:
    """The compressed tiles, row by row."""
    rows, columns = store.grid
    return (store.read_packed(row, column) for row in range(rows) for column in range(columns))


def describe_plain(head: TiffHead) -> Mapping[str, Any]:
    """What tifffile is to write of a GeoTIFF, or of a plain one with the size of its pixels."""
    tags = [] if head.placement is None else make_geo_tags(head.placement)
    if head.classes is not None:
        named = escape(escape(describe_classes(head.classes)))  # GDAL undoes it twice
        text = f'<GDALMetadata><Item name="{CLASSES_ITEM}">{named}</Item></GDALMetadata>'
        data = text.encode() + b"\0"
        tags.append((GDAL_METADATA, ASCII, len(data), data, True))
    described: dict[str, Any] = {"metadata": None, "extratags": tags}
    if head.placement is None and head.scale.unit in PER_CENTIMETER:
        per_cm = PER_CENTIMETER[head.scale.unit] / head.scale.unit_per_px
        described |= {"resolution": (per_cm, per_cm), "resolutionunit": "CENTIMETER"}
    return described


def describe_ome(head: TiffHead, lengths: list[int]) -> Mapping[str, Any]:
    """What tifffile is to write of an OME-TIFF; ``lengths``: of its tiles.

    The file's identifier follows from them, so that the same pixels give the same bytes.
    """
    metadata: dict[str, Any] = {
        "axes": "YX",
        "Name": head.name,
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{head.name} {lengths}")),
    }
    return {"metadata": metadata | describe_sides(head.scale) | describe_values(head.classes)}


def describe_sides(scale: Scale) -> dict[str, Any]:
    """What OME-TIFF says of the size of a pixel."""
    if scale.unit == PIXELS:
        return {}
    unit = name_ome_unit(scale.unit)
    sides = {f"PhysicalSize{axis}": scale.unit_per_px for axis in "XY"}
    return sides | {f"PhysicalSize{axis}Unit": unit for axis in "XY"}


def describe_values(classes: ClassTable | None) -> dict[str, Any]:
    """What OME-TIFF says of the classes that values stand for."""
    if classes is None:
        return {}
    return {"MapAnnotation": {str(value): name for value, name in enumerate(classes.names)}}


def name_ome_unit(unit: str) -> str:
    """A unit as OME writes it."""
    return {"um": "µm"}.get(unit, unit)
