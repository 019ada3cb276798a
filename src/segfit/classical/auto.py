"""A method by the looks of an image.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from segfit.basics.arrays import Float32Array, Int64Array, UInt8Array
from segfit.classical.felzenszwalb import Felzenszwalb
from segfit.classical.gabor import Gabor
from segfit.classical.kmeans import KMeans
from segfit.classical.otsu import Otsu
from segfit.classical.shared.clusters import EXPLAINED
from segfit.classical.shared.method import ClassicalMethod, RegionMethod
from segfit.imaging.color import smooth, to_lab

TWO_LEVELS = 0.8
"""Share of the variance that one threshold explains, from which on an image has two levels."""
FEW_COLORS = 4
ROUGH = 0.6
"""Share of the variance that is within 4 px, from which on an image is textured."""
NEAR_PX = 4.0


class Auto(RegionMethod):
    """Chooses a method by the looks of the image; its result are connected regions."""

    name: ClassVar[str] = "auto"
    place: ClassVar[int] = 0
    purpose: ClassVar[str] = "a first look, when nothing is known of the image"
    fails: ClassVar[str] = "what matters in an image is not always what is most of it"

    def divide(self, image: UInt8Array) -> tuple[Int64Array, str]:
        """Regions by the method chosen, which it is, and why."""
        method, reason = choose_method(image)
        found = method(image)
        numbers = found.labels if found.grid.objects is None else found.grid.objects
        said = f" ({found.note})" if found.note else ""
        return numbers.astype(np.int64), f"{reason}{said}"


def choose_method(image: UInt8Array) -> tuple[ClassicalMethod, str]:
    """The method for an image that is not flat, and why, in a sentence."""
    lab = smooth(to_lab(image), 1.0)
    explained = explain_by_threshold(lab[..., 0])
    if explained >= TWO_LEVELS:
        return Otsu(), f"otsu: one threshold explains {explained:.0%} of the brightness"
    rough = measure_roughness(lab[..., 0])
    if rough >= ROUGH:
        return Gabor(), f"gabor: textured, {rough:.0%} of the variance is within {NEAR_PX:g} px"
    few = KMeans(clusters=FEW_COLORS)
    share = explain_by_clusters(lab, few(image).labels)
    if share >= EXPLAINED:
        return KMeans(), f"kmeans: {FEW_COLORS} colors explain {share:.0%} of the variance"
    return Felzenszwalb(), (
        f"felzenszwalb: neither two levels ({explained:.0%}) nor a texture ({rough:.0%}) nor "
        f"{FEW_COLORS} colors ({share:.0%}) explain the image"
    )


def explain_by_threshold(lightness: Float32Array) -> float:
    """Share of the variance that Otsu's threshold explains, 0 to 1."""
    bright = lightness > threshold_otsu(lightness)
    return explain_by_clusters(lightness[..., None], bright.astype(np.uint8))


def explain_by_clusters(features: Float32Array, labels: NDArray[np.integer]) -> float:
    """Share of the variance of features (H, W, F) that lies between clusters (H, W)."""
    flat, numbers = features.reshape(-1, features.shape[2]), labels.ravel()
    counts = np.maximum(np.bincount(numbers), 1)
    means = np.stack([np.bincount(numbers, weights=plane) / counts for plane in flat.T], axis=1)
    total = float(((flat - flat.mean(axis=0)) ** 2).sum())
    return 1 - float(((flat - means[numbers]) ** 2).sum()) / max(total, 1e-12)


def measure_roughness(lightness: Float32Array) -> float:
    """Share of the variance that is left when the mean of the surroundings is taken off."""
    near = lightness - smooth(lightness, NEAR_PX)
    return float(near.var() / max(float(lightness.var()), 1e-12))


METHOD = Auto
