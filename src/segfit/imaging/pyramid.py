"""A picture and its halves, quarters …, each made once, when it is first asked for.

Shapes: ``H, W`` the picture; a level's sides are half those of the level before, rounded up.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


class Pyramid:
    """Levels of a picture (H, W, 3) uint8, by area; level 0 is the picture itself.

    >>> Pyramid(np.zeros((5, 8, 3), np.uint8)).level(1).shape
    (3, 4, 3)
    """

    def __init__(self, picture: Picture) -> None:
        self._levels = [picture]

    @property
    def picture(self) -> Picture:
        """The picture itself."""
        return self._levels[0]

    def level(self, octave: int) -> Picture:
        """The picture halved so many times, or the last level, which is one pixel high or wide."""
        while len(self._levels) <= octave and min(self._levels[-1].shape[:2]) > 1:
            height, width = self._levels[-1].shape[:2]
            half = cv2.resize(
                self._levels[-1],
                ((width + 1) // 2, (height + 1) // 2),
                interpolation=cv2.INTER_AREA,
            )
            self._levels.append(np.asarray(half, np.uint8))
        return self._levels[min(octave, len(self._levels) - 1)]

    def resize(self, height: int, width: int) -> Picture:
        """The picture at another size: by area where it shrinks, else bilinearly.

        It begins at the smallest level that is large enough: direct resampling by area of a
        picture of 12 megapixels took ten times as long.
        """
        own_height, own_width = self.picture.shape[:2]
        if (own_height, own_width) == (height, width):
            return self.picture
        octave = 0
        while own_height >= height << (octave + 1) and own_width >= width << (octave + 1):
            octave += 1
        source = self.level(octave)
        if source.shape[:2] == (height, width):
            return source
        shrinks = height * width < own_height * own_width
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(source, (width, height), interpolation=method), np.uint8)


def as_pyramid(picture: Picture | Pyramid) -> Pyramid:
    """A picture's pyramid; one that is there already stays."""
    return picture if isinstance(picture, Pyramid) else Pyramid(picture)
