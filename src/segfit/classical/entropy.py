"""Clusters of textures by entropy and variance.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB; ``F`` features.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from skimage.filters.rank import entropy
from skimage.morphology import disk

from segfit.basics.arrays import Float32Array
from segfit.classical.shared.textures import TextureMethod
from segfit.imaging.color import smooth


class Entropy(TextureMethod):
    """How unlike each other the pixels of the surroundings are: entropy and standard deviation."""

    name: ClassVar[str] = "entropy"
    place: ClassVar[int] = 32
    purpose: ClassVar[str] = "rough against smooth: cells on a dish, clouds, damaged surfaces"
    fails: ClassVar[str] = "textures that are equally rough; edges look rough, too"

    def measure(self, lightness: Float32Array) -> Float32Array:
        """Entropy in bits, and standard deviation, over the window."""
        levels = np.rint(lightness * 2.55).astype(np.uint8)
        bits = np.asarray(entropy(levels, disk(max(1, round(self.window_px)))), np.float32)
        mean = smooth(lightness, self.window_px)
        variance = smooth(lightness**2, self.window_px) - mean**2
        return np.stack([bits, np.sqrt(np.maximum(variance, 0))], axis=2)


METHOD = Entropy
