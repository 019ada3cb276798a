"""One threshold of lightness."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import Field
from skimage.filters import threshold_otsu

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.classical.shared.method import ForegroundMethod, Side
from segfit.imaging.color import smooth, to_lightness


class Otsu(ForegroundMethod):
    """One threshold of lightness, where the two sides are each as even as can be (Otsu, 1979).

    ``foreground``: "bright", "dark", or "auto", which takes the side that touches the image's
    border less. ``blur_px``: standard deviation of a smoothing before.
    """

    name: ClassVar[str] = "otsu"
    place: ClassVar[int] = 10
    purpose: ClassVar[str] = "bright objects on a dark background, or dark on bright: nuclei, print"
    fails: ClassVar[str] = "uneven light, or objects as bright as the background"

    foreground: Side = "auto"
    blur_px: float = Field(default=1.0, ge=0)

    def separate(self, image: UInt8Array) -> tuple[BoolArray, str]:
        """Foreground, and the threshold."""
        lightness = smooth(to_lightness(image), self.blur_px)
        threshold = float(threshold_otsu(lightness))
        bright = lightness > threshold
        mask, side = choose_side(bright, self.foreground)
        return mask, f"{side} than lightness {threshold:.0f} of 100 is foreground"


def choose_side(bright: BoolArray, wanted: Side) -> tuple[BoolArray, str]:
    """The bright side or the other one, and its name; "auto": which touches the border less."""
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    is_bright = border.mean() <= 0.5 if wanted == "auto" else wanted == "bright"
    return (bright, "brighter") if is_bright else (~bright, "darker")


METHOD = Otsu
