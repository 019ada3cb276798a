"""The values that a mask's file stores, whatever kind of file it is.

Shapes: values are (H, W) uint8 or uint16, or (H, W, 3) uint8 where they are colors.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from segfit.basics.arrays import UInt8Array, UInt16Array
from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun
from segfit.errors import SegfitError
from segfit.imaging.files import ImageFile, decode_values, open_image_file
from segfit.imaging.tiff import find_nodata

OPAQUE = 128
"""Alpha from which a pixel is seen; below it, it is part of what lies behind."""
_TIFF_SUFFIXES = (".tif", ".tiff")
_TIFF_JPEG = (6, 7, 34892)


@dataclass(frozen=True, eq=False)
class MaskValues:
    """What a mask's file stores: values, and what they look like.

    ``colors``: of a palette image whose ``values`` are indices, the color of each pixel, (H, W, 3),
    or (H, W) where all are grey. ``is_lossy``: whether the file's compression changes values.
    ``nodata``: the value that the file says stands for none.
    """

    values: NDArray[Any]
    colors: UInt8Array | None
    is_lossy: bool
    nodata: int | None = None

    __repr__ = show_briefly


def read_mask(path: Path) -> MaskValues:
    """Read a mask's values as ``read_mask_values`` does, and what else its file says of them."""
    file = open_image_file(path)
    values = _simplify(decode_values(file, palette_as_colors=False, keep_nodata=True), path)
    colors = (
        _simplify(decode_values(file, palette_as_colors=True), path) if file.has_palette else None
    )
    nodata = _find_nodata(file) if values.ndim == 2 else None
    return MaskValues(values, colors, is_lossy=_is_lossy(file), nodata=nodata)


def read_nodata(path: Path) -> int | None:
    """The value that a mask's file says stands for none; None where it says none.

    Also for a file that cannot be read, and, unread, for one that is not called a TIFF.
    """
    if path.suffix.lower() not in _TIFF_SUFFIXES:
        return None
    try:
        return _find_nodata(open_image_file(path))
    except SegfitError:
        return None  # reading the mask will say what is wrong


def read_mask_values(path: Path, *, by_color: bool, keep_nodata: bool = False) -> NDArray[Any]:
    """Read a mask's values: (H, W) uint8 or uint16, or (H, W, 3) uint8 where it has colors.

    They are those that the file stores: a TIFF image whose zeros are shown white has zeros there. A
    palette image gives its indices, or with ``by_color`` its colors. Colors that all are grey give
    one channel. Transparent pixels become black, as what lies behind a mask is its background;
    where all that is seen is black, it becomes white, and where nothing is seen, alpha means
    nothing. ``keep_nodata``: the value that a file says stands for none is one like the others, and
    not refused. Raises SegfitError for a file that cannot be read, or that holds no mask.
    """
    file = open_image_file(path)
    values = decode_values(file, palette_as_colors=by_color, keep_nodata=keep_nodata)
    return _simplify(values, path)


def _find_nodata(file: ImageFile) -> int | None:
    return find_nodata(file.name, file.data) if file.kind == "TIFF" else None


def _is_lossy(file: ImageFile) -> bool:
    if file.kind == "TIFF":
        with tifffile.TiffFile(io.BytesIO(file.data)) as tiff:
            return tiff.pages.first.compression in _TIFF_JPEG
    return file.kind == "JPEG" or (file.kind == "WebP" and b"VP8 " in file.data[:64])


def _simplify(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Values of any type and any number of channels as (H, W) or (H, W, 3)."""
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    elif values.dtype not in (np.uint8, np.uint16):
        values = _to_uint16(values, path)
    if values.ndim == 2:
        return values
    if values.shape[2] in (2, 4):
        values = _lay_over_black(values, path)
    if values.shape[2] not in (1, 3):
        raise SegfitError(
            f"{path} has {values.shape[2]} channels; a mask has one, or a color: save it as a grey "
            "or RGB image"
        )
    if all((values[..., other] == values[..., 0]).all() for other in range(1, values.shape[2])):
        return np.ascontiguousarray(values[..., 0])
    if values.dtype != np.uint8:
        raise SegfitError(
            f"{path} has 16-bit colors; the colors of a mask have 8 bits a channel: save it so"
        )
    return values


def _lay_over_black(values: NDArray[Any], path: Path) -> NDArray[Any]:
    """Values without alpha: black where they are transparent; see ``read_mask_values``."""
    opaque_from = OPAQUE * np.iinfo(values.dtype).max // 255
    colors, is_seen = values[..., :-1], values[..., -1:] >= opaque_from
    if is_seen.all() or not is_seen.any():
        return colors
    is_black = is_seen & (colors == 0).all(axis=2, keepdims=True)
    if not is_black.any():
        return colors * is_seen
    if (is_black == is_seen).all():
        return np.where(is_seen, np.iinfo(values.dtype).max, 0).astype(values.dtype)
    raise SegfitError(
        f"{path} has transparent pixels beside black ones and colored ones, so that its background "
        "is not clear: save it without alpha"
    )


def _to_uint16(values: NDArray[Any], path: Path) -> UInt16Array:
    lacking = int(np.count_nonzero(np.isnan(values)))
    if lacking:
        raise SegfitError(
            f"{path} has {count_noun(lacking, 'pixel')} without a value (NaN, or what its file "
            "calls nodata): give them 0 or a number of their own, such as 255, which is ignored, "
            "and save the mask as an 8- or 16-bit image"
        )
    whole = np.isfinite(values).all() and (values == np.rint(values)).all()
    if not whole or values.min() < 0 or values.max() > 65535:
        raise SegfitError(
            f"{path} holds {values.dtype} values that are not whole numbers from 0 to 65535: save "
            "the mask as an 8- or 16-bit image, with objects renumbered from 1 if they are many"
        )
    return values.astype(np.uint16)
