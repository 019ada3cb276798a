"""TIFF: read by what its tags say of samples, channels, colors and orientation.

Shapes: ``H, W`` the image; ``C`` its channels, which are samples, planes or pages of the file.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.channels import CHANNEL_AXES, COLOR_NAMES
from segfit.imaging.orientation import turn_upright
from segfit.imaging.scale import Scale
from segfit.imaging.source import open_parts
from segfit.imaging.stored import StoredImage
from segfit.imaging.tiff_colors import convert_colors
from segfit.imaging.tiff_decoding import decode_series
from segfit.imaging.tiff_metadata import find_scale, list_names, name_planes

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffFrame, TiffPage, TiffPageSeries

GREY_LIKE, RGB, PALETTE = (0, 1), 2, 3
WHITE_IS_ZERO = 0
COLOR_SPACES = {5: "CMYK", 6: "YCbCr", 8: "CIELAB", 9: "CIELAB"}
ASSOCIATED, UNASSOCIATED = 1, 2
"""Values of the tag ExtraSamples that mean alpha."""
AXES_OF_PIXELS = frozenset("YX")
AXES = {"Z": "planes along Z", "T": "points in time", "I": "pages", "Q": "pages"}
ORIENTATION = 274
NODATA = 42113
LARGEST_MASK_VALUE = 65535

# What it finds odd goes to where the program that uses segfit wants it, and not to the terminal.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def is_tiff(head: bytes) -> bool:
    """Whether a file that begins so is a TIFF, or a BigTIFF."""
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def measure_tiff(name: str, data: bytes) -> tuple[int, int]:
    """Height and width of a TIFF's image, without decoding it; ``SegfitError`` as ``read_tiff``."""
    with open_tiff(name, data) as file:
        page = find_series(name, file).keyframe
        return int(page.imagelength), int(page.imagewidth)


def find_tiff_scale(name: str, data: bytes) -> tuple[Scale | None, str]:
    """The size of a TIFF's pixel, see ``find_scale``; ``SegfitError`` as ``read_tiff``."""
    with open_tiff(name, data) as file:
        return find_scale(file, find_series(name, file).keyframe)


def find_nodata(name: str, data: bytes) -> int | None:
    """The whole number that a TIFF says stands for "nothing was measured here" (GDAL's tag).

    None where it says none, or one that its values cannot be as a mask's, 0 to 65535;
    ``SegfitError`` as ``read_tiff``.
    """
    with open_tiff(name, data) as file:
        return _read_nodata(find_series(name, file).keyframe)


def read_tiff(name: str, data: bytes, *, keep_nodata: bool = False) -> StoredImage:
    """Read the image of a TIFF, upright, with its channels, their names and the size of a pixel.

    CMYK, YCbCr and CIELAB become red, green and blue. What stands for no value becomes NaN, but
    with ``keep_nodata`` the value that ``find_nodata`` gives stays. Raises ``SegfitError`` for a
    damaged file, for one of several images, for colors that are not read, and, naming what to
    install, for a compression that nothing here decodes.
    """
    with naming_damage(name), open_tiff(name, data) as file:
        series = find_series(name, file)
        page = series.keyframe
        height, width = int(page.imagelength), int(page.imagewidth)
        check_whole(name, series.pages, len(data))
        values = put_channels_last(decode_series(name, data, series), series.axes)
        if values.shape[:2] != (height, width):
            raise damaged(name, f"its pages are not {height}×{width} px")
        if not keep_nodata or _read_nodata(page) is None:
            values = blank_nodata(values, find_missing_value(page))
        orientation = page.tags.valueof(ORIENTATION, 1)
        values = np.ascontiguousarray(turn_upright(values, int(orientation)))
        facts, space = describe_series(name, file, series)
        if space is not None:
            values = convert_colors(name, values, page, space)
        return replace(facts, values=values)


@contextmanager
def naming_damage(name: str) -> Iterator[None]:
    """Within it, whatever is raised is a ``SegfitError``: tifffile has a dozen on broken files."""
    try:
        yield
    except SegfitError:
        raise
    except Exception as error:
        raise damaged(name, error) from error


def open_tiff(name: str, source: bytes | Path) -> TiffFile:
    """Open a TIFF, given as its bytes or where it lies; ``SegfitError`` where it is damaged.

    Of one in a store only the parts are fetched that are read.
    """
    from tifffile import TiffFile

    with naming_damage(name):
        opened: Any = open_parts(source) if isinstance(source, Path) else io.BytesIO(source)
        file = TiffFile(opened, name=name)
        with ExitStack() as cleaning:
            cleaning.callback(file.close)
            if not file.pages:
                raise ValueError("it has no page")
            cleaning.pop_all()
        return file


def find_series(name: str, file: TiffFile) -> TiffPageSeries:
    """The file's image, without thumbnails and masks of transparency.

    Raises ``SegfitError`` for several images, for complex numbers and for what is damaged.
    """
    with naming_damage(name):
        found = [one for one in file.series if _is_image(one.keyframe)]
    if not found:
        raise damaged(name, "it has no page with an image")
    if len(found) > 1:
        sizes = ", ".join(_show_size(one) for one in found[:3])
        raise SegfitError(
            f"{name} holds {len(found)} images ({sizes}{', …' * (len(found) > 3)}): extract one, "
            "in Python with tifffile.imread(…, series=0) for the first"
        )
    series = found[0]
    if not {"Y", "X"} <= set(series.axes) or series.keyframe.imagelength == 0:
        raise damaged(name, f"its axes are {series.axes}, not those of an image")
    planned = int((file.imagej_metadata or {}).get("images", 1))
    found_planes = series.size // series.keyframe.size
    if found_planes < planned:
        raise damaged(name, f"it has {found_planes} of {planned} planes")
    if series.dtype is None or series.dtype.kind not in "buif":
        raise SegfitError(
            f"{name} holds {series.dtype} values; an image has whole numbers or floating point: "
            "save its magnitude, or one of its parts"
        )
    return series


