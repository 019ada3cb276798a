"""Mean shift of colors."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classical.shared.clusters import CountedClusters, cluster_features
from segfit.imaging.color import to_lab


class MeanShift(CountedClusters):
    """Mean shift in place and color (Comaniciu and Meer, 2002), and then k-means of what is left.

    ``radius_px`` and ``radius_color`` (of 100): how far pixels look for others like them.
    """

    name: ClassVar[str] = "mean-shift"
    place: ClassVar[int] = 22
    purpose: ClassVar[str] = "colored patches with soft edges and grain: photographs"
    fails: ClassVar[str] = "fine detail, which it smooths away; slow for large radii"

    radius_px: float = Field(default=8.0, gt=0)
    radius_color: float = Field(default=10.0, gt=0)

    def cluster(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Cluster of each pixel, and how many there are."""
        shifted = cv2.pyrMeanShiftFiltering(image, self.radius_px, self.radius_color * 2.55)
        return cluster_features(to_lab(np.asarray(shifted, np.uint8)), self.clusters, "colors")


METHOD = MeanShift
