"""Simple filters at several scales: what each pixel and its surroundings look like.

Shapes: ``H, W`` an image, sides multiples of 16; a scale's grid has cells of 1, 2, 4, 8 or 16 px.
"""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.imaging.color import smooth, to_lab

OCTAVES = 5
"""Cells of 1 to 16 px: the filters are the same on each halving of the image."""
SIGMA_CELLS = 1.0
"""Of the Gaussian and the derivatives."""
TENSOR_SIGMA_CELLS = 2.0
"""Within so far of a cell the structure tensor looks at gradients."""


def describe_scales(image: UInt8Array) -> list[Float32Array]:
    """Filters on an image (H, W, 3) uint8 RGB and on its halvings, (D, h, w) float32 each.

    Gaussian of the three channels of CIELAB, gradient, eigenvalues of Hessian and of structure
    tensor of the lightness; at the finest scale the channels as they are, too. Lightness counts
    from 0 to 1.
    """
    level = to_lab(image) / np.float32(100)
    planes = [np.concatenate([level.transpose(2, 0, 1), _filter_level(level)])]
    for _ in range(OCTAVES - 1):
        height, width = level.shape[:2]
        half = cv2.resize(level, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        level = np.asarray(half, np.float32)
        planes.append(_filter_level(level))
    return planes


def _filter_level(lab: Float32Array) -> Float32Array:
    """The filters at one scale, (8, h, w), of CIELAB (h, w, 3)."""
    planes = smooth(lab, SIGMA_CELLS)
    lightness = np.ascontiguousarray(planes[..., 0])
    across, down = (_derive(lightness, *order) for order in ((1, 0), (0, 1)))
    products = across * across, down * down, across * down
    tensor = _find_eigenvalues(*(smooth(one, TENSOR_SIGMA_CELLS) for one in products))
    hessian = _find_eigenvalues(*(_derive(lightness, *order) for order in ((2, 0), (0, 2), (1, 1))))
    return np.stack(
        [
            *np.moveaxis(planes, 2, 0),
            np.hypot(across, down),
            *hessian,
            *(np.sqrt(np.maximum(one, 0)) for one in tensor),
        ]
    ).astype(np.float32, copy=False)


def _derive(plane: Float32Array, across: int, down: int) -> Float32Array:
    """A derivative of a plane (h, w) by Sobel's operator, per cell."""
    scale = 1 / (8 if across + down == 1 else 4)
    derived = cv2.Sobel(plane, cv2.CV_32F, across, down, ksize=3, scale=scale)
    return np.asarray(derived, np.float32)


def _find_eigenvalues(
    xx: Float32Array, yy: Float32Array, xy: Float32Array
) -> tuple[Float32Array, Float32Array]:
    """The larger and the smaller eigenvalue of symmetric 2×2 matrices."""
    half = np.float32(0.5)
    mean = (xx + yy) * half
    spread = np.asarray(np.hypot((xx - yy) * half, xy), np.float32)
    return mean + spread, mean - spread
