"""TIFF: tiles that were never written, as GDAL leaves out those of no data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.arrays import BoolArray
from segfit.imaging.raster.window import Window

if TYPE_CHECKING:
    from tifffile import TiffFrame, TiffPage


@dataclass(frozen=True, eq=False)
class WrittenTiles:
    """Which tiles of a TIFF's full size are in the file; and which are not.

    ``shape``: (height, width) of the image, ``tile`` of a tile; ``written``: (rows, columns).
    """

    shape: tuple[int, int]
    tile: tuple[int, int]
    written: BoolArray

    @classmethod
    def find(cls, page: TiffPage, pages: Sequence[TiffPage | TiffFrame]) -> WrittenTiles | None:
        """Of ``pages`` like ``page``, of which one is enough; None where all tiles are there."""
        counts = [np.asarray(page.databytecounts) for page in pages]
        if all(one.all() for one in counts):
            return None
        shape = (int(page.imagelength), int(page.imagewidth))
        tile = find_tile_shape(page)
        grid = tuple(-(-side // step) for side, step in zip(shape, tile, strict=True))
        found = [one.reshape(-1, *grid).any(axis=0) for one in counts]
        return cls(shape, tile, np.any(found, axis=0))

    def cover(self, window: Window, level: tuple[int, int]) -> BoolArray | None:
        """Which pixels of a window lie in tiles that are there; None for all.

        ``level``: (height, width) of the level whose window it is. Overviews are written whole.
        """
        spans = ((window.top, window.bottom), (window.left, window.right))
        rows, columns = (
            np.arange(*span) * whole // own // step
            for span, whole, own, step in zip(spans, self.shape, level, self.tile, strict=True)
        )
        found = self.written[np.ix_(rows, columns)]
        return None if found.all() else found


def find_tile_shape(page: TiffPage) -> tuple[int, int]:
    """Height and width of a TIFF's tiles or strips."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return int(page.rowsperstrip), int(page.imagewidth)
