"""Which tiles of an image hold anything: not those of nodata, blank glass and dark background.

Shapes: ``h, w`` a part of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.imaging.raster.window import Window

LEAST_CONTRAST = 4.0
"""Levels of 255 between the lightest and the darkest block of a tile that is not flat.

Of 5,331 tiles of 128 px with nuclei, fluorescent, stained and in bright field (DSB 2018), the
faintest had 7.4, of 1,787 of 256 px 15.1; the median of 131 of 256 px without any had 1.4."""
DARK, BRIGHT = 48, 160
"""Flat tiles of levels below and above are background; those of the same set lie at 0 to 17, and at
180 to 230. What is flat and of another level may be a large object from the inside."""
BLOCK_PX = 8
"""Noise goes in the means of blocks so large, nuclei do not."""
BLOCKS_IN_TILE = 16
"""At least, across a tile: blocks of small tiles are smaller."""
MARGIN_PX = 16
"""What lies so near beyond a tile's edge counts as its own, so that no fringe is lost."""
LARGEST_PART_PX = 4096


class Shown(Protocol):
    """What is looked at: see ``ShownRaster``."""

    @property
    def levels(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of the image and its overviews."""

    def read(self, window: Window, *, level: int = 0) -> UInt8Array:
        """A window (h, w, 3)."""

    def has_data(self, window: Window, *, level: int = 0) -> BoolArray | None:
        """Where (h, w) anything was measured; None for all."""


def find_content(shown: Shown, tile_px: int, *, keep_flat: bool) -> BoolArray:
    """Which tiles, (rows, columns) of ``tile_px`` from the top-left corner, hold anything.

    Those without a pixel that was measured do not. With ``keep_flat`` all others do; else not
    those that are flat, and dark or bright: the means of all blocks lie within ``LEAST_CONTRAST``
    in each color. The image is looked at in its coarsest overview with a pixel for each block.
    """
    height, width = shown.levels[0]
    block_px = max(1, min(BLOCK_PX, tile_px // BLOCKS_IN_TILE))
    level = _choose_level(shown.levels, block_px)
    found = np.zeros((-(-height // tile_px), -(-width // tile_px)), np.bool_)
    step = max(1, LARGEST_PART_PX * width // (shown.levels[level][1] * tile_px))
    for row in range(found.shape[0]):
        for start in range(0, found.shape[1], step):
            columns = range(start, min(start + step, found.shape[1]))
            part = _look(shown, level, row, columns, tile_px, block_px, colors=not keep_flat)
            found[row, columns.start : columns.stop] = [part.holds_any(one) for one in columns]
    return found


def _choose_level(levels: tuple[tuple[int, int], ...], block_px: int) -> int:
    """The coarsest level with a pixel, at least, for each block."""
    height, width = levels[0]
    return max(
        number
        for number, (h, w) in enumerate(levels)
        if h * block_px >= height and w * block_px >= width
    )


@dataclass(frozen=True, eq=False)
class _Part:
    """Some tiles of a row. ``colors``: of the blocks, (h, w, 3), None where they do not matter.

    ``data``: where all of a block was measured; ``any_data``: where anything was. ``left_px`` and
    ``width_px``: where the blocks lie in the image.
    """

    tile_px: int
    left_px: int
    width_px: int
    rows: slice
    colors: UInt8Array | None
    data: BoolArray
    any_data: BoolArray

    def holds_any(self, column: int) -> bool:
        left, right = column * self.tile_px, (column + 1) * self.tile_px
        if not self.any_data[self.rows, self._find_blocks(left, right)].any():
            return False
        if self.colors is None:
            return True
        near = self._find_blocks(left - MARGIN_PX, right + MARGIN_PX)
        blocks = self.colors[:, near][self.data[:, near]].astype(np.float32)
        if len(blocks) == 0 or np.ptp(blocks, axis=0).max() > LEAST_CONTRAST:
            return True
        return bool(DARK < blocks.mean() < BRIGHT)

    def _find_blocks(self, left_px: int, right_px: int) -> slice:
        return _cover(
            left_px - self.left_px, right_px - self.left_px, self.data.shape[1], self.width_px
        )


def _cover(start: int, stop: int, cells: int, length: int) -> slice:
    """Those of ``cells`` equal cells of a ``length`` that a span from start to stop touches."""
    return slice(max(0, start * cells // length), min(cells, -(-stop * cells // length)))


def _look(
    shown: Shown,
    level: int,
    row: int,
    columns: range,
    tile_px: int,
    block_px: int,
    *,
    colors: bool,
) -> _Part:
    """Tiles of a row, with what lies around them."""
    height, width = shown.levels[0]
    top, bottom = max(0, row * tile_px - MARGIN_PX), min(height, (row + 1) * tile_px + MARGIN_PX)
    left = max(0, columns.start * tile_px - MARGIN_PX)
    right = min(width, columns.stop * tile_px + MARGIN_PX)
    level_height, level_width = shown.levels[level]
    down, across = (
        _cover(top, bottom, level_height, height),
        _cover(left, right, level_width, width),
    )
    window = Window(across.start, down.start, across.stop - across.start, down.stop - down.start)
    blocks = (-(-(right - left) // block_px), -(-(bottom - top) // block_px))
    data = shown.has_data(window, level=level)
    shares = np.ones(blocks[::-1], np.float32)
    if data is not None:
        shares = cv2.resize(data.astype(np.float32), blocks, interpolation=cv2.INTER_AREA)
    seen = None
    if colors and shares.any():
        values = shown.read(window, level=level)
        seen = np.asarray(cv2.resize(values, blocks, interpolation=cv2.INTER_AREA), np.uint8)
    own = _cover(row * tile_px - top, (row + 1) * tile_px - top, blocks[1], bottom - top)
    return _Part(tile_px, left, right - left, own, seen, shares > 1 - 1e-6, shares > 0)
