"""Tags by which a TIFF lies on a map, as GDAL writes them."""

from __future__ import annotations

import io
from typing import Any

from segfit.errors import SegfitError
from segfit.formats.layers.extra import import_geo
from segfit.imaging.raster.placement import Placement

GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737)
"""Pixel scale, tie points, transformation; keys of the reference system, and their values."""

ExtraTag = tuple[int, int, int, Any, bool]
"""Code, type, count, value, and whether the first page alone has it, as tifffile takes it."""


def make_geo_tags(placement: Placement) -> list[ExtraTag]:
    """The tags of a placement: those of an image of one pixel that GDAL writes in memory.

    Raises ``SegfitError`` where GDAL does not understand the reference system.
    """
    import tifffile

    rasterio = import_geo("rasterio")
    try:
        with rasterio.MemoryFile() as memory:
            with memory.open(
                driver="GTiff", width=1, height=1, count=1, dtype="uint8", crs=placement.crs,
                transform=rasterio.Affine(*placement.transform),
            ):  # fmt: skip
                pass
            file = io.BytesIO(memory.read())
    except rasterio.errors.RasterioError as error:
        raise SegfitError(f"the map's place cannot be written to a TIFF: {error}") from error
    with tifffile.TiffFile(file) as tiff:
        return [
            (tag.code, int(tag.dtype), tag.count, tag.value, True)
            for tag in tiff.pages.first.tags
            if tag.code in GEO_TAGS
        ]