def _is_image(page: TiffPage) -> bool:
    return not page.is_reduced and not page.is_mask


def _show_size(series: TiffPageSeries) -> str:
    return "×".join(map(str, series.shape))


def check_whole(name: str, pages: Iterable[TiffPage | TiffFrame | None], size: int) -> None:
    """Raise ``SegfitError`` where a page is missing, or ends beyond the file's ``size``."""
    for page in pages:
        if page is None:
            raise damaged(name, "pages are missing")
        ends = np.add(page.dataoffsets, page.databytecounts)
        if np.max(ends, initial=0) > size:
            raise damaged(name, "the file ends too early")


def put_channels_last(values: NDArray[Any], axes: str) -> NDArray[Any]:
    """Values as (H, W, C): all ``axes`` but height and width are channels, in the file's order."""
    order = [place for place, axis in enumerate(axes) if axis not in "YX"]
    moved = values.transpose([axes.index("Y"), axes.index("X"), *order])
    return moved.reshape(*moved.shape[:2], -1)


def _read_nodata(page: TiffPage) -> int | None:
    try:
        value = float(str(page.tags.valueof(NODATA)))
    except ValueError:
        return None  # there is no such tag, or no number in it
    holds_whole = page.dtype is not None and page.dtype.kind in "bui" and value.is_integer()
    return int(value) if holds_whole and 0 <= value <= LARGEST_MASK_VALUE else None


def find_missing_value(page: TiffPage) -> float | None:
    """The value that a TIFF says stands for "nothing was measured here", whatever its kind."""
    try:
        float(str(page.tags.valueof(NODATA)))
    except ValueError:
        return None  # there is no such tag, or no number in it
    return page.nodata


def blank_nodata(values: NDArray[Any], nodata: float | None) -> NDArray[Any]:
    """Values that stand for "nothing was measured here" as NaN.

    0, which is shown black anyway, and values of 8 bits stay as they are.
    """
    if not nodata or values.dtype.itemsize == 1:
        return values
    lacking = values == nodata
    if not lacking.any():
        return values
    wide = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
    wide[lacking] = np.nan
    return wide


def describe_series(
    name: str, file: TiffFile, series: TiffPageSeries, *, of_plane: bool = False
) -> tuple[StoredImage, str | None]:
    """What the tags say of an image, which has no pixels yet: (0, 0, C) of the type stored.

    And the space of its colors, where they are to be converted: see ``convert_colors``.
    ``of_plane``: of one plane of a stack, with the channels that it has by itself.
    """
    page = series.keyframe
    photometric = GREY_LIKE[1] if page.photometric is None else int(page.photometric)
    left_out = AXES_OF_PIXELS if not of_plane else set(series.axes) - CHANNEL_AXES
    others = {a: n for a, n in zip(series.axes, series.shape, strict=True) if a not in left_out}
    count = math.prod(others.values())
    scale, scale_note = find_scale(file, page)
    facts: dict[str, Any] = {"scale": scale, "scale_note": scale_note}
    facts |= {"values": np.empty((0, 0, count), series.dtype), "bits": int(page.bitspersample)}
    planes = [AXES.get(axis, f"planes along {axis}") for axis in others if axis not in CHANNEL_AXES]
    if planes:
        facts |= {"planes": " and ".join(dict.fromkeys(planes)), "is_color": False}
    names = list_names(file, count) or name_planes(others, photometric=photometric)
    extra = tuple(int(kind) for kind in page.extrasamples)
    if photometric in COLOR_SPACES:
        facts |= {"values": np.empty((0, 0, 3), np.uint8), "names": COLOR_NAMES, "bits": 8}
        return StoredImage(name, **facts), COLOR_SPACES[photometric]
    if photometric == PALETTE and count == 1 and page.colormap is not None:
        facts |= {"names": ("value",), "palette": _to_palette(page.colormap), "bits": 8}
        return StoredImage(name, **facts), None
    if photometric not in (*GREY_LIKE, RGB, PALETTE):
        raise SegfitError(
            f"{name} has the colors of {getattr(page.photometric, 'name', photometric)}, which are "
            "not read: convert it to RGB or grey"
        )
    has_alpha = bool(extra) and list(others) == ["S"] and extra[0] in (ASSOCIATED, UNASSOCIATED)
    if has_alpha:
        alpha = count - len(extra)
        names = (*names[:alpha], "alpha", *names[alpha + 1 :])
        facts |= {"alpha": alpha, "is_premultiplied": extra[0] == ASSOCIATED, "is_sure": False}
    facts["is_color"] = facts.get("is_color", True) and photometric == RGB
    return StoredImage(name, names=names, is_inverted=photometric == WHITE_IS_ZERO, **facts), None


def _to_palette(colormap: NDArray[Any]) -> UInt8Array:
    """Colors (N, 3) of a tag of 16-bit levels (3, N); some programs write 8-bit levels."""
    levels = np.asarray(colormap).reshape(3, -1).T
    return np.asarray(levels if levels.max() < 256 else levels >> 8, np.uint8)


def damaged(name: str, reason: object) -> SegfitError:
    """The error for a file that breaks off, or holds what no program writes."""
    return SegfitError(f"{name}: this TIFF file is damaged ({reason}): export or copy it again")
