"""Several thresholds of lightness."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage.filters import threshold_multiotsu

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classical.shared.method import ClusterMethod
from segfit.imaging.color import smooth, to_lightness


class MultiOtsu(ClusterMethod):
    """Several thresholds of lightness, for so many ``classes_wanted`` (Liao et al., 2001).

    ``blur_px``: standard deviation of a smoothing before.
    """

    name: ClassVar[str] = "multi-otsu"
    place: ClassVar[int] = 11
    purpose: ClassVar[str] = "a few levels of brightness: phases of a metal, bone and tissue"
    fails: ClassVar[str] = "uneven light, or more levels than a histogram shows"

    classes_wanted: int = Field(default=3, ge=2, le=5)
    blur_px: float = Field(default=1.0, ge=0)

    @property
    def most_clusters(self) -> int:
        """As many as wanted."""
        return self.classes_wanted

    def cluster(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Level of each pixel, from dark to bright, and the thresholds."""
        lightness = np.rint(smooth(to_lightness(image), self.blur_px) * 2)
        wanted = min(self.classes_wanted, len(np.unique(lightness)))
        if wanted < 2:
            return np.zeros(lightness.shape, np.int64), "one level of brightness"
        thresholds = threshold_multiotsu(lightness, classes=wanted, nbins=256)
        shown = ", ".join(f"{threshold / 2:.0f}" for threshold in thresholds)
        few = f"only {wanted} levels: " if wanted < self.classes_wanted else ""
        return np.digitize(lightness, thresholds), f"{few}lightness split at {shown} of 100"


METHOD = MultiOtsu
