"""An image and its halves, quarters …, each made once, when it is first asked for.

Shapes: ``H, W`` the image; a level's sides are half those of the level before, rounded up.
"""

from __future__ import annotations

import cv2
import numpy as np

from segfit.basics.arrays import UInt8Array


class Pyramid:
    """Levels of an image (H, W, 3) uint8, by area; level 0 is the image itself.

    >>> Pyramid(np.zeros((5, 8, 3), np.uint8)).level(1).shape
    (3, 4, 3)
    """

    def __init__(self, image: UInt8Array) -> None:
        self._levels = [image]

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"<Pyramid of an image, {width}×{height} px>"

    @property
    def image(self) -> UInt8Array:
        """The image itself."""
        return self._levels[0]

    def level(self, octave: int) -> UInt8Array:
        """The image halved so many times, or the last level, which is one pixel high or wide."""
        levels = self._levels  # replaced as a whole: another thread may be at the same level
        while len(levels) <= octave and min(levels[-1].shape[:2]) > 1:
            height, width = levels[-1].shape[:2]
            half = cv2.resize(
                levels[-1], ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA
            )
            levels = [*levels, np.asarray(half, np.uint8)]
            self._levels = levels
        return levels[min(octave, len(levels) - 1)]

    def resize(self, height: int, width: int) -> UInt8Array:
        """The image at another size: by area where it shrinks, else bilinearly.

        It begins at the smallest level that is large enough: direct resampling by area of an
        image of 12 megapixels took ten times as long.
        """
        own_height, own_width = self.image.shape[:2]
        if (own_height, own_width) == (height, width):
            return self.image
        octave = 0
        while own_height >= height << (octave + 1) and own_width >= width << (octave + 1):
            octave += 1
        source = self.level(octave)
        if source.shape[:2] == (height, width):
            return source
        shrinks = height * width < own_height * own_width
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(source, (width, height), interpolation=method), np.uint8)


def as_pyramid(image: UInt8Array | Pyramid) -> Pyramid:
    """An image's pyramid; one that is there already stays."""
    return image if isinstance(image, Pyramid) else Pyramid(image)
