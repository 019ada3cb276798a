"""Basins of the gradient."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage.filters import sobel
from skimage.measure import label
from skimage.morphology import h_minima
from skimage.segmentation import watershed

from segfit.basics.arrays import Float32Array, Int64Array, UInt8Array
from segfit.classical.shared.method import RegionMethod
from segfit.imaging.color import smooth, to_lab


class Watershed(RegionMethod):
    """Basins of the gradient, flooded from minima that are deep enough (Meyer, 1994).

    ``depth``: of a minimum below the lowest way out, as a share of the largest gradient; the
    larger, the fewer regions. ``blur_px``: standard deviation of a smoothing before.
    """

    name: ClassVar[str] = "watershed"
    place: ClassVar[int] = 44
    purpose: ClassVar[str] = "regions separated by closed edges: grains, cells, foam"
    fails: ClassVar[str] = "gaps in edges, through which regions run together; texture"

    depth: float = Field(default=0.06, gt=0, le=1)
    blur_px: float = Field(default=1.5, ge=0)

    def divide(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Regions."""
        gradient = measure_gradient(smooth(to_lab(image), self.blur_px))
        markers = label(h_minima(gradient, self.depth))
        return np.asarray(watershed(gradient, markers), np.int64), ""


def measure_gradient(channels: Float32Array) -> Float32Array:
    """Gradient of the channel that changes most, (H, W), as a share of the largest."""
    strongest = np.max([sobel(channels[..., index]) for index in range(3)], axis=0)
    return np.asarray(strongest / max(float(strongest.max()), 1e-9), np.float32)


METHOD = Watershed
