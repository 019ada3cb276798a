"""Opening a file as a raster, by the kind of file that it is."""

from __future__ import annotations

import os
from pathlib import Path

from segfit.imaging.files import read_file
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.tiff_windows import open_tiff_windows
from segfit.imaging.raster.whole import hold_image
from segfit.imaging.source import read_head

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def open_raster(path: str | os.PathLike[str]) -> Raster:
    """Open an image of any size, to read its windows; close it, or use it in a ``with``.

    TIFF and BigTIFF, plain, tiled and in pyramids, OME-TIFF; others are decoded whole, once, and
    may have 256 megapixels at most. Raises ``SegfitError`` for what is missing, damaged, not an
    image or of several, as ``read_image`` does.
    """
    head = read_head(path)
    if head.startswith(TIFF_HEADS):
        return open_tiff_windows(Path(path))
    return hold_image(read_file(path))
