"""Windows put together from the tiles or strips that a file stores, each decoded once and kept.

Shapes: ``h, w`` a window; ``C`` channels; a tile is (height, width, C), at the image's lower and
right edge perhaps smaller.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from threading import Lock

import numpy as np

from segfit.imaging.raster.window import Window
from segfit.imaging.stored import Values

KEPT_BYTES = 256 * 2**20
"""Of decoded strips: windows next to each other share all of theirs."""
KEPT_TILE_BYTES = 96 * 2**20
"""Of decoded tiles: neighbouring windows share those at their border."""


class TileCache:
    """The tiles that were decoded last, at most so many bytes of them; threads may share it."""

    def __init__(self, limit_bytes: int = KEPT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._tiles: OrderedDict[Hashable, Values] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable, decode: Callable[[], Values]) -> Values:
        """The tile of this key, decoded where it is not there; do not write into it."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
                return tile
        tile = decode()
        with self._lock:
            if key not in self._tiles:
                self._tiles[key] = tile
                self._bytes += tile.nbytes
            while self._bytes > self._limit_bytes:
                _, oldest = self._tiles.popitem(last=False)
                self._bytes -= oldest.nbytes
        return tile

    def clear(self) -> None:
        """Forget all tiles."""
        with self._lock:
            self._tiles.clear()
            self._bytes = 0


def list_tiles(window: Window, tile: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Row and column of each tile, of ``tile`` (height, width), that a window touches.

    >>> list(list_tiles(Window(0, 8, 5, 8), (10, 10)))
    [(0, 0), (1, 0)]
    """
    height, width = tile
    for row in range(window.top // height, -(-window.bottom // height)):
        for column in range(window.left // width, -(-window.right // width)):
            yield row, column


def fill_window(
    out: Values, window: Window, tile: tuple[int, int], read: Callable[[int, int], Values | None]
) -> None:
    """Fill ``out`` (h, w, …) from tiles, of ``tile`` (height, width); None leaves it as it is.

    ``read``: gives the tile of a row and a column.
    """
    height, width = tile
    for row, column in list_tiles(window, tile):
        values = read(row, column)
        if values is None:
            continue
        top, left = max(window.top, row * height), max(window.left, column * width)
        bottom = min(window.bottom, row * height + values.shape[0])
        right = min(window.right, column * width + values.shape[1])
        out[top - window.top : bottom - window.top, left - window.left : right - window.left] = (
            values[
                top - row * height : bottom - row * height,
                left - column * width : right - column * width,
            ]
        )


def take_channels(values: Values, channels: Sequence[int]) -> Values:
    """These channels of values (h, w, C); the values themselves where that is all of them."""
    if list(channels) == list(range(values.shape[2])):
        return values
    return np.asarray(values[..., list(channels)])
