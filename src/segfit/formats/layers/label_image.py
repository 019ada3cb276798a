"""Images of labels or of objects' numbers as large as a slide or a map."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from segfit.basics.files import FilePath, atomic_path
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.layers.growing import GrowingOutput
from segfit.formats.layers.label_tiff import TiffHead, write_tiff
from segfit.formats.layers.tile_store import Labels, TileStore
from segfit.imaging.raster.placement import Placement
from segfit.imaging.raster.window import Window
from segfit.imaging.scale import IN_PIXELS, Scale

OME_SUFFIXES = (".ome.tif", ".ome.tiff")
SUFFIXES = (*OME_SUFFIXES, ".tif", ".tiff")


class LabelImage(GrowingOutput):
    """Takes windows in any order; the file is written when it is closed, and is then the same."""

    def __init__(
        self,
        path: FilePath,
        shape: tuple[int, int],
        dtype: DTypeLike,
        head: TiffHead,
        *,
        force: bool,
    ) -> None:
        """Start the image; see ``open_label_image``."""
        self.path = Path(path)
        self._head = head
        with ExitStack() as files:
            self._partial = files.enter_context(atomic_path(path, force=force))
            self._store = TileStore(self._partial.parent, shape, np.dtype(dtype))
            files.callback(self._store.close)
            self._files = files.pop_all()

    def write(self, window: Window, values: Labels) -> None:
        """Set the pixels of a window to values (h, w); those that are never set are 0."""
        with self._undoing():
            self._store.write(window, values)

    def _complete(self) -> None:
        """Make the overviews, and write the file."""
        write_tiff(self._partial, self._store, self._head)


def open_label_image(
    path: FilePath,
    *,
    shape: tuple[int, int],
    dtype: DTypeLike,
    classes: ClassTable | None = None,
    placement: Placement | None = None,
    scale: Scale = IN_PIXELS,
    force: bool = False,
) -> LabelImage:
    """Start a tiled, compressed TIFF with overviews, of ``shape`` (H, W); it appears when closed.

    ``.ome.tif``: OME-TIFF, with the size of a pixel; ``.tif``: GeoTIFF where there is a placement.
    ``dtype``: uint8, uint16, uint32 or int32. ``classes``: what the values mean; uint8 is shown in
    their colors in a ``.tif``. Over 4 GB it is a BigTIFF. Raises ``SegfitError`` for another
    suffix, for a map as OME-TIFF, where the file exists (unless ``force``) or cannot be written,
    and where the extra ``geo`` is needed and not installed.
    """
    name = Path(path).name.lower()
    if not name.endswith(SUFFIXES):
        raise SegfitError(
            f"cannot tell from the name of {path} what to write: an image of labels ends in "
            f"{', '.join(SUFFIXES)}"
        )
    is_ome = name.endswith(OME_SUFFIXES)
    if is_ome and placement is not None:
        raise SegfitError(
            f"{path}: OME-TIFF has no place for the coordinates of a map: call it .tif"
        )
    head = TiffHead(Path(path).name, is_ome, classes, placement, scale)
    return LabelImage(path, shape, dtype, head, force=force)
