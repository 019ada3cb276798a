"""Values of any kind as 8-bit RGB: bool, 8 or 16 bits or floating point, grey or color, and alpha.

Shapes: ``H, W`` the image; values are (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import UInt8Array


def to_rgb8(values: NDArray[Any]) -> UInt8Array:
    """Turn values into (H, W, 3) uint8, C-contiguous; ``read_image`` says by what rules."""
    values = values if values.ndim == 3 else values[..., np.newaxis]
    if values.shape[2] == 4:
        opaque = np.iinfo(values.dtype).max if values.dtype.kind == "u" else 1
        alpha = np.clip(values[..., 3:] / np.float32(opaque), 0, 1).astype(np.float32)
        colors = _to_uint8(values[..., :3])
        if alpha.min() == 1:
            return np.ascontiguousarray(colors)
        blended = np.rint(colors * alpha + 255 * (1 - alpha))
        return np.asarray(blended, dtype=np.uint8)
    colors = _to_uint8(values)
    return np.ascontiguousarray(np.broadcast_to(colors, (*colors.shape[:2], 3)))


def _to_uint8(values: NDArray[Any]) -> UInt8Array:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.zeros(values.shape, np.uint8)
    low, high = float(finite.min()), float(finite.max())
    if values.dtype.kind == "f" and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # near the largest float
            low_mark, high_mark = np.percentile(finite, (0.1, 99.9))
        if low_mark < high_mark:
            low, high = float(low_mark), float(high_mark)
    if values.dtype == np.uint16:
        table = _stretch(np.arange(2**16, dtype=np.float64), low, high)
        return np.asarray(table[values])
    return _stretch(values, low, high)


def _stretch(values: NDArray[Any], low: float, high: float) -> UInt8Array:
    scale = 255 / (high - low) if high > low else 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # infinity × 0 in a constant image
        scaled = (values - np.float64(low)) * scale
    return np.rint(np.clip(np.nan_to_num(scaled, nan=0.0), 0, 255)).astype(np.uint8)
