"""Opening a file as a raster, by the kind of file that it is."""

from __future__ import annotations

import os
from pathlib import Path

from segfit.errors import SegfitError
from segfit.imaging.channel_names import ChannelChoice
from segfit.imaging.files import find_kind, read_file
from segfit.imaging.limits import TooManyPixelsError, check_megapixels, suggest_conversion
from segfit.imaging.raster.geo_windows import (
    find_world_file,
    is_geotiff,
    open_geo_windows,
    opens_with_gdal,
    place_image,
)
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.slide_windows import is_slide, open_slide_windows
from segfit.imaging.raster.tiff_windows import open_tiff_windows
from segfit.imaging.raster.whole import hold_image
from segfit.imaging.raster.window import Window
from segfit.imaging.raster.zarr_windows import is_zarr, open_zarr_windows
from segfit.imaging.source import read_head
from segfit.imaging.stored import StoredImage
from segfit.imaging.tiff import is_tiff


def read_zarr(path: Path, *, channels: ChannelChoice, max_megapixels: float) -> StoredImage:
    """An OME-Zarr or a Zarr array as ``read_stored`` reads other files.

    Raises ``SegfitError`` as ``open_raster``, for more than ``max_megapixels``, and where channels
    have to be chosen.
    """
    with open_zarr_windows(path) as raster:
        height, width = raster.shape
        check_megapixels(raster.name, height, width, max_megapixels=max_megapixels)
        raster.facts.choose(raster.facts.find(channels))
        return raster.store(Window(0, 0, width, height))


def open_raster(path: str | os.PathLike[str]) -> Raster:
    """Open an image of any size, to read its windows; close it, or use it in a ``with``.

    By its kind: OME-Zarr and Zarr (extra ``zarr``), slides (``slides``), GeoTIFF and whatever else
    GDAL opens (``geo``), TIFF, BigTIFF, OME-TIFF and pyramids. PNG, JPEG and the like are decoded
    whole, once, and may have 256 megapixels at most. Raises ``SegfitError`` for what is missing,
    damaged, not an image or of several, and, naming it, for an extra that is not installed.
    """
    file = Path(path)
    if is_zarr(file):
        return open_zarr_windows(file)
    head = read_head(path)
    if is_slide(file):
        return open_slide_windows(file)
    has_world_file = find_world_file(file) is not None
    if is_tiff(head):
        is_map = has_world_file or is_geotiff(file)
        return open_geo_windows(file) if is_map else open_tiff_windows(file)
    try:
        find_kind(str(file), head)
    except SegfitError:  # which names the kind, where it is known
        if opens_with_gdal(file):
            return open_geo_windows(file)
        raise
    try:
        image = read_file(file)
    except TooManyPixelsError as error:
        raise SegfitError(f"{error}; or {suggest_conversion(file)}") from error
    return place_image(file, image) if has_world_file else hold_image(image)
