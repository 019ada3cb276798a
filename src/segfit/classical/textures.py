"""Clusters of textures: Gabor filters, local binary patterns, entropy and variance.

Shapes: ``H, W`` a picture (H, W, 3) uint8 RGB; ``F`` features.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field
from skimage.feature import local_binary_pattern
from skimage.filters.rank import entropy
from skimage.morphology import disk

from segfit.classical.colors import MOST_CLUSTERS, cluster_features
from segfit.classical.method import ClusterMethod, Floats, Numbers, Picture, smooth, to_lightness

DIRECTIONS = 6
WAVELENGTHS_PX = (4.0, 8.0, 16.0)
PATTERN_POINTS = 8
UNIT = 10.0
"""Features are brought to this standard deviation, so that whole numbers tell them apart."""


class TextureMethod(ClusterMethod):
    """A method that clusters features of the surroundings.

    ``clusters``: None takes as few as explain 85 % of the variance. ``window_px``: standard
    deviation of the surroundings over which a texture is taken.
    """

    clusters: int | None = Field(default=None, ge=2, le=MOST_CLUSTERS)
    window_px: float = Field(default=8.0, gt=0)

    @property
    def most_clusters(self) -> int:
        """As many as wanted, or 8."""
        return self.clusters or MOST_CLUSTERS

    def cluster(self, picture: Picture) -> tuple[Numbers, str]:
        """Cluster of each pixel, and how many there are."""
        planes = self.measure(to_lightness(picture))
        spread = np.maximum(planes.std(axis=(0, 1)), 1e-6)
        return cluster_features(planes * np.float32(UNIT) / spread, self.clusters, "textures")

    @abstractmethod
    def measure(self, lightness: Floats) -> Floats:
        """Features (H, W, F) of lightness (H, W), 0 to 100."""


class Gabor(TextureMethod):
    """How strong waves of 4, 8 and 16 px in six directions are (Jain and Farrokhnia, 1991)."""

    purpose: ClassVar[str] = "textures with a direction or a period: cloth, wood, grain, fields"
    fails: ClassVar[str] = "the seams between textures are as blurred as the window is wide"

    def measure(self, lightness: Floats) -> Floats:
        """Energy of each filter, averaged over the window."""
        planes = []
        for wavelength in WAVELENGTHS_PX:
            sigma = 0.56 * wavelength
            side = 2 * math.ceil(3 * sigma) + 1
            for step in range(DIRECTIONS):
                parts = [
                    self._filter(lightness, side, sigma, step, wavelength, phase)
                    for phase in (0.0, math.pi / 2)
                ]
                planes.append(np.sqrt(smooth(parts[0] ** 2 + parts[1] ** 2, self.window_px)))
        return np.stack(planes, axis=2).astype(np.float32)

    @staticmethod
    def _filter(
        lightness: Floats, side: int, sigma: float, step: int, wavelength: float, phase: float
    ) -> Floats:
        angle = step * math.pi / DIRECTIONS
        kernel = cv2.getGaborKernel((side, side), sigma, angle, wavelength, 0.7, phase)
        kernel -= kernel.mean()  # an even surface has no waves
        return np.asarray(
            cv2.filter2D(lightness, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101),
            np.float32,
        )


class LocalPatterns(TextureMethod):
    """How often each local binary pattern occurs around a pixel (Ojala et al., 2002).

    ``radius_px``: of the circle of eight points whose brightness is compared with the middle's.
    """

    purpose: ClassVar[str] = "fine textures, whatever the light: skin, rock, tissue"
    fails: ClassVar[str] = "smooth areas, where noise alone decides the patterns"

    radius_px: float = Field(default=2.0, gt=0)

    def measure(self, lightness: Floats) -> Floats:
        """Share of each uniform pattern, over the window."""
        levels = np.rint(smooth(lightness, 0.7) * 2.55).astype(np.uint8)
        patterns = local_binary_pattern(levels, PATTERN_POINTS, self.radius_px, method="uniform")
        shares = [
            smooth((patterns == pattern).astype(np.float32), self.window_px)
            for pattern in range(PATTERN_POINTS + 2)
        ]
        return np.stack(shares, axis=2)


class Entropy(TextureMethod):
    """How unlike each other the pixels of the surroundings are: entropy and standard deviation."""

    purpose: ClassVar[str] = "rough against smooth: cells on a dish, clouds, damaged surfaces"
    fails: ClassVar[str] = "textures that are equally rough; edges look rough, too"

    def measure(self, lightness: Floats) -> Floats:
        """Entropy in bits, and standard deviation, over the window."""
        levels = np.rint(lightness * 2.55).astype(np.uint8)
        bits = np.asarray(entropy(levels, disk(max(1, round(self.window_px)))), np.float32)
        mean = smooth(lightness, self.window_px)
        variance = smooth(lightness**2, self.window_px) - mean**2
        return np.stack([bits, np.sqrt(np.maximum(variance, 0))], axis=2)
