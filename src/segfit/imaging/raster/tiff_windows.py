"""TIFF, window by window: only the tiles and strips that a window touches are decoded.

Shapes: ``h, w`` a window; ``C`` channels, which are samples, planes or pages of the file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray
from segfit.errors import SegfitError
from segfit.imaging.channels import CHANNEL_AXES
from segfit.imaging.layout import Layout
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS, suggest_conversion
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.tiles import (
    KEPT_BYTES,
    KEPT_TILE_BYTES,
    TileCache,
    fill_window,
    take_channels,
)
from segfit.imaging.raster.window import Window
from segfit.imaging.raster.written import WrittenTiles, find_tile_shape
from segfit.imaging.source import name_source
from segfit.imaging.stored import Values
from segfit.imaging.tiff import (
    AXES_OF_PIXELS,
    ORIENTATION,
    check_whole,
    damaged,
    describe_series,
    find_missing_value,
    find_series,
    naming_damage,
    open_tiff,
    put_channels_last,
)
from segfit.imaging.tiff_colors import convert_colors
from segfit.imaging.tiff_decoding import JPEG, lacks_codec, refuse_codec
from segfit.imaging.tiff_metadata import find_steps

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries


def open_tiff_windows(path: Path) -> Raster:
    """A TIFF of any size, in the file system or in a store.

    Raises ``SegfitError`` as ``read_tiff`` does, and for a strip or tile so large that no window
    of it could be read by itself.
    """
    name = name_source(path)
    file = open_tiff(name, path)
    with ExitStack() as cleaning:
        cleaning.callback(file.close)
        with naming_damage(name):
            raster = _open_series(name, file, file.filehandle.size)
        cleaning.pop_all()
    return raster


def _open_series(name: str, file: TiffFile, size: int) -> Raster:
    """The image of a file of ``size`` bytes."""
    series = find_series(name, file)
    levels, notes = _find_levels(name, series)
    for level in levels:
        _check_level(name, level, size)
    facts, space = describe_series(name, file, series)
    plane, _ = describe_series(name, file, series, of_plane=True)
    if space is not None and set(series.axes) - CHANNEL_AXES - AXES_OF_PIXELS:
        raise SegfitError(
            f"{name} is a stack of images with the colors of {space}, which are not read of "
            "stacks: convert it to RGB or grey"
        )
    reader = _TiffWindows(name, file, levels, space)
    reader.check_codec()
    page = series.keyframe
    return Raster(
        facts,
        reader,
        [level.shape for level in levels],
        nodata=None if space else find_missing_value(page),
        notes=notes,
        orientation=int(page.tags.valueof(ORIENTATION, 1)),
        layout=None if space else Layout(levels[0].others, plane, find_steps(file)),
    )


@dataclass(frozen=True, eq=False)
class _Level:
    """A level of the pyramid: pages of one size, each of the same number of channels."""

    series: TiffPageSeries

    @property
    def page(self) -> TiffPage:
        """That which tells how all pages are stored."""
        return self.series.keyframe

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return int(self.page.imagelength), int(self.page.imagewidth)

    @property
    def others(self) -> dict[str, int]:
        """How long all axes but height and width are."""
        sizes = zip(self.series.axes, self.series.shape, strict=True)
        return {axis: size for axis, size in sizes if axis not in "YX"}

    @property
    def channels(self) -> int:
        """How many there are, of all pages."""
        return math.prod(self.others.values())

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of a tile or strip."""
        return find_tile_shape(self.page)

    @property
    def grid(self) -> tuple[int, int]:
        """How many tiles lie below and beside each other."""
        (height, width), (tall, wide) = self.shape, self.tile
        return -(-height // tall), -(-width // wide)

    @cached_property
    def pages(self) -> list[TiffPage | TiffFrame]:
        """All pages."""
        return [page for page in self.series.pages if page is not None]


def _find_levels(name: str, series: TiffPageSeries) -> tuple[list[_Level], list[str]]:
    """The full image and its overviews that can be used; and what was found of the others."""
    levels, odd = [_Level(series)], []
    for number, one in enumerate(series.levels[1:], start=1):
        page = one.keyframe
        height, width = int(page.imagelength), int(page.imagewidth)
        level = _Level(one)
        fits = one.dtype == series.dtype and level.channels == levels[0].channels
        if fits and height and width:
            levels.append(level)
        else:
            odd.append(f"{number} ({width}×{height} px, {one.dtype})")
    if not odd:
        return levels, []
    return levels, [f"overviews of {name} that do not fit its image are not used: {', '.join(odd)}"]


def _check_level(name: str, level: _Level, size: int) -> None:
    check_whole(name, level.series.pages, size)
    if level.series.dataoffset is not None:
        if level.series.dataoffset + level.series.nbytes > size:
            raise damaged(name, "the file ends too early")
        return
    count = math.prod(level.page.chunked)
    if any(len(page.databytecounts) < count for page in level.pages):
        raise damaged(name, f"a page has not all of its {count} strips or tiles")
    if math.prod(level.tile) > DEFAULT_MAX_MEGAPIXELS * 1e6:
        height, width = level.tile
        raise SegfitError(
            f"{name} is stored in strips or tiles of {height}×{width} px, each of which would have "
            f"to be decoded whole: {suggest_conversion(Path(name))}"
        )


class _TiffWindows:
    """The levels of an open TIFF; ``space``: of colors that are to be converted."""

    def __init__(
        self, name: str, file: TiffFile, levels: Sequence[_Level], space: str | None
    ) -> None:
        self._written = WrittenTiles.find(levels[0].page, levels[0].pages)
        self.has_gaps = self._written is not None
        self._name = name
        self._file = file
        self._levels = levels
        self._space = space
        is_tiled = levels[0].page.is_tiled
        self._tiles = TileCache(KEPT_TILE_BYTES if is_tiled else KEPT_BYTES)
        self._lock = Lock()
        self._mapped = {number: _map(level) for number, level in enumerate(levels)}

    def check_codec(self) -> None:
        """Decode the first tile that there is, to raise ``SegfitError`` where nothing can."""
        level = self._levels[0]
        page = level.pages[0]
        present = np.flatnonzero(page.databytecounts)
        if self._mapped[0] is None and present.size:
            self._decode(level, page, int(present[0]))

    def read(self, window: Window, *, level: int, channels: Sequence[int]) -> Values:
        if self._space is None:
            return self._read(window, level, channels)
        stored = self._read(window, level, range(self._levels[level].channels))
        page = self._levels[level].page
        converted = convert_colors(self._name, stored, page, self._space)
        return take_channels(converted, channels)

    def find_covered(self, window: Window, *, level: int) -> BoolArray | None:
        if self._written is None:
            return None
        return self._written.cover(window, self._levels[level].shape)

    def close(self) -> None:
        self._file.close()
        self._tiles.clear()
        self._mapped.clear()

    def _read(self, window: Window, level: int, channels: Sequence[int]) -> Values:
        found = self._levels[level]
        mapped = self._mapped[level]
        if mapped is not None:
            values = _cut(mapped, found.series.axes, window, channels)
            return np.ascontiguousarray(values, values.dtype.newbyteorder("="))
        samples = found.page.shaped[4]
        if list(channels) == list(range(samples)):
            return self._read_plane(found, 0, window)
        out = np.empty((*window.shape, len(channels)), found.series.dtype)
        places = [(channel // samples, channel % samples) for channel in channels]
        for plane, group in groupby(enumerate(places), key=lambda one: one[1][0]):
            values = self._read_plane(found, plane, window)
            for place, (_, sample) in group:
                out[..., place] = values[..., sample]
        return out

    def _read_plane(self, level: _Level, plane: int, window: Window) -> Values:
        """Samples (h, w, C) that lie together in the file."""
        separate, depth, _, _, samples = level.page.shaped
        page, inner = divmod(plane, separate * depth)
        missing = find_missing_value(level.page) or 0
        values = np.full((*window.shape, samples), missing, level.series.dtype)
        read = partial(self._read_tile, level, level.pages[page], inner)
        fill_window(values, window, level.tile, read)
        return values

    def _read_tile(
        self, level: _Level, page: TiffPage | TiffFrame, plane: int, row: int, column: int
    ) -> Values | None:
        """A tile (h, w, C) of a page; ``plane``: of one whose samples lie apart, or a volume."""
        rows, columns = level.grid
        deep = int(level.page.tiledepth) if level.page.is_tiled else 1
        separate, depth = divmod(plane, int(level.page.imagedepth))
        slabs = -(-int(level.page.imagedepth) // deep)
        index = ((separate * slabs + depth // deep) * rows + row) * columns + column
        if page.databytecounts[index] == 0:
            return None
        key = (page.parent.filehandle.path, page.offset, index)
        tile = self._tiles.get(key, partial(self._decode, level, page, index))
        return np.asarray(tile[depth % deep])

    def _decode(self, level: _Level, page: TiffPage | TiffFrame, index: int) -> Values:
        """A tile (depth, h, w, C)."""
        keyframe = level.page
        tables: dict[str, Any] = {}
        if int(keyframe.compression) in JPEG:
            tables = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader}
        try:
            file = page.parent.filehandle
            with self._lock:
                if file.closed:  # one of the files of an OME-TIFF that is spread over several
                    file.open()
                file.seek(page.dataoffsets[index])
                data = file.read(page.databytecounts[index])
            values, _, _ = keyframe.decode(data, index, **tables)
        except SegfitError:  # of a store
            raise
        except Exception as error:  # tifffile and its codecs raise a dozen types
            if lacks_codec(error):
                raise refuse_codec(self._name, keyframe) from error
            raise damaged(self._name, error) from error
        if values is None:
            raise damaged(self._name, f"nothing is in tile {index}")
        return np.asarray(values)


def _map(level: _Level) -> NDArray[Any] | None:
    """All pages of a level that lie in the file one after another as they are; else None.

    None, too, for a file in a store, of which no memory is a part.
    """
    series, file = level.series, level.page.parent
    if series.dataoffset is None or not file.filehandle.is_file:
        return None
    stored = np.dtype(f"{file.byteorder}{series.dtype.char}")
    return np.memmap(
        file.filehandle.path, stored, "r", offset=series.dataoffset, shape=series.shape
    )


def _cut(values: NDArray[Any], axes: str, window: Window, channels: Sequence[int]) -> NDArray[Any]:
    """The window (h, w, C) of values in the order of ``axes``, of these channels alone.

    No others are read: a stack may be larger than the memory.
    """
    spans = {
        "Y": slice(window.top, window.bottom),
        "X": slice(window.left, window.right),
    }
    part = values[tuple(spans.get(axis, slice(None)) for axis in axes)]
    others = [place for place, axis in enumerate(axes) if axis not in spans]
    sizes = [values.shape[place] for place in others]
    if list(channels) == list(range(math.prod(sizes))):
        return put_channels_last(part, axes)
    planes = part.transpose([*others, axes.index("Y"), axes.index("X")])
    return np.stack([planes[np.unravel_index(one, sizes)] for one in channels], axis=-1)
