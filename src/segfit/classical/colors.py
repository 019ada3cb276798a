"""Clusters of colours: k-means, a Gaussian mixture, mean shift.

Shapes: ``H, W`` a picture (H, W, 3) uint8 RGB; ``P`` pixels; ``F`` features.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from segfit.classical.method import ClusterMethod, Floats, Numbers, Picture, smooth, to_lab
from segfit.errors import SegfitError

MOST_CLUSTERS = 8
EXPLAINED = 0.85
"""As few clusters are taken as leave less than the rest of the variance within them."""
SAMPLE = 8_000
ROUNDS, CHANGE = 40, 0.01
RESTARTS = 4


class KMeans(ClusterMethod):
    """k-means in CIELAB. ``clusters``: None takes as few as explain 85 % of the variance.

    ``blur_px``: standard deviation of a smoothing before.
    """

    purpose: ClassVar[str] = "a few even colours: stained tissue, maps, logos"
    fails: ClassVar[str] = "shading: one colour in light and shadow becomes two"

    clusters: int | None = Field(default=None, ge=2, le=MOST_CLUSTERS)
    blur_px: float = Field(default=1.0, ge=0)

    @property
    def most_clusters(self) -> int:
        """As many as wanted, or 8."""
        return self.clusters or MOST_CLUSTERS

    def cluster(self, picture: Picture) -> tuple[Numbers, str]:
        """Cluster of each pixel, and how many there are."""
        return cluster_features(smooth(to_lab(picture), self.blur_px), self.clusters, "colours")


class GaussianMixture(ClusterMethod):
    """A mixture of normal distributions in CIELAB: clusters may be long and of unlike size.

    ``clusters``: None takes the number with the lowest information criterion (BIC), up to 8.
    """

    purpose: ClassVar[str] = "colours that spread along shading, each in its own direction"
    fails: ClassVar[str] = "many colours, none of them frequent; slower than k-means"

    clusters: int | None = Field(default=None, ge=2, le=MOST_CLUSTERS)
    blur_px: float = Field(default=0.0, ge=0)

    @property
    def most_clusters(self) -> int:
        """As many as wanted, or 8."""
        return self.clusters or MOST_CLUSTERS

    def cluster(self, picture: Picture) -> tuple[Numbers, str]:
        """Cluster of each pixel, and how many there are."""
        try:
            from sklearn import mixture
        except ImportError as error:
            raise SegfitError(
                'gaussian-mixture needs scikit-learn: pip install "segfit[classical]"'
            ) from error
        features = smooth(to_lab(picture), self.blur_px).reshape(-1, 3)
        some = take_sample(features)
        most = min(self.most_clusters, len(np.unique(np.rint(some), axis=0)))
        sizes = range(2, most + 1) if self.clusters is None else [most]
        fitted = [
            mixture.GaussianMixture(size, random_state=0, reg_covar=0.25).fit(some)
            for size in sizes
            if size >= 1
        ]
        best = min(fitted, key=lambda one: float(one.bic(some)))
        labels = np.asarray(best.predict(features), np.int64).reshape(picture.shape[:2])
        return labels, describe_count(best.n_components, self.clusters, "information criterion")


class MeanShift(ClusterMethod):
    """Mean shift in place and colour (Comaniciu and Meer, 2002), and then k-means of what is left.

    ``radius_px`` and ``radius_color`` (of 100): how far pixels look for others like them.
    """

    purpose: ClassVar[str] = "coloured patches with soft edges and grain: photographs"
    fails: ClassVar[str] = "fine detail, which it smooths away; slow for large radii"

    radius_px: float = Field(default=8.0, gt=0)
    radius_color: float = Field(default=10.0, gt=0)
    clusters: int | None = Field(default=None, ge=2, le=MOST_CLUSTERS)

    @property
    def most_clusters(self) -> int:
        """As many as wanted, or 8."""
        return self.clusters or MOST_CLUSTERS

    def cluster(self, picture: Picture) -> tuple[Numbers, str]:
        """Cluster of each pixel, and how many there are."""
        shifted = cv2.pyrMeanShiftFiltering(picture, self.radius_px, self.radius_color * 2.55)
        return cluster_features(to_lab(np.asarray(shifted, np.uint8)), self.clusters, "colours")


def cluster_features(features: Floats, wanted: int | None, noun: str) -> tuple[Numbers, str]:
    """k-means of features (H, W, F): clusters (H, W), and what to say of their number.

    ``wanted``: None takes as few as leave 15 % of the variance within them, up to 8.
    """
    flat = np.ascontiguousarray(features.reshape(-1, features.shape[2]))
    some = take_sample(flat)
    different = len(np.unique(np.rint(some), axis=0))
    most = min(wanted or MOST_CLUSTERS, different)
    total = float(((some - some.mean(axis=0)) ** 2).sum())
    for count in [most] if wanted else range(2, most + 1):
        within, centers = _find_centers(some, count)
        if within <= (1 - EXPLAINED) * total:
            break
    else:
        count = most
    note = describe_count(count, wanted, f"as few as explain {EXPLAINED:.0%} of the variance")
    if wanted and count < wanted:
        note = f"{count} clusters: the picture has no more {noun}, {wanted} were asked for"
    distances = np.stack([((flat - center) ** 2).sum(axis=1) for center in centers])
    return distances.argmin(axis=0).reshape(features.shape[:2]), note


def _find_centers(some: Floats, count: int) -> tuple[float, Floats]:
    cv2.setRNGSeed(0)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, CHANGE)
    within, _, centers = cv2.kmeans(
        some, count, np.empty(0, np.int32), criteria, RESTARTS, cv2.KMEANS_PP_CENTERS
    )
    return float(within), np.asarray(centers, np.float32)


def take_sample(features: NDArray[np.float32]) -> Floats:
    """At most so many rows of features (P, F), spread evenly."""
    step = max(1, len(features) // SAMPLE)
    return np.ascontiguousarray(features[::step])


def describe_count(count: int, wanted: int | None, reason: str) -> str:
    """How many clusters there are, and why."""
    return f"{count} clusters, as asked for" if wanted == count else f"{count} clusters, {reason}"
