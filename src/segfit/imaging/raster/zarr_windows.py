"""OME-Zarr and Zarr arrays, window by window: only the chunks that a window touches are read.

Shapes: ``h, w`` a window; ``C`` channels, which are all places along other axes than y and x.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segfit.basics.files import has_file
from segfit.basics.stores import find_url
from segfit.errors import SegfitError
from segfit.imaging.array import store_array
from segfit.imaging.channels import CHANNEL_AXES
from segfit.imaging.layout import Layout
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.tiles import TileCache, fill_window
from segfit.imaging.raster.window import Window
from segfit.imaging.scale import Scale
from segfit.imaging.source import name_source
from segfit.imaging.stored import StoredImage, Values
from segfit.imaging.tiff import AXES, GREY_LIKE, put_channels_last
from segfit.imaging.tiff_metadata import make_scale, name_planes, tidy_names, tidy_steps

if TYPE_CHECKING:
    from zarr import Array, Group

EXTRA = 'pip install "segfit[zarr]"'
MARKS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""A folder with one of these files is a Zarr."""
AXES_OF_OLD = ("t", "c", "z", "y", "x")
"""Of OME-Zarr before 0.3, which names none."""
PRIMARIES = ["FF0000", "00FF00", "0000FF"]


def is_zarr(path: Path) -> bool:
    """Whether a folder is a Zarr's; of one in a store, whose name ends so."""
    if find_url(path) is not None and path.suffix.lower() != ".zarr":
        return False
    return any(has_file(path / mark) for mark in MARKS)


def open_zarr_windows(path: Path) -> Raster:
    """An OME-Zarr image, or a Zarr array (H, W) or (H, W, C), of any size.

    Raises ``SegfitError`` where zarr is not installed, for a group of no or of several images, and
    for arrays that are no images.
    """
    try:
        import zarr
    except ImportError as error:
        raise SegfitError(f"reading {path} needs zarr: {EXTRA}") from error
    name = name_source(path)
    try:
        found = zarr.open(name, mode="r")
    except Exception as error:  # zarr and its stores raise a dozen types
        raise _damaged(name, error) from error
    if isinstance(found, zarr.Group):
        return _open_group(name, found)
    return _open_array(name, found)


@dataclass(frozen=True, eq=False)
class _Level:
    """An array; ``axes``: a letter for each, with Y and X among them."""

    array: Array[Any]
    axes: str

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self._find("Y", self.array.shape), self._find("X", self.array.shape)

    @property
    def tile(self) -> tuple[int, int]:
        """Height and width of a chunk."""
        return self._find("Y", self.array.chunks), self._find("X", self.array.chunks)

    @property
    def others(self) -> dict[str, int]:
        """How long all other axes are."""
        sizes = zip(self.axes, self.array.shape, strict=True)
        return {axis: size for axis, size in sizes if axis not in "YX"}

    @property
    def channels(self) -> int:
        """How many places there are along the other axes."""
        return math.prod(self.others.values())

    def find_channel(self, channel: int) -> tuple[tuple[int, ...], int]:
        """The number along each other axis of the chunk that holds a channel; its place therein."""
        axes = zip(self.axes, self.array.shape, self.array.chunks, strict=True)
        block: list[int] = []
        rest, place, count = channel, 0, 1
        for axis, size, chunk in reversed(list(axes)):
            if axis in "YX":
                continue
            rest, spot = divmod(rest, size)
            number, inner = divmod(spot, chunk)
            block.insert(0, number)
            place += inner * count
            count *= min(size - number * chunk, chunk)
        return tuple(block), place

    def _find(self, axis: str, values: Sequence[int]) -> int:
        return int(values[self.axes.index(axis)])


def _open_array(name: str, array: Array[Any]) -> Raster:
    named = "".join(str(one)[:1].upper() for one in _read_dimension_names(array))
    if array.ndim > 3 and len(named) == array.ndim == len(set(named)) and {"Y", "X"} <= set(named):
        level = _Level(array, named)
        layout = Layout(level.others, _describe(name, level, {}, of_plane=True), {})
        facts = _describe(name, level, {})
        return Raster(facts, _ZarrWindows(name, [level]), [level.shape], layout=layout)
    level = _Level(array, "YXC"[: array.ndim] if array.ndim in (2, 3) else "")
    dtype = array.dtype.newbyteorder("=")
    try:  # an array of this shape that takes no memory
        whole = np.broadcast_to(np.zeros((), dtype), array.shape)
        facts = store_array(whole, max_megapixels=math.inf)
    except SegfitError as error:
        raise SegfitError(f"{name}: {error}") from error
    facts = replace(facts, name=name, values=np.empty((0, 0, level.channels), dtype))
    return Raster(facts, _ZarrWindows(name, [level]), [level.shape])


