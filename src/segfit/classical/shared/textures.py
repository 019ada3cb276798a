"""What methods of texture share: features of the surroundings, clustered.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB; ``F`` features.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from pydantic import Field

from segfit.basics.arrays import Float32Array, Int64Array, UInt8Array
from segfit.classical.shared.clusters import CountedClusters, cluster_features
from segfit.imaging.color import to_lightness

UNIT = 10.0
"""Features are brought to this standard deviation, so that whole numbers tell them apart."""


class TextureMethod(CountedClusters):
    """A method that clusters features of the surroundings.

    ``clusters``: None takes as few as explain 85 % of the variance. ``window_px``: standard
    deviation of the surroundings over which a texture is taken.
    """

    window_px: float = Field(default=8.0, gt=0)

    def cluster(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Cluster of each pixel, and how many there are."""
        planes = self.measure(to_lightness(image))
        spread = np.maximum(planes.std(axis=(0, 1)), 1e-6)
        return cluster_features(planes * np.float32(UNIT) / spread, self.clusters, "textures")

    @abstractmethod
    def measure(self, lightness: Float32Array) -> Float32Array:
        """Features (H, W, F) of lightness (H, W), 0 to 100."""
