"""A threshold for each pixel."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage.filters import threshold_local

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.classical.shared.method import ForegroundMethod, Side
from segfit.imaging.color import smooth, to_lightness


class LocalThreshold(ForegroundMethod):
    """A threshold for each pixel: the mean lightness around it, and an offset.

    ``foreground``: "bright", "dark", or "auto", which takes the side that stands out more.
    ``window_px``: side of the surroundings, odd; None takes a tenth of the longer side.
    ``offset``: how much brighter (or darker) than its surroundings foreground is, of 100.
    """

    name: ClassVar[str] = "local-threshold"
    place: ClassVar[int] = 12
    purpose: ClassVar[str] = "print and objects under uneven light"
    fails: ClassVar[str] = "objects larger than the window, whose middle looks like background"

    foreground: Side = "auto"
    window_px: int | None = Field(default=None, ge=3)
    offset: float = Field(default=4.0, ge=0, le=100)

    def separate(self, image: UInt8Array) -> tuple[BoolArray, str]:
        """Foreground, and the window."""
        lightness = smooth(to_lightness(image), 1.0)
        window = (self.window_px or max(lightness.shape) // 10) // 2 * 2 + 1
        around = np.asarray(threshold_local(lightness, window, method="mean"))
        bright, dark = lightness > around + self.offset, lightness < around - self.offset
        if self.foreground == "auto":  # a halo is wide and faint, an object is clear
            apart = (lightness - around) ** 2
            side = "brighter" if apart[bright].sum() >= apart[dark].sum() else "darker"
        else:
            side = "brighter" if self.foreground == "bright" else "darker"
        mask = bright if side == "brighter" else dark
        return mask, f"{side} than the {window} px around by {self.offset:g} of 100 is foreground"


METHOD = LocalThreshold
