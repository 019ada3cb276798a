"""One threshold of lightness."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.filters import threshold_otsu

from segfit.classical.method import (
    ForegroundMethod,
    Picture,
    smooth,
    to_lightness,
)

Brighter = Literal["auto", "bright", "dark"]


class Otsu(ForegroundMethod):
    """One threshold of lightness, where the two sides are each as even as can be (Otsu, 1979).

    ``foreground``: "bright", "dark", or "auto", which takes the side that touches the picture's
    border less. ``blur_px``: standard deviation of a smoothing before.
    """

    purpose: ClassVar[str] = "bright objects on a dark ground, or dark on bright: nuclei, print"
    fails: ClassVar[str] = "uneven light, or objects of the ground's brightness"

    foreground: Brighter = "auto"
    blur_px: float = Field(default=1.0, ge=0)

    def part(self, picture: Picture) -> tuple[NDArray[np.bool_], str]:
        """Foreground, and the threshold."""
        lightness = smooth(to_lightness(picture), self.blur_px)
        threshold = float(threshold_otsu(lightness))
        bright = lightness > threshold
        mask, side = choose_side(bright, self.foreground)
        return mask, f"{side} than lightness {threshold:.0f} of 100 is foreground"


def choose_side(bright: NDArray[np.bool_], wanted: Brighter) -> tuple[NDArray[np.bool_], str]:
    """The bright side or the other one, and its name; "auto": which touches the border less."""
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    is_bright = border.mean() <= 0.5 if wanted == "auto" else wanted == "bright"
    return (bright, "brighter") if is_bright else (~bright, "darker")
