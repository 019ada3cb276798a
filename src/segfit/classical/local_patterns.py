"""Clusters of textures by local binary patterns.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB; ``F`` features.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage.feature import local_binary_pattern

from segfit.basics.arrays import Float32Array
from segfit.classical.shared.textures import TextureMethod
from segfit.imaging.color import smooth

PATTERN_POINTS = 8


class LocalPatterns(TextureMethod):
    """How often each local binary pattern occurs around a pixel (Ojala et al., 2002).

    ``radius_px``: of the circle of eight points whose brightness is compared with the middle's.
    """

    name: ClassVar[str] = "local-patterns"
    place: ClassVar[int] = 31
    purpose: ClassVar[str] = "fine textures, whatever the light: skin, rock, tissue"
    fails: ClassVar[str] = "smooth areas, where noise alone decides the patterns"

    radius_px: float = Field(default=2.0, gt=0)

    def measure(self, lightness: Float32Array) -> Float32Array:
        """Share of each uniform pattern, over the window."""
        levels = np.rint(smooth(lightness, 0.7) * 2.55).astype(np.uint8)
        patterns = local_binary_pattern(levels, PATTERN_POINTS, self.radius_px, method="uniform")
        shares = [
            smooth((patterns == pattern).astype(np.float32), self.window_px)
            for pattern in range(PATTERN_POINTS + 2)
        ]
        return np.stack(shares, axis=2)


METHOD = LocalPatterns
