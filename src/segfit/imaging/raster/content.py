"""Which tiles of an image hold anything: not those of nodata, blank glass and dark background.

Shapes: ``h, w`` a part of the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.basics.progress import map_in_threads
from segfit.imaging.raster.window import Window

LEAST_CONTRAST = 4.0
"""Levels of 255 between the lightest and the darkest block of a tile that is not flat.

Of 5,182 tiles of 128 px with nuclei, fluorescent, stained and in bright field (DSB 2018), the
faintest had 7.4, of 1,739 of 256 px 15.1; the median of 132 of 256 px without any had 1.4."""
DARK, BRIGHT = 48, 160
"""Flat tiles of levels below and above are background; those of the same set lie at 0 to 17, and at
180 to 230. What is flat and of another level may be a large object from the inside."""
BLOCK_PX = 8
"""Noise goes in the means of blocks so large, nuclei do not."""
BLOCKS_IN_TILE = 16
"""At least, across a tile: blocks of small tiles are smaller."""
MARGIN_PX = 16
"""What lies so near beyond a tile's edge counts as its own, so that no fringe is lost."""
READ_AT_ONCE = 16
"""Tiles beside each other."""


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
    rows, columns = -(-height // tile_px), -(-width // tile_px)

    def look_at_row(row: int) -> BoolArray:
        tiles = [
            Window(left, top, min(tile_px, width - left), min(tile_px, height - top))
            for top, left in ((row * tile_px, column * tile_px) for column in range(columns))
        ]
        found = np.array([_holds_data(shown, tile, level) for tile in tiles])
        if not keep_flat:
            for begin in range(0, columns, READ_AT_ONCE):
                part = slice(begin, begin + READ_AT_ONCE)
                if found[part].any():
                    found[part] &= ~_are_background(shown, tiles[part], level, block_px)
        return found

    return np.stack(map_in_threads(look_at_row, range(rows)))


def _choose_level(levels: tuple[tuple[int, int], ...], block_px: int) -> int:
    """The coarsest level with a pixel, at least, for each block."""
    height, width = levels[0]
    return max(
        number
        for number, (h, w) in enumerate(levels)
        if h * block_px >= height and w * block_px >= width
    )


def _holds_data(shown: Shown, tile: Window, level: int) -> bool:
    """Whether anything of a tile was measured; mostly its middle was, which is looked at first."""
    middle = Window(tile.left + tile.width // 2, tile.top + tile.height // 2, 1, 1)
    for part in (middle, tile):
        data = shown.has_data(_find_window(shown, part, level), level=level)
        if data is None or data.any():
            return True
    return False


def _are_background(shown: Shown, tiles: Sequence[Window], level: int, block_px: int) -> BoolArray:
    """Whether what was measured of tiles beside each other is flat, and dark or bright, (N,)."""
    windows = [_find_window(shown, tile, level, margin_px=MARGIN_PX) for tile in tiles]
    left, top = windows[0].left, windows[0].top
    band = Window(left, top, windows[-1].right - left, windows[0].height)
    colors, data = shown.read(band, level=level), shown.has_data(band, level=level)
    step = max(1.0, block_px * shown.levels[level][1] / shown.levels[0][1])
    found = np.zeros(len(tiles), np.bool_)
    for index, near in enumerate(windows):
        inside = slice(near.left - left, near.right - left)
        measured = None if data is None else data[:, inside]
        found[index] = _is_background(colors[:, inside], measured, step)
    return found


def _is_background(colors: UInt8Array, data: BoolArray | None, step: float) -> bool:
    """Whether what was measured of colors (h, w, 3) is flat, and dark or bright."""
    height, width = colors.shape[:2]
    size = (math.ceil(width / step), math.ceil(height / step))
    blocks = cv2.resize(colors, size, interpolation=cv2.INTER_AREA).reshape(-1, 3)
    if data is not None:
        shares = cv2.resize(data.astype(np.float32), size, interpolation=cv2.INTER_AREA)
        blocks = blocks[shares.ravel() > 1 - 1e-6]
    if len(blocks) == 0 or np.ptp(blocks.astype(np.float32), axis=0).max() > LEAST_CONTRAST:
        return False
    return not DARK < blocks.mean() < BRIGHT


def _find_window(shown: Shown, part: Window, level: int, *, margin_px: int = 0) -> Window:
    """The pixels of a level that a part of the full size touches, with a margin."""
    (height, width), (tall, wide) = shown.levels[0], shown.levels[level]
    left, right = _cover(part.left - margin_px, part.right + margin_px, wide, width)
    top, bottom = _cover(part.top - margin_px, part.bottom + margin_px, tall, height)
    return Window(left, top, right - left, bottom - top)


def _cover(start: int, stop: int, cells: int, length: int) -> tuple[int, int]:
    """Those of ``cells`` equal cells of a ``length`` that a span from start to stop touches."""
    return max(0, start * cells // length), min(cells, -(-stop * cells // length))
