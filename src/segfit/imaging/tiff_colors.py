"""TIFF: CMYK, YCbCr and CIELAB as red, green and blue.

Shapes: ``H, W`` the image; values are (H, W, C).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.tiff_decoding import JPEG

if TYPE_CHECKING:
    from tifffile import TiffPage

SAMPLES = {"CMYK": 4, "YCbCr": 3, "CIELAB": 3}


def convert_colors(name: str, values: NDArray[Any], page: TiffPage, space: str) -> UInt8Array:
    """Values of a color space as (H, W, 3) uint8 RGB, as a viewer without a profile shows them.

    Raises ``SegfitError`` for other samples than the space has, and for those that are not whole
    numbers of 8 or 16 bits.
    """
    if values.shape[2] != SAMPLES[space] or values.dtype not in (np.uint8, np.uint16):
        raise SegfitError(
            f"{name} has {space} colors of {values.shape[2]} samples of {values.dtype}; expected "
            f"{SAMPLES[space]} of 8 or 16 bits: convert it to RGB"
        )
    if space == "CIELAB":
        return _convert_lab(values, is_signed=page.photometric == 8)
    is_converted = int(page.compression) in JPEG or page.is_subsampled  # by whoever decoded it
    if space == "YCbCr" and is_converted and values.dtype == np.uint8:
        return values
    shares = values / np.iinfo(values.dtype).max
    if space == "CMYK":
        return _to_uint8((1 - shares[..., :3]) * (1 - shares[..., 3:]))
    if is_converted:
        return _to_uint8(shares)
    levels = np.rint(shares * 255).astype(np.uint8)
    return np.asarray(Image.merge("YCbCr", _split(levels)).convert("RGB"), np.uint8)


def _split(levels: UInt8Array) -> list[Image.Image]:
    return [Image.fromarray(np.ascontiguousarray(levels[..., place])) for place in range(3)]


def _convert_lab(values: NDArray[Any], *, is_signed: bool) -> UInt8Array:
    """CIELAB of D50; its axes of color are signed, or in ICC's form have their zero in the middle.

    Source: TIFF 6.0, section 23; Adobe, TIFF Technical Note 4 (ICCLab).
    """
    from skimage.color import lab2rgb

    deep = values.dtype == np.uint16
    top, unit = (65535 if is_signed else 65280, 256) if deep else (255, 1)
    lightness = values[..., 0] * (100 / top)
    if is_signed:  # their bits are those of signed numbers
        signed = values[..., 1:].astype(np.int16 if deep else np.int8)
        axes = signed.astype(np.float64) / unit
    else:
        axes = values[..., 1:].astype(np.float64) / unit - 128
    lab = np.dstack([np.minimum(lightness, 100), axes])
    return _to_uint8(lab2rgb(lab, illuminant="D50"))


def _to_uint8(shares: NDArray[Any]) -> UInt8Array:
    return np.asarray(np.rint(np.clip(shares, 0, 1) * 255), np.uint8)
