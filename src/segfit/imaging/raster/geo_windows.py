"""Maps, and whatever else GDAL opens, window by window, through rasterio.

Shapes: ``h, w`` a window; ``C`` channels, which are bands of the file.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.basics.files import has_file
from segfit.basics.stores import StoreFile, find_url
from segfit.errors import SegfitError
from segfit.imaging.orientation import UPRIGHT, read_orientation
from segfit.imaging.raster.geo_placement import find_map_scale, find_placement
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.whole import hold_image
from segfit.imaging.raster.window import Window
from segfit.imaging.raster.written import WrittenTiles
from segfit.imaging.source import name_source, read_head
from segfit.imaging.stored import StoredImage, Values
from segfit.imaging.tiff import GREY_LIKE, RGB, check_whole, is_tiff, naming_damage, open_tiff
from segfit.imaging.tiff_metadata import name_planes, tidy_names

if TYPE_CHECKING:
    from rasterio import DatasetReader

EXTRA = 'pip install "segfit[geo]"'
CACHE_MB = 256
"""Of blocks that GDAL decoded; by itself it keeps a twentieth of the machine's memory."""
GEO_TAGS = (33550, 33922, 34264, 34735)
"""ModelPixelScale, ModelTiepoint, ModelTransformation and GeoKeyDirectory."""
_OPENING = Lock()  # warnings are filtered for the whole process


def open_geo_windows(path: Path) -> Raster:
    """A map, or whatever else rasterio opens, of any size.

    Raises ``SegfitError`` where rasterio is not installed, for what it does not open, for complex
    numbers, bands of several types, and colors that are not red, green and blue.
    """
    name = name_source(path)
    _check_rasterio(path)
    reader = _GeoWindows(path, _find_written(path))
    try:
        with reader.borrow(0) as data:
            facts = _describe(name, data)
            placement, notes = find_placement(name, data)
            values = set(data.nodatavals)
    except BaseException:
        reader.close()
        raise
    scale, scale_note = find_map_scale(placement)
    facts = replace(facts, scale=scale, scale_note=scale_note)
    nodata = values.pop() if len(values) == 1 else None
    return Raster(facts, reader, reader.levels, nodata=nodata, placement=placement, notes=notes)


def find_world_file(path: Path) -> Path | None:
    """The text file beside an image that says where it lies on the map, such as a.pgw of a.png.

    Raises ``SegfitError`` where it lies in a store: GDAL is given nothing but the image from there.
    """
    ending = path.suffix.lower()
    short = f"{ending[:2]}{ending[-1:]}w"
    for suffix in dict.fromkeys((short, f"{ending}w", ".wld")):
        found = path.with_suffix(suffix)
        if found == path or not has_file(found):
            continue
        if (url := find_url(found)) is not None:
            raise SegfitError(
                f"{url} says where {path.name} lies on the map, and is not read from a store: copy "
                "both to a folder, or store a GeoTIFF, such as by rio convert IN OUT.tif"
            )
        return found
    return None


def is_geotiff(path: Path) -> bool:
    """Whether a TIFF's tags say where it lies on the map."""
    name = name_source(path)
    with naming_damage(name), open_tiff(name, path) as file:
        return any(tag in file.pages.first.tags for tag in GEO_TAGS)


def opens_with_gdal(path: Path) -> bool:
    """Whether rasterio is there, and opens a file of a kind that nothing else here reads."""
    try:
        _open(path, 0, []).close()
    except Exception:  # it is not installed, or raises one of its errors
        return False
    return True


def place_image(path: Path, image: StoredImage) -> Raster:
    """An image that was read, on the map where the file beside it says that it lies."""
    if read_orientation(path) != UPRIGHT:
        note = f"{path} is stored turned, so that its place on the map is not used"
        return hold_image(image, notes=[note])
    _check_rasterio(path)
    reader = _GeoWindows(path, None)
    with closing(reader), reader.borrow(0) as data:
        placement, notes = find_placement(str(path), data)
    scale, scale_note = find_map_scale(placement)
    facts = replace(image, scale=scale, scale_note=scale_note)
    return hold_image(facts, placement=placement, notes=notes)


