"""A Gaussian mixture of colors."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field

from segfit.basics.arrays import Int64Array, UInt8Array
from segfit.classical.shared.clusters import CountedClusters, describe_count, take_sample
from segfit.errors import SegfitError
from segfit.imaging.color import smooth, to_lab


class GaussianMixture(CountedClusters):
    """A mixture of normal distributions in CIELAB: clusters may be long and of unlike size.

    ``clusters``: None takes the number with the lowest information criterion (BIC), up to 8.
    ``blur_px``: standard deviation of a smoothing before.
    """

    name: ClassVar[str] = "gaussian-mixture"
    place: ClassVar[int] = 21
    purpose: ClassVar[str] = "colors that spread along shading, each in its own direction"
    fails: ClassVar[str] = "many colors, none of them frequent; slower than k-means"

    blur_px: float = Field(default=0.0, ge=0)

    def cluster(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Cluster of each pixel, and how many there are."""
        try:
            from sklearn import mixture
        except ImportError as error:
            raise SegfitError(
                'gaussian-mixture needs scikit-learn: pip install "segfit[classical]"'
            ) from error
        features = smooth(to_lab(image), self.blur_px).reshape(-1, 3)
        some = take_sample(features)
        most = min(self.most_clusters, len(np.unique(np.rint(some), axis=0)))
        sizes = range(2, most + 1) if self.clusters is None else [most]
        fitted = [
            mixture.GaussianMixture(size, random_state=0, reg_covar=0.25).fit(some)
            for size in sizes
            if size >= 1
        ]
        best = min(fitted, key=lambda one: float(one.bic(some)))
        labels = np.asarray(best.predict(features), np.int64).reshape(image.shape[:2])
        return labels, describe_count(best.n_components, self.clusters, "information criterion")


METHOD = GaussianMixture