def _read_dimension_names(array: Array[Any]) -> Sequence[str | None]:
    """The names of an array's axes; none where it has none, as in version 2."""
    return getattr(array.metadata, "dimension_names", None) or ()


def _open_group(name: str, group: Group) -> Raster:
    attributes: dict[str, Any] = group.attrs.asdict()
    ome: dict[str, Any] = attributes.get("ome", attributes)
    if "bioformats2raw.layout" in ome:
        images = {key: image for key, image in sorted(group.groups()) if key.isdecimal()}
        if len(images) == 1:
            key, image = images.popitem()
            return _open_group(f"{name}/{key}", image)
        raise _choose(name, "images", list(images))
    for kind, parts in (("plate", "wells"), ("well", "images")):
        if kind in ome:
            raise _choose(
                name, f"the {parts} of a plate", [one["path"] for one in ome[kind][parts]]
            )
    if not ome.get("multiscales"):
        raise _choose(name, "arrays but no image of OME-Zarr", sorted(group.array_keys()))
    try:
        return _open_image(name, group, ome["multiscales"][0], ome.get("omero", {}))
    except SegfitError:
        raise
    except Exception as error:  # whatever its metadata lack, or say that is not so
        raise _damaged(name, f"{type(error).__name__}: {error}") from error


def _open_image(
    name: str, group: Group, image: Mapping[str, Any], omero: Mapping[str, Any]
) -> Raster:
    axes = [one if isinstance(one, str) else one["name"] for one in image.get("axes", AXES_OF_OLD)]
    letters = "".join(axis[0].upper() for axis in axes)
    first, *rest = (_Level(_find_array(group, one["path"]), letters) for one in image["datasets"])
    if first.array.ndim != len(axes) or not {"Y", "X"} <= set(letters) or 0 in first.array.shape:
        raise _damaged(name, f"its axes are {','.join(axes)}, its shape {first.array.shape}")
    levels = [first, *(level for level in rest if _fits(level, first))]
    notes = []
    if len(levels) <= len(rest):
        odd = [f"{level.array.shape} {level.array.dtype}" for level in rest if level not in levels]
        notes = [f"overviews of {name} that do not fit its image are not used: {', '.join(odd)}"]
    scale, scale_note = _find_scale(image, axes)
    facts = replace(_describe(name, first, omero), scale=scale, scale_note=scale_note)
    plane = _describe(name, first, omero, of_plane=True)
    return Raster(
        facts,
        _ZarrWindows(name, levels),
        [level.shape for level in levels],
        notes=notes,
        layout=Layout(
            first.others,
            replace(plane, scale=scale, scale_note=scale_note),
            _find_steps(image, axes),
        ),
    )


def _find_array(group: Group, path: str) -> Array[Any]:
    import zarr

    found = group[path]
    if not isinstance(found, zarr.Array):
        raise ValueError(f"{path} is not an array")
    return found


def _fits(level: _Level, first: _Level) -> bool:
    same = level.array.ndim == first.array.ndim and level.array.dtype == first.array.dtype
    return same and 0 not in level.array.shape and level.channels == first.channels


def _describe(
    name: str, level: _Level, omero: Mapping[str, Any], *, of_plane: bool = False
) -> StoredImage:
    dtype = level.array.dtype.newbyteorder("=")
    if dtype.kind not in "buif":
        raise SegfitError(
            f"{name} holds {dtype} values; an image has whole numbers or floating point: save its "
            "magnitude, or one of its parts"
        )
    others = level.others
    if of_plane:
        others = {axis: size for axis, size in others.items() if axis in CHANNEL_AXES}
    count = math.prod(others.values())
    sizes = {axis: size for axis, size in others.items() if size > 1}
    planes = [AXES.get(axis, f"planes along {axis}") for axis in sizes if axis not in CHANNEL_AXES]
    channels = omero.get("channels", [])
    labels = [str(channel.get("label") or "").strip() for channel in channels]
    names = tidy_names(labels, count) if not planes else ()
    return StoredImage(
        name,
        np.empty((0, 0, count), dtype),
        names or name_planes(others, photometric=GREY_LIKE[1]),
        is_color=[str(channel.get("color")).upper() for channel in channels] == PRIMARIES,
        planes=" and ".join(planes) or None,
    )