def _find_written(path: Path) -> WrittenTiles | None:
    """Which blocks of a TIFF are in the file; raises ``SegfitError`` where it breaks off."""
    if not is_tiff(read_head(path)):
        return None
    name = name_source(path)
    with naming_damage(name), open_tiff(name, path) as file:
        check_whole(name, file.pages, file.filehandle.size)
        return WrittenTiles.find(file.pages.first, [file.pages.first])


def _describe(name: str, data: DatasetReader) -> StoredImage:
    """What the file says of its bands."""
    from rasterio.enums import ColorInterp

    if data.count == 0:
        parts = ", ".join(data.subdatasets[:3]) or "none"
        raise SegfitError(
            f"{name} holds no image of its own, but others ({parts}): extract one, such as with "
            "rio convert PART OUT.tif"
        )
    kinds = sorted(set(data.dtypes))
    if len(kinds) > 1:
        raise SegfitError(
            f"{name} has bands of several types ({', '.join(kinds)}): convert them to one, such as "
            "with rio convert IN OUT.tif --dtype float32"
        )
    if np.dtype(kinds[0]).kind not in "buif":
        raise SegfitError(
            f"{name} holds {kinds[0]} values; an image has whole numbers or floating point: save "
            "its magnitude, or one of its parts"
        )
    count, meanings = data.count, list(data.colorinterp)
    layout = data.tags(ns="IMAGE_STRUCTURE")
    facts: dict[str, Any] = {"values": np.empty((0, 0, count), kinds[0])}
    facts["bits"] = int(data.tags(1, ns="IMAGE_STRUCTURE").get("NBITS", 8))
    facts["is_inverted"] = layout.get("MINISWHITE") == "YES"
    if meanings == [ColorInterp.palette]:
        return StoredImage(name, names=("value",), palette=_to_palette(data.colormap(1)), **facts)
    others = {ColorInterp.cyan, ColorInterp.hue, ColorInterp.Y} & set(meanings)
    if others:
        raise SegfitError(
            f"{name} has bands of {others.pop().name} and others, which are not read: convert it "
            "to red, green and blue, or grey"
        )
    is_color = meanings[:3] == [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    names = tidy_names([text or "" for text in data.descriptions], count)
    names = names or name_planes({"S": count}, photometric=RGB if is_color else GREY_LIKE[1])
    if ColorInterp.alpha in meanings:
        alpha = meanings.index(ColorInterp.alpha)
        names = (*names[:alpha], "alpha", *names[alpha + 1 :])
        kind = data.tags(alpha + 1, ns="IMAGE_STRUCTURE").get("ALPHA")
        facts |= {"alpha": alpha, "is_sure": False, "is_premultiplied": kind == "PREMULTIPLIED"}
    return StoredImage(name, names=names, is_color=is_color, **facts)


def _to_palette(colors: dict[int, tuple[int, int, int, int]]) -> UInt8Array:
    """Colors (N, 3) of a table of red, green, blue and alpha by value."""
    palette = np.zeros((max(colors) + 1, 3), np.uint8)
    for value, color in colors.items():
        palette[value] = color[:3]
    return palette


class _GeoWindows:
    """A file that GDAL opens, and its overviews; each thread reads by a handle of its own."""

    def __init__(self, path: Path, written: WrittenTiles | None) -> None:
        self._path = path
        self._written = written
        self._lock = Lock()
        self._failures: list[Exception] = []
        self._free: dict[int, list[DatasetReader]] = {}
        with self.borrow(0) as data:
            overviews = data.overviews(1) if data.count else []
            self._masks = _needs_mask(data)
        shapes = []
        for level in range(len(overviews) + 1):
            with self.borrow(level) as data:
                shapes.append((int(data.height), int(data.width)))
        self.levels = shapes
        self.has_gaps = written is not None or self._masks

    @contextmanager
    def borrow(self, level: int) -> Iterator[DatasetReader]:
        """A handle that no other thread has; all errors become ``SegfitError``."""
        import rasterio

        try:
            with self._lock:
                free = self._free.setdefault(level, [])
                handle = free.pop() if free else None
            handle = handle or _open(self._path, level, self._failures)
            try:
                with rasterio.Env(GDAL_CACHEMAX=CACHE_MB):  # it holds from the first read on
                    yield handle
            finally:
                with self._lock:
                    self._free[level].append(handle)
            if self._failures:  # whatever GDAL made of it
                raise self._failures[0]
        except SegfitError:
            raise
        except Exception as error:  # rasterio's own, and those that it leaves as GDAL gives them
            if self._failures:
                raise self._failures[0] from error
            raise SegfitError(
                f"{name_source(self._path)} cannot be read ({error.__cause__ or error}): export or "
                "copy it again"
            ) from error

    def read(self, window: Window, *, level: int, channels: Sequence[int]) -> Values:
        bands = [channel + 1 for channel in channels]
        with self.borrow(level) as data:
            values = data.read(bands, window=_to_window(window))
        return np.ascontiguousarray(np.moveaxis(values, 0, -1))

    def find_covered(self, window: Window, *, level: int) -> BoolArray | None:
        covered = None if self._written is None else self._written.cover(window, self.levels[level])
        if self._masks:
            with self.borrow(level) as data:
                measured = data.dataset_mask(window=_to_window(window)) > 0
            covered = measured if covered is None else covered & measured
        return covered

    def close(self) -> None:
        with self._lock:
            handles = [handle for free in self._free.values() for handle in free]
            self._free.clear()
        for handle in handles:
            handle.close()


def _check_rasterio(path: Path) -> None:
    """Raise ``SegfitError`` where rasterio is not installed."""
    if find_spec("rasterio") is None:
        raise SegfitError(f"reading {name_source(path)} in map coordinates needs rasterio: {EXTRA}")


class _StoreFileForGdal:
    """A file in a store, as rasterio's ``FilePath`` takes one; it opens it again by ``fs``.

    While GDAL reads, nothing may be raised, which would end the process: it gets no bytes and
    complains of them, and ``failures`` has the reason.
    """

    mode = "rb"

    def __init__(self, file: StoreFile, url: str, failures: list[Exception]) -> None:
        self.fs, self.path = self, url
        self._file, self._failures = file, failures

    def open(self, path: str, mode: str) -> _StoreFileForGdal:
        """The same file, standing at its beginning."""
        twin = copy(self._file)
        twin.seek(0)
        return _StoreFileForGdal(twin, path, self._failures)

    def read(self, count: int = -1) -> bytes:
        """So many bytes; none where they cannot be had."""
        try:
            return self._file.read(count)
        except Exception as error:
            self._failures.append(error)
            return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place; returns it."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Where it stands."""
        return self._file.tell()

    def close(self) -> None:
        """Nothing is left open."""


def _open(path: Path, level: int, failures: list[Exception]) -> DatasetReader:
    """Open a level; ``failures``: see ``_StoreFileForGdal``."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioDeprecationWarning
    from rasterio.io import FilePath

    url = find_url(path)
    options = {} if level == 0 else {"overview_level": level - 1}
    with _OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        # Its successor, ``opener``, ends the process where another thread reads.
        warnings.simplefilter("ignore", RasterioDeprecationWarning)
        if url is None:
            return rasterio.open(path, **options)
        return FilePath(_StoreFileForGdal(StoreFile(url), url, failures)).open(**options)


def _needs_mask(data: DatasetReader) -> bool:
    """Whether a mask, or values for "nothing" that differ by band, say what was not measured."""
    from rasterio.enums import MaskFlags

    flags = [set(band) for band in data.mask_flag_enums]
    by_mask = any(band == {MaskFlags.per_dataset} or not band for band in flags)
    return by_mask or len(set(map(str, data.nodatavals))) > 1


def _to_window(window: Window) -> Any:
    from rasterio.windows import Window as GeoWindow

    return GeoWindow(window.left, window.top, window.width, window.height)
