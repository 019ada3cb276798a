"""Whether an image has any differences at all.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB.
"""

from __future__ import annotations

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.imaging.color import smooth, to_lab

FLAT_RANGE = 5.0
"""Range of the CIELAB units of a smoothed image below which it is of one color. Not a deviation:
a few small nuclei on a dark background have next to none."""


def is_flat(image: UInt8Array) -> bool:
    """Whether an image's pixels are all alike, but for rounding and some noise."""
    return measure_range(image) < FLAT_RANGE


def describe_flat(image: UInt8Array) -> str:
    """What to say of a flat image."""
    return (
        f"one region: the image is flat (its colors differ by {measure_range(image):.1f} of "
        "100 CIELAB units); there is nothing to separate"
    )


def measure_range(image: UInt8Array) -> float:
    """Largest range of a CIELAB channel, smoothed by a pixel: noise of 1.5 stays below 5."""
    return float(np.ptp(smooth(to_lab(image), 1.0), axis=(0, 1)).max())
