"""Arrays as images: which ones are, and what to do with those that are not.

Shapes: ``H, W`` the image; ``C`` its channels.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from segfit.errors import SegfitError
from segfit.imaging.channels import name_channels
from segfit.imaging.limits import check_megapixels
from segfit.imaging.stored import StoredImage, store_values

MOST_CHANNELS = 16
"""A first axis that is no longer, and shorter than the others, holds channels …"""
USUAL_CHANNELS = (1, 3, 4)
"""… unless the last axis has a length like these."""
KINDS = "buif"


def store_array(values: NDArray[Any], *, max_megapixels: float) -> StoredImage:
    """An array (H, W) or (H, W, C) as an image; four channels are red, green, blue and alpha.

    It is not copied where it is as it should be. Raises ``SegfitError`` for another shape, for
    values that are not bool, whole numbers or floating point, for masked values, and for more than
    ``max_megapixels``.
    """
    _check_shape(values)
    _check_values(values)
    check_megapixels("the array", *values.shape[:2], max_megapixels=max_megapixels)
    if not values.dtype.isnative:  # as readers of TIFF and FITS give it
        values = values.astype(values.dtype.newbyteorder("="))
    if values.ndim == 2 or values.shape[2] in USUAL_CHANNELS:
        return store_values("the array", values, is_sure=False)
    names = name_channels(values.shape[2])
    return StoredImage("the array", values, names, is_color=False)


def _check_shape(values: NDArray[Any]) -> None:
    if values.size == 0:
        raise SegfitError(f"the array has shape {values.shape}, which has no pixels")
    if values.ndim not in (2, 3) or _has_channels_first(values.shape):
        raise SegfitError(
            f"the array has shape {values.shape}; an image is (H, W) or (H, W, C), such as "
            f"(H, W, 3): {_correct_shape(values.shape)}"
        )


def _has_channels_first(shape: tuple[int, ...]) -> bool:
    first, rows, columns = shape if len(shape) == 3 else (1, 0, 0)
    return columns not in USUAL_CHANNELS and first <= MOST_CHANNELS and first < min(rows, columns)


def _correct_shape(shape: tuple[int, ...]) -> str:
    """What to do with an array of a shape that no image has."""
    if len(shape) == 3:
        return "move the channels last, with np.moveaxis(array, 0, -1) or tensor.permute(1, 2, 0)"
    if len(shape) == 4:
        return "give one image of the batch or stack, such as array[0]"
    return "pick the plane that you mean, or bring the array into one of these shapes"


def _check_values(values: NDArray[Any]) -> None:
    if values.dtype.kind == "c":
        raise SegfitError(
            f"the array holds {values.dtype} values; an image is bool, whole numbers or float: "
            "give their magnitude, np.abs(array)"
        )
    if values.dtype.kind not in KINDS:
        raise SegfitError(
            f"the array holds {values.dtype} values; an image is bool, whole numbers or float: "
            "give its numbers, such as array.astype(float)"
        )
