"""k-means of colors."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classical.shared.clusters import CountedClusters, cluster_features
from segfit.imaging.color import smooth, to_lab


class KMeans(CountedClusters):
    """k-means in CIELAB. ``clusters``: None takes as few as explain 85 % of the variance.

    ``blur_px``: standard deviation of a smoothing before.
    """

    name: ClassVar[str] = "kmeans"
    place: ClassVar[int] = 20
    purpose: ClassVar[str] = "a few even colors: stained tissue, maps, logos"
    fails: ClassVar[str] = "shading: one color in light and shadow becomes two"

    blur_px: float = Field(default=1.0, ge=0)

    def cluster(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Cluster of each pixel, and how many there are."""
        return cluster_features(smooth(to_lab(image), self.blur_px), self.clusters, "colors")


METHOD = KMeans
