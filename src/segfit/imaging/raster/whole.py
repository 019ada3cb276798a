"""Images that are decoded whole and kept, as a raster: PNG, JPEG and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from segfit.imaging.raster.placement import Placement
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.tiles import take_channels
from segfit.imaging.raster.window import Window
from segfit.imaging.stored import StoredImage, Values


def hold_image(
    image: StoredImage, *, placement: Placement | None = None, notes: Sequence[str] = ()
) -> Raster:
    """An image that was read as a raster of a single level."""
    height, width, channels = image.values.shape
    facts = replace(image, values=np.empty((0, 0, channels), image.values.dtype))
    levels = [(height, width)]
    return Raster(facts, _Held(image.values), levels, placement=placement, notes=notes)


class _Held:
    """Values (H, W, C) in memory."""

    has_gaps = False

    def __init__(self, values: Values) -> None:
        self._values = values

    def read(self, window: Window, *, level: int, channels: Sequence[int]) -> Values:
        rows = slice(window.top, window.bottom)
        return take_channels(self._values[rows, window.left : window.right], channels)

    def find_covered(self, window: Window, *, level: int) -> None:
        return None

    def close(self) -> None:
        self._values = self._values[:0]
