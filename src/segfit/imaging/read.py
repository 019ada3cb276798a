"""Every image that enters: files and arrays of many kinds become (H, W, 3) uint8 RGB."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from segfit.basics.arrays import UInt8Array
from segfit.errors import SegfitError
from segfit.imaging.files import (
    DEFAULT_MAX_MEGAPIXELS,
    check_megapixels,
    decode_values,
    extract_values,
    open_image_file,
)
from segfit.imaging.rgb import to_rgb8
from segfit.imaging.source import ImageSource, as_array, is_encoded

MIN_SIDE_PX = 8


def read_image(
    source: ImageSource, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> UInt8Array:
    """Read a file, an array or a Pillow image as (H, W, 3) uint8 RGB, C-contiguous.

    Files, by their path, as bytes, or opened in binary mode: PNG, JPEG, WebP, TIFF, BMP and still
    GIF, of 8 or 16 bits or floating point, turned upright by their EXIF orientation. Arrays, and
    what NumPy can make one of, such as a tensor: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of bool,
    uint8, uint16 or float, channels in the order R, G, B, A; an array that already is what is
    asked for is returned itself, so do not write into the result.

    - uint8 stays as it is; bool becomes 0 or 255; grey is repeated over the three channels.
    - Float within [0, 1] is multiplied by 255.
    - Other float, 16-bit and 32-bit images: the 0.1 to 99.9 percentile of all their finite
      values, channels together, is mapped to 0..255 and the rest is clipped (where these two are
      equal, minimum to maximum; a constant image becomes black). NaN becomes 0.
    - An image with alpha is laid over white, as a viewer shows it.

    Raises SegfitError, naming the file and the reason, for what is missing, truncated, not an
    image, animated, of several pages, or larger than ``max_megapixels`` (found in the header,
    before decoding).

    >>> read_image(np.array([[0.0, 1.0]]))[0].tolist()
    [[0, 0, 0], [255, 255, 255]]
    """
    if isinstance(source, Image.Image):
        values = _decode_pillow(source, max_megapixels=max_megapixels)
    elif is_encoded(source):
        file = open_image_file(source, max_megapixels=max_megapixels)
        values = decode_values(file, palette_as_colors=True)
    else:
        values = as_array(source)
        if not values.dtype.isnative:  # as readers of TIFF and FITS give it
            values = values.astype(values.dtype.newbyteorder("="))
        _check_array(values, max_megapixels=max_megapixels)
    return to_rgb8(values)


def check_size(image: NDArray[Any], name: str) -> None:
    """Raise SegfitError where a side of the image has fewer than ``MIN_SIDE_PX`` pixels."""
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE_PX:
        raise SegfitError(
            f"{name} is {height}×{width} px; segfit needs at least {MIN_SIDE_PX} px a side: "
            "give a larger image or enlarge this one"
        )


def _decode_pillow(image: Image.Image, *, max_megapixels: float) -> NDArray[Any]:
    if 0 in image.size:
        raise SegfitError(f"the image is {image.height}×{image.width} px and has no pixels")
    check_megapixels("the image", image.height, image.width, max_megapixels=max_megapixels)
    try:
        return extract_values(ImageOps.exif_transpose(image), palette_as_colors=True)
    except Exception as error:  # Pillow decodes late, and decoders raise a dozen types
        raise SegfitError(
            f"Pillow cannot decode the image ({error}): open it again, or export it again"
        ) from error


def _check_array(values: NDArray[Any], *, max_megapixels: float) -> None:
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (1, 3, 4)):
        raise SegfitError(
            f"the array has shape {values.shape}; an image is (H, W), (H, W, 1), (H, W, 3) or "
            f"(H, W, 4): {_correct_shape(values.shape)}"
        )
    if values.size == 0:
        raise SegfitError(f"the array has shape {values.shape}, which has no pixels")
    if values.dtype not in (np.bool_, np.uint8, np.uint16) and values.dtype.kind != "f":
        raise SegfitError(
            f"the array holds {values.dtype} values; an image is bool, uint8, uint16 or float: "
            "convert it, for example with .astype(np.uint8)"
        )
    check_megapixels("the array", *values.shape[:2], max_megapixels=max_megapixels)


def _correct_shape(shape: tuple[int, ...]) -> str:
    """What to do with an array of a shape that no image has."""
    if len(shape) == 3 and shape[0] in (1, 3, 4):
        return "move the channels last, with np.moveaxis(array, 0, -1) or tensor.permute(1, 2, 0)"
    if len(shape) == 4:
        return "give one image of the batch or stack, such as array[0]"
    return "pick the plane that you mean, or bring the array into one of these shapes"
