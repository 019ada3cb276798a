"""TIFF: pixels decoded, also where tifffile lacks what a compression needs."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from segfit.errors import SegfitError
from segfit.imaging.opencv import decode_by_opencv

if TYPE_CHECKING:
    from tifffile import TiffPage, TiffPageSeries

WHITE_IS_ZERO, RGB, YCBCR = 0, 2, 6
UNCOMPRESSED, FAX, LZW, JPEG, ZSTD = (1,), (2, 3, 4), 5, (6, 7), 50000
"""Compressions, by their numbers in the file."""
EXTRA = 'pip install "segfit[tiff]"'


def decode_series(name: str, data: bytes, series: TiffPageSeries) -> NDArray[Any]:
    """The stored values of a series of pages, in the order of its axes.

    tifffile alone decodes what is not compressed, Deflate, PackBits and LZMA; with imagecodecs it
    decodes all the others. Without that, a single image of a common kind is left to Pillow and
    OpenCV, where they give the very values. Raises ``SegfitError`` where nothing does.
    """
    page = series.keyframe
    try:
        return np.asarray(series.asarray())
    except Exception as error:  # tifffile and its codecs raise a dozen types
        if not lacks_codec(error):
            raise SegfitError(
                f"{name}: this TIFF file is damaged ({error}): export or copy it again"
            ) from error
        found = _decode_single(data, page) if len(series.pages) == 1 else None
        if found is None:
            raise refuse_codec(name, page) from error
        return found.reshape(series.shape)


def lacks_codec(error: Exception) -> bool:
    """Whether tifffile raised this because something that decodes is not there."""
    is_missing = "imagecodecs" in str(error) or isinstance(error, ImportError)
    return is_missing or isinstance(error, NotImplementedError)


def refuse_codec(name: str, page: TiffPage) -> SegfitError:
    """The error for a compression that nothing here decodes."""
    compression = getattr(page.compression, "name", page.compression)
    return SegfitError(
        f"{name} is compressed by {compression}, with {page.samplesperpixel} × "
        f"{page.bitspersample} bits a pixel, which needs imagecodecs: {EXTRA}, or save it "
        "without compression"
    )


def _decode_single(data: bytes, page: TiffPage) -> NDArray[Any] | None:
    """A single page by Pillow or OpenCV; None where neither gives values as they are stored."""
    # OpenCV gives a black image for some of the others, and both write to the terminal.
    if int(page.compression) not in (*UNCOMPRESSED, *FAX, LZW, *JPEG, ZSTD):
        return None
    for decode in (_decode_by_pillow, _decode_by_opencv):
        try:
            values = decode(data, page)
        except Exception:  # each has its own; the message is then that of the other reader
            continue
        if values is not None and values.size == page.size and values.dtype == page.dtype:
            return values
    return None


def _decode_by_pillow(data: bytes, page: TiffPage) -> NDArray[Any] | None:
    with TiffImageFile(io.BytesIO(data)) as image:
        image.load()
        if page.photometric == YCBCR:
            # Others than these two would be converted once more.
            is_known = page.is_subsampled or int(page.compression) in JPEG
            return np.asarray(image.convert("RGB")) if is_known else None
        values = np.asarray(image)
        if page.photometric == WHITE_IS_ZERO and image.mode in ("1", "L"):
            values = ~values  # Pillow turns these, and no others, to what they look like
    if not values.dtype.isnative:
        values = values.astype(values.dtype.newbyteorder("="))
    return _order(values, page)


def _decode_by_opencv(data: bytes, page: TiffPage) -> NDArray[Any] | None:
    is_deep_color = page.photometric == RGB and page.samplesperpixel in (3, 4)
    if not is_deep_color or page.compression != LZW:
        return None
    values = decode_by_opencv(data)
    if values is None:
        return None
    code = cv2.COLOR_BGR2RGB if values.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    return _order(np.asarray(cv2.cvtColor(values, code)), page)


def _order(values: NDArray[Any], page: TiffPage) -> NDArray[Any]:
    """Samples in the order of the page's axes; these decoders put them last."""
    return np.moveaxis(values, -1, 0) if values.ndim == 3 and page.axes[0] == "S" else values
