"""Values of any kind as 8 bits: bool, whole numbers or floating point, and alpha.

Shapes: ``H, W`` the image; ``C`` its channels.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import UInt8Array

Ranges: TypeAlias = tuple[tuple[float, float], ...]
"""The values that become 0 and 255: of all channels together, or of each."""


def to_uint8(
    values: NDArray[Any], *, bits: int = 8, together: bool = True, ranges: Ranges | None = None
) -> UInt8Array:
    """Turn values (H, W, C) into 8 bits; ``read_image`` says by what rules.

    ``bits``: of a value of uint8. ``together``: the channels are the colors of one photograph; else
    each is stretched by itself. ``ranges``: those of the image that the values are a part of, see
    ``find_ranges``; without them, their own.
    """
    if values.dtype == np.uint8:
        return values if bits == 8 else values * np.uint8(255 // (2**bits - 1))
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    ranges = find_ranges(values, together=together) if ranges is None else ranges
    if len(ranges) == 1:
        return _stretch_all(values, *ranges[0])
    planes = [_stretch_all(values[..., place], *own) for place, own in enumerate(ranges)]
    return np.stack(planes, axis=-1)


def find_ranges(values: NDArray[Any], *, together: bool = True) -> Ranges:
    """Which of the values (H, W, C) become 0 and 255; none for what is 8 bits already."""
    if values.dtype in (np.uint8, np.bool_):
        return ()
    if together or values.shape[2] == 1:
        return (_find_range(values),)
    return tuple(_find_range(values[..., place]) for place in range(values.shape[2]))


def lay_over_white(
    colors: UInt8Array, alpha: NDArray[Any], *, is_premultiplied: bool = False
) -> UInt8Array:
    """Lay colors (H, W, C) over white, by alpha (H, W): 1 or the type's largest is opaque."""
    opaque = np.iinfo(alpha.dtype).max if alpha.dtype.kind in "iu" else 1
    shares = np.clip(alpha / np.float32(opaque), 0, 1).astype(np.float32)[..., np.newaxis]
    if shares.min() == 1:
        return colors
    own = colors if is_premultiplied else colors * shares
    return np.asarray(np.rint(np.minimum(own + 255 * (1 - shares), 255)), dtype=np.uint8)


def _find_range(values: NDArray[Any]) -> tuple[float, float]:
    if values.dtype == np.float16:  # whose percentiles would be as coarse
        values = values.astype(np.float32)
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if finite.size == 0:
        return 0.0, 0.0
    low, high = float(finite.min()), float(finite.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        return 0.0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # near the largest float
        low_mark, high_mark = np.percentile(finite, (0.1, 99.9))
    return (float(low_mark), float(high_mark)) if low_mark < high_mark else (low, high)


def _stretch_all(values: NDArray[Any], low: float, high: float) -> UInt8Array:
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    if values.dtype == np.uint16:
        table = _stretch(np.arange(2**16, dtype=np.float64), low, high)
        return np.asarray(table[values])
    return _stretch(values, low, high)


def _stretch(values: NDArray[Any], low: float, high: float) -> UInt8Array:
    scale = 255 / (high - low) if high > low else 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # infinity × 0 in a constant image
        scaled = (values - np.float64(low)) * scale
    return np.rint(np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255)).astype(np.uint8)
