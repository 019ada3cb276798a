"""What methods share that choose how many clusters there are, and k-means of features.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB; ``P`` pixels; ``F`` features.
"""

from __future__ import annotations

import cv2
import numpy as np
from pydantic import Field

from segfit.basics.arrays import Float32Array, Int64Array
from segfit.classical.shared.method import ClusterMethod
from segfit.classical.shared.random_numbers import run_seeded

MOST_CLUSTERS = 8
EXPLAINED = 0.85
"""As few clusters are taken as leave less than the rest of the variance within them."""
SAMPLE = 8_000
ROUNDS, CHANGE = 40, 0.01
RESTARTS = 4


class CountedClusters(ClusterMethod):
    """A method that finds so many ``clusters``; None lets it choose, up to 8."""

    clusters: int | None = Field(default=None, ge=2, le=MOST_CLUSTERS)

    @property
    def most_clusters(self) -> int:
        """As many as wanted, or 8."""
        return self.clusters or MOST_CLUSTERS


def cluster_features(
    features: Float32Array, wanted: int | None, noun: str
) -> tuple[Int64Array, str]:
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
        note = f"{count} clusters: the image has no more {noun}; {wanted} were asked for"
    distances = np.stack([((flat - center) ** 2).sum(axis=1) for center in centers])
    return distances.argmin(axis=0).reshape(features.shape[:2]), note


def _find_centers(some: Float32Array, count: int) -> tuple[float, Float32Array]:
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, CHANGE)
    within, _, centers = run_seeded(
        lambda: cv2.kmeans(
            some, count, np.empty(0, np.int32), criteria, RESTARTS, cv2.KMEANS_PP_CENTERS
        )
    )
    return float(within), np.asarray(centers, np.float32)


def take_sample(features: Float32Array) -> Float32Array:
    """At most so many rows of features (P, F), spread evenly."""
    step = max(1, len(features) // SAMPLE)
    return np.ascontiguousarray(features[::step])


def describe_count(count: int, wanted: int | None, reason: str) -> str:
    """How many clusters there are, and why."""
    return f"{count} clusters, as asked for" if wanted == count else f"{count} clusters, {reason}"
