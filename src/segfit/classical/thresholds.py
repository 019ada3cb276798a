"""Thresholds of brightness: Otsu's, several of them, and local ones.

Shapes: ``H, W`` a picture (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from skimage.filters import threshold_local, threshold_multiotsu, threshold_otsu

from segfit.classical.method import (
    ClusterMethod,
    ForegroundMethod,
    Numbers,
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


class MultiOtsu(ClusterMethod):
    """Several thresholds of lightness, for so many ``classes_wanted`` (Liao et al., 2001)."""

    purpose: ClassVar[str] = "a few levels of brightness: phases of a metal, bone and tissue"
    fails: ClassVar[str] = "uneven light, or more levels than a histogram shows"

    classes_wanted: int = Field(default=3, ge=2, le=5)
    blur_px: float = Field(default=1.0, ge=0)

    @property
    def most_clusters(self) -> int:
        """As many as wanted."""
        return self.classes_wanted

    def cluster(self, picture: Picture) -> tuple[Numbers, str]:
        """Level of each pixel, from dark to bright, and the thresholds."""
        lightness = np.rint(smooth(to_lightness(picture), self.blur_px) * 2)
        wanted = min(self.classes_wanted, len(np.unique(lightness)))
        if wanted < 2:
            return np.zeros(lightness.shape, np.int64), "one level of brightness"
        thresholds = threshold_multiotsu(lightness, classes=wanted, nbins=256)
        shown = ", ".join(f"{threshold / 2:.0f}" for threshold in thresholds)
        few = f"only {wanted} levels: " if wanted < self.classes_wanted else ""
        return np.digitize(lightness, thresholds), f"{few}lightness parted at {shown} of 100"


class LocalThreshold(ForegroundMethod):
    """A threshold for each pixel: the mean lightness around it, and an offset.

    ``window_px``: side of the surroundings, odd; None takes a tenth of the longer side.
    ``offset``: how much brighter (or darker) than its surroundings foreground is, of 100.
    """

    purpose: ClassVar[str] = "print and objects under uneven light"
    fails: ClassVar[str] = "objects larger than the window, whose middle looks like ground"

    foreground: Brighter = "auto"
    window_px: int | None = Field(default=None, ge=3)
    offset: float = Field(default=4.0, ge=0, le=100)

    def part(self, picture: Picture) -> tuple[NDArray[np.bool_], str]:
        """Foreground, and the window."""
        lightness = smooth(to_lightness(picture), 1.0)
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


def choose_side(bright: NDArray[np.bool_], wanted: Brighter) -> tuple[NDArray[np.bool_], str]:
    """The bright side or the other one, and its name; "auto": which touches the border less."""
    border = np.concatenate([bright[0], bright[-1], bright[:, 0], bright[:, -1]])
    is_bright = border.mean() <= 0.5 if wanted == "auto" else wanted == "bright"
    return (bright, "brighter") if is_bright else (~bright, "darker")
