"""A huge image of labels that grows in any order: its tiles are kept compressed on the disk.

Shapes: ``H, W`` the image; ``T`` a tile's side.
"""

from __future__ import annotations

import tempfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.imaging.raster.window import Window

Labels = NDArray[Any]
TILE_PX = 512
OPEN_TILES = 128
"""Tiles that are in memory while windows write into them."""
COMPRESSION_LEVEL = 6


class TileStore:
    """Tiles of an image, in a file without a name that the system removes, whatever happens.

    Pixels that nobody writes are 0. ``shape``: (H, W). ``grid``: rows and columns of tiles.
    """

    def __init__(self, folder: Path, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        """Start an image without any pixel; ``folder``: where there is room on the disk."""
        self.shape, self.dtype = shape, dtype
        self.grid = -(-shape[0] // TILE_PX), -(-shape[1] // TILE_PX)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (closed by `close`)
        self._places: dict[tuple[int, int], tuple[int, int]] = {}
        self._end = 0
        self._open: OrderedDict[tuple[int, int], Labels] = OrderedDict()
        self._missing: dict[tuple[int, int], int] = {}
        self._blank = zlib.compress(bytes(TILE_PX * TILE_PX * dtype.itemsize), COMPRESSION_LEVEL)

    def write(self, window: Window, values: Labels) -> None:
        """Set the pixels of a window within the image to values (h, w)."""
        for row in range(window.top // TILE_PX, -(-window.bottom // TILE_PX)):
            for column in range(window.left // TILE_PX, -(-window.right // TILE_PX)):
                top, left = row * TILE_PX, column * TILE_PX
                first_y, last_y = max(top, window.top), min(top + TILE_PX, window.bottom)
                first_x, last_x = max(left, window.left), min(left + TILE_PX, window.right)
                part = values[
                    first_y - window.top : last_y - window.top,
                    first_x - window.left : last_x - window.left,
                ]
                if not self.holds(row, column) and not part.any():
                    continue  # most of a slide is glass
                tile = self._take((row, column))
                tile[first_y - top : last_y - top, first_x - left : last_x - left] = part
                self._missing[row, column] -= (last_y - first_y) * (last_x - first_x)
                if self._missing[row, column] <= 0:  # no window is likely to come back to it
                    self._pack((row, column))
        while len(self._open) > OPEN_TILES:
            self._pack(next(iter(self._open)))

    def holds(self, row: int, column: int) -> bool:
        """Whether anything was written to a tile."""
        return (row, column) in self._open or (row, column) in self._places

    def read(self, row: int, column: int) -> Labels:
        """The pixels (T, T) of a tile, 0 beyond the image."""
        if (row, column) in self._open:
            return self._open[row, column]
        pixels = np.frombuffer(zlib.decompress(self.read_packed(row, column)), self.dtype)
        return pixels.reshape(TILE_PX, TILE_PX)

    def read_packed(self, row: int, column: int) -> bytes:
        """A tile as TIFF has it, compressed (Deflate)."""
        if (row, column) in self._open:
            self._pack((row, column))
        if (row, column) not in self._places:
            return self._blank
        start, length = self._places[row, column]
        self._file.seek(start)
        return self._file.read(length)

    def list_lengths(self) -> list[int]:
        """Bytes of each compressed tile, row by row."""
        while self._open:
            self._pack(next(iter(self._open)))
        rows, columns = self.grid
        places = ((row, column) for row in range(rows) for column in range(columns))
        return [self._places.get(place, (0, len(self._blank)))[1] for place in places]

    def close(self) -> None:
        """Let go of the file, which is gone then."""
        self._file.close()

    def _take(self, place: tuple[int, int]) -> Labels:
        """A tile to write to."""
        if place not in self._open:
            blank = np.zeros((TILE_PX, TILE_PX), self.dtype)
            self._open[place] = self.read(*place).copy() if self.holds(*place) else blank
            if place not in self._missing:
                height, width = self.shape
                rows = min(TILE_PX, height - place[0] * TILE_PX)
                columns = min(TILE_PX, width - place[1] * TILE_PX)
                self._missing[place] = rows * columns
        self._open.move_to_end(place)
        return self._open[place]

    def _pack(self, place: tuple[int, int]) -> None:
        """Move a tile to the disk; what is there of it already is forgotten."""
        tile = self._open.pop(place)
        if not tile.any():
            self._places.pop(place, None)
            return
        packed = zlib.compress(tile.tobytes(), COMPRESSION_LEVEL)
        self._file.seek(self._end)
        self._file.write(packed)
        self._places[place] = (self._end, len(packed))
        self._end += len(packed)


def halve(store: TileStore, folder: Path) -> TileStore:
    """The image at half its size, rounded up: each pixel the most frequent label of its four.

    Where two are as frequent, that of the pixel above and to the left.
    """
    height, width = (-(-side // 2) for side in store.shape)
    half = TileStore(folder, (height, width), store.dtype)
    for row in range(half.grid[0]):
        for column in range(half.grid[1]):
            below = [
                (2 * row + down, 2 * column + across)
                for down, across in np.ndindex(2, 2)
                if 2 * row + down < store.grid[0] and 2 * column + across < store.grid[1]
            ]
            if not any(store.holds(*place) for place in below):
                continue
            block = np.zeros((2 * TILE_PX, 2 * TILE_PX), store.dtype)
            for place in below:
                y, x = (TILE_PX * (side % 2) for side in place)
                block[y : y + TILE_PX, x : x + TILE_PX] = store.read(*place)
            top, left = row * TILE_PX, column * TILE_PX
            rows, columns = min(TILE_PX, height - top), min(TILE_PX, width - left)
            inside = block[: store.shape[0] - 2 * top, : store.shape[1] - 2 * left]
            fill = [(0, side % 2) for side in inside.shape]  # an odd edge counts twice
            half.write(
                Window(left, top, columns, rows), find_most_frequent(np.pad(inside, fill, "edge"))
            )
    return half


def find_most_frequent(labels: Labels) -> Labels:
    """The most frequent of every 2×2 pixels: (H, W), both even, to half of each.

    >>> find_most_frequent(np.array([[1, 2, 3, 4], [2, 2, 4, 3]])).tolist()
    [[2, 3]]
    """
    first, second = labels[::2, ::2], labels[::2, 1::2]
    third, fourth = labels[1::2, ::2], labels[1::2, 1::2]
    found = first.copy()
    alone = (first != second) & (first != third) & (first != fourth)
    later = alone & (third == fourth)
    found[later] = third[later]
    earlier = alone & ((second == third) | (second == fourth))
    found[earlier] = second[earlier]
    return np.asarray(found)