def _find_scale(image: Mapping[str, Any], axes: Sequence[str]) -> tuple[Scale | None, str]:
    """The size of a pixel, by the transformations of the full size and of the whole image."""
    given = _read_steps(image, axes)
    across, down = given.get("x"), given.get("y")
    if across is None or down is None or across[1] != down[1]:
        return None, ""
    return make_scale(across[0], down[0], across[1], origin="OME-Zarr")


def _find_steps(image: Mapping[str, Any], axes: Sequence[str]) -> dict[str, tuple[float, str]]:
    given = _read_steps(image, axes)
    return tidy_steps({axis[0].upper(): step for axis, step in given.items() if axis not in "yx"})


def _read_steps(image: Mapping[str, Any], axes: Sequence[str]) -> dict[str, tuple[float, str]]:
    """How far places are apart along each axis that has a unit, in it."""
    given = [
        step["scale"]
        for holder in (image["datasets"][0], image)
        for step in holder.get("coordinateTransformations", [])
        if step.get("type") == "scale"
    ]
    units = {one["name"]: one.get("unit") for one in image.get("axes", []) if isinstance(one, dict)}
    return {
        axis: (math.prod(float(factors[place]) for factors in given), str(units[axis]))
        for place, axis in enumerate(axes)
        if given and units.get(axis)
    }


class _ZarrWindows:
    """The arrays of a pyramid; chunks that nobody wrote are the array's fill value."""

    has_gaps = False

    def __init__(self, name: str, levels: Sequence[_Level]) -> None:
        self._name = name
        self._levels = levels
        self._tiles = TileCache()

    def read(self, window: Window, *, level: int, channels: Sequence[int]) -> Values:
        found = self._levels[level]
        out = np.empty((*window.shape, len(channels)), found.array.dtype.newbyteorder("="))
        for place, channel in enumerate(channels):
            block, index = found.find_channel(channel)
            read = partial(self._read_tile, found, block, index)
            fill_window(out[..., place], window, found.tile, read)
        return out

    def find_covered(self, window: Window, *, level: int) -> None:
        return None

    def close(self) -> None:
        self._tiles.clear()

    def _read_tile(
        self, level: _Level, block: tuple[int, ...], index: int, row: int, column: int
    ) -> Values:
        """A channel (h, w) of a chunk."""
        key = (level.array.path, block, row, column)
        tile = self._tiles.get(key, partial(self._load, level, block, row, column))
        return np.asarray(tile[..., index])

    def _load(self, level: _Level, block: tuple[int, ...], row: int, column: int) -> Values:
        """A chunk (h, w, C)."""
        numbers = iter(block)
        spans = []
        for axis, chunk in zip(level.axes, level.array.chunks, strict=True):
            number = row if axis == "Y" else column if axis == "X" else next(numbers)
            spans.append(slice(number * chunk, (number + 1) * chunk))
        try:
            values = np.asarray(level.array[tuple(spans)])
        except Exception as error:  # zarr, its stores and codecs raise a dozen types
            raise _damaged(self._name, error) from error
        values = put_channels_last(values, level.axes)
        return np.ascontiguousarray(values, values.dtype.newbyteorder("="))


def _choose(name: str, kind: str, parts: Sequence[str]) -> SegfitError:
    listed = ", ".join(parts[:5]) + ", …" * (len(parts) > 5)
    example = parts[0] if parts else "NAME"
    return SegfitError(
        f"{name} holds {kind} ({listed or 'none'}): give one, such as {name}/{example}"
    )


def _damaged(name: str, reason: object) -> SegfitError:
    return SegfitError(f"{name}: this Zarr is damaged ({reason}): export or copy it again")
