"""Regions by a minimum spanning forest."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage.segmentation import felzenszwalb

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classical.shared.method import RegionMethod


class Felzenszwalb(RegionMethod):
    """A minimum spanning forest (Felzenszwalb and Huttenlocher, 2004).

    ``scale``: the larger, the larger regions become. ``blur_px``: standard deviation of a smoothing
    before. ``least_area_px``: smaller ones are joined to a neighbour; None takes a 500th of the
    image.
    """

    name: ClassVar[str] = "felzenszwalb"
    place: ClassVar[int] = 41
    purpose: ClassVar[str] = "a first division of any photograph; fast"
    fails: ClassVar[str] = "long thin regions along blurred edges"

    scale: float = Field(default=300.0, gt=0)
    blur_px: float = Field(default=0.8, ge=0)
    least_area_px: int | None = Field(default=None, ge=1)

    def divide(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Regions."""
        least = self.least_area_px or max(20, image.shape[0] * image.shape[1] // 500)
        found = felzenszwalb(image, scale=self.scale, sigma=self.blur_px, min_size=least)
        return np.asarray(found, np.int64), ""


METHOD = Felzenszwalb
