"""An image of any size as networks and viewers see it: windows of 8-bit red, green and blue.

Shapes: ``h, w`` a window.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.imaging.channel_names import ChannelChoice, describe_choice
from segfit.imaging.channels import Channels
from segfit.imaging.raster.content import find_content
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.window import Window
from segfit.imaging.rgb import Ranges, find_ranges


class ShownRaster:
    """A raster's windows as ``read_image`` shows the parts of a whole image.

    What is 8 bits stays as it is. Of all other values the range that becomes 0 to 255 is found
    once, by a sample of the image, which is all of it where that is not large, so that windows fit
    together. ``note``: what to tell of the channels. Several threads may read.
    """

    def __init__(
        self, raster: Raster, choice: ChannelChoice = None, *, ranges: Ranges | None = None
    ) -> None:
        """``choice``: of channels, as ``read_image`` takes them, or raises ``SegfitError``.

        ``ranges``: those of the same image and choice, where they were found before.
        """
        self.raster, self._choice = raster, choice
        self.channels = channels = raster.facts.find(choice)
        self.note = describe_choice(raster.names, choice, channels)
        self.ranges = _find_ranges(raster, channels) if ranges is None else ranges

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process, whose image lies at the same place: opened again by its name."""
        return _open_again, (Path(self.raster.name), self._choice, self.ranges)

    def __repr__(self) -> str:
        return f"<ShownRaster of {self.raster!r}>"

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.raster.shape

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of the image and its overviews."""
        return self.raster.levels

    def read(self, window: Window, *, level: int = 0) -> UInt8Array:
        """A window (h, w, 3) of RGB, C-contiguous; raises ``SegfitError`` as ``Raster.read``."""
        stored = self.raster.store(window, level=level, channels=self.channels)
        return np.ascontiguousarray(stored.render(self.ranges))

    def has_data(self, window: Window, *, level: int = 0) -> BoolArray | None:
        """Where (h, w) anything was measured, see ``Raster.has_data``; None where it was all."""
        if not self.raster.may_lack_data:
            return None
        found = self.raster.has_data(window, level=level)
        return None if found.all() else found

    def find_content(self, tile_px: int) -> BoolArray:
        """Which tiles, (rows, columns) of ``tile_px`` from the top-left corner, hold anything.

        Not those of which nothing was measured, nor those of blank glass or dark background, see
        ``segfit.imaging.raster.content``. On a map what is flat is ground, and is kept.
        """
        return find_content(self, tile_px, keep_flat=self.raster.placement is not None)


def _open_again(path: Path, choice: ChannelChoice, ranges: Ranges) -> ShownRaster:
    return ShownRaster(open_raster(path), choice, ranges=ranges)


def _find_ranges(raster: Raster, channels: Channels | None) -> Ranges:
    """The values that are shown as 0 and 255, by a sample of the image; none for 8 bits."""
    chosen = raster.facts.choose(channels)
    is_ready = chosen.palette is not None or not find_ranges(chosen.values)
    is_sure = channels is not None or raster.alpha is None or raster.has_alpha
    return () if is_ready and is_sure else raster.sample(channels).choose().find_ranges()
