"""From a hint to foreground: the random walker.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field
from skimage.segmentation import random_walker

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.classical.shared.hints import HintedMethod
from segfit.imaging.color import to_lab

WALKED_SIDE_PX = 320
"""The random walker solves an equation for each pixel: larger images are walked at this size."""
CORE_SHARE = 0.25
"""Of a rectangle's or a rough mask's width, what is surely foreground about its middle."""


class RandomWalker(HintedMethod):
    """Whether a walk from a pixel first meets foreground or background (Grady, 2006).

    ``beta``: how much it avoids edges. Of a rectangle or a rough mask, the middle is surely
    foreground.
    """

    name: ClassVar[str] = "random-walker"
    place: ClassVar[int] = 51
    purpose: ClassVar[str] = "an object with weak edges, marked inside and outside: medicine"
    fails: ClassVar[str] = "textures; objects whose middle is not theirs, such as rings"

    beta: float = Field(default=130.0, gt=0)

    def separate(self, image: UInt8Array) -> tuple[BoolArray, str]:
        """Foreground."""
        may, sure, never = self.read_hints(image.shape[:2])
        if not sure.any():
            depth = cv2.distanceTransform(np.pad(may, 1).view(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
            sure = depth >= (1 - CORE_SHARE) * depth.max()
        height, width = may.shape
        shrink = min(1.0, WALKED_SIDE_PX / max(height, width))
        size = max(2, round(width * shrink)), max(2, round(height * shrink))
        markers = np.zeros((size[1], size[0]), np.int64)
        for value, mask in ((2, never), (1, sure)):
            small = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            markers[small.view(bool)] = value
        if not (markers == 2).any():
            border = np.ones(markers.shape, bool)
            border[1:-1, 1:-1] = False
            markers[border & (markers == 0)] = 2
        colors = cv2.resize(to_lab(image), size, interpolation=cv2.INTER_AREA) / 100
        walked = random_walker(
            colors, markers, beta=self.beta, mode="bf", channel_axis=2, return_full_prob=True
        )
        share = cv2.resize(
            np.asarray(walked[0], np.float32), (width, height), interpolation=cv2.INTER_LINEAR
        )
        return (share > 0.5) & ~never, ""


METHOD = RandomWalker
