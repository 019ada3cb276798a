"""Clusters of textures by Gabor filters.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB; ``F`` features.
"""

from __future__ import annotations

import math
from typing import ClassVar

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array
from segfit.classical.shared.textures import TextureMethod
from segfit.imaging.color import smooth

DIRECTIONS = 6
WAVELENGTHS_PX = (4.0, 8.0, 16.0)


class Gabor(TextureMethod):
    """How strong waves of 4, 8 and 16 px in six directions are (Jain and Farrokhnia, 1991)."""

    name: ClassVar[str] = "gabor"
    place: ClassVar[int] = 30
    purpose: ClassVar[str] = "textures with a direction or a period: cloth, wood, grain, fields"
    fails: ClassVar[str] = "the seams between textures are as blurred as the window is wide"

    def measure(self, lightness: Float32Array) -> Float32Array:
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
        lightness: Float32Array, side: int, sigma: float, step: int, wavelength: float, phase: float
    ) -> Float32Array:
        angle = step * math.pi / DIRECTIONS
        kernel = cv2.getGaborKernel((side, side), sigma, angle, wavelength, 0.7, phase)
        kernel -= kernel.mean()  # an even surface has no waves
        return np.asarray(
            cv2.filter2D(lightness, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101),
            np.float32,
        )


METHOD = Gabor
