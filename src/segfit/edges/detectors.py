"""Edges by derivatives: Sobel, Scharr, Laplacian of Gaussian, Canny.

Shapes: ``H, W`` an image (H, W, 3) uint8 RGB. Strengths are shares of the largest step that an
image can have, from black to white between two pixels, after smoothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from skimage.filters import apply_hysteresis_threshold

from segfit.basics.arrays import Float32Array, UInt8Array
from segfit.edges.thinning import thin_edges
from segfit.imaging.channels import Channels
from segfit.imaging.color import to_lab
from segfit.result.edges import EdgeMap

SIGMA_PX = 2.0
"""Smoothing: details finer than about that are not edges."""
NOT_EDGES, LOW_SHARE = 0.7, 0.4
"""Share of pixels below Canny's upper threshold, and what of it an edge may fall to on its way."""
FLAT_LEVELS = 0.004
"""Of the largest step: what is lower is not an edge in any image, but rounding."""


Detect = Callable[[UInt8Array], EdgeMap]


@dataclass(frozen=True)
class Detector:
    """What finds edges in an image, (H, W, 3) uint8 RGB.

    ``name``: what ``--detector`` names. ``purpose``: what it takes for an edge, in a few words.
    ``usual_strength``: from which on edges count where nobody says. ``channels``: of an image that
    it looks at, see ``read_image``; None for one or three.
    """

    name: str
    purpose: str = field(repr=False)
    detect: Detect = field(repr=False)
    usual_strength: float
    channels: Channels | None = None


def detect_gradient(
    image: UInt8Array, *, sigma_px: float = SIGMA_PX, scharr: bool = False
) -> EdgeMap:
    """Edges where brightness or a color changes most, by Sobel's or Scharr's derivatives.

    The color channel with the strongest change counts at each pixel, as in Dollár and Zitnick
    (2015); the channels are those of CIELAB. ``sigma_px``: standard deviation of the smoothing.
    """
    strength, normal = _measure_gradient(image, sigma_px, scharr=scharr)
    return thin_edges(strength, normal)


def detect_canny(image: UInt8Array, *, sigma_px: float = SIGMA_PX) -> EdgeMap:
    """Edges whose strength exceeds a threshold somewhere along the line, and 0.4 of it everywhere.

    The upper threshold is what 70 % of the pixels stay below, as in MATLAB: most of an image is no
    edge. A flat image has none.
    """
    edges = detect_gradient(image, sigma_px=sigma_px)
    high = max(float(np.quantile(edges.strength, NOT_EDGES)), FLAT_LEVELS)
    kept = np.asarray(apply_hysteresis_threshold(edges.thinned, LOW_SHARE * high, high), np.bool_)
    return replace(edges, is_edge=kept)


def detect_laplacian(image: UInt8Array, *, sigma_px: float = SIGMA_PX) -> EdgeMap:
    """Edges where the Laplacian of the smoothed lightness changes its sign (Marr and Hildreth).

    Their strength is the gradient there; they are closed curves, or end at the image's border.
    """
    strength, normal = _measure_gradient(image, sigma_px, scharr=False)
    lightness = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) / 255, np.float32)
    laplacian = cv2.Laplacian(_smooth(lightness, sigma_px), cv2.CV_32F, ksize=3)
    is_edge, shift = np.zeros(strength.shape, bool), np.zeros_like(strength)
    for axis, sign_of in ((0, normal[1]), (1, normal[0])):
        here, there = (
            np.moveaxis(laplacian, axis, 0)[side] for side in (slice(-1), slice(1, None))
        )
        crosses = (here > 0) != (there > 0)
        # Nearer to the pixel whose value is nearer to zero.
        share = np.abs(here) / np.maximum(np.abs(here) + np.abs(there), 1e-12)
        along = np.moveaxis(sign_of, axis, 0)
        for first, side, place in (
            (True, slice(-1), share),
            (False, slice(1, None), share - 1),
        ):
            chosen = crosses & ((share <= 0.5) == first)
            np.moveaxis(is_edge, axis, 0)[side] |= chosen
            steps = place * along[side]
            np.moveaxis(shift, axis, 0)[side][chosen] = steps[chosen]
    is_edge &= strength > 0
    return EdgeMap(strength, is_edge, normal, np.clip(shift, -0.5, 0.5))


def _measure_gradient(
    image: UInt8Array, sigma_px: float, *, scharr: bool
) -> tuple[Float32Array, Float32Array]:
    """Strength (H, W) and direction (2, H, W) of the strongest channel's gradient."""
    smooth = _smooth(np.asarray(to_lab(image) / 100, np.float32), sigma_px)
    if scharr:
        across, down = (
            cv2.Scharr(smooth, cv2.CV_32F, *order) / np.float32(32) for order in ((1, 0), (0, 1))
        )
    else:
        across, down = (
            cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3) / np.float32(8)
            for order in ((1, 0), (0, 1))
        )
    lengths = np.hypot(across, down)
    strongest = lengths.argmax(axis=2)[..., None]
    length, x, y = (
        np.take_along_axis(plane, strongest, axis=2)[..., 0] for plane in (lengths, across, down)
    )
    # A step of height 1, smoothed, has this slope.
    steepest = 1 / (np.sqrt(2 * np.pi) * max(sigma_px, 0.4))
    safe = np.maximum(length, 1e-12)
    strength = np.clip(length / steepest, 0, 1)
    strength[strength < FLAT_LEVELS] = 0
    return strength.astype(np.float32), np.stack([x / safe, y / safe]).astype(np.float32)


def _smooth(channels: Float32Array, sigma_px: float) -> Float32Array:
    if sigma_px == 0:
        return channels
    return np.asarray(cv2.GaussianBlur(channels, (0, 0), sigma_px), np.float32)


def _detect_sobel(image: UInt8Array) -> EdgeMap:
    return detect_gradient(image)


def _detect_scharr(image: UInt8Array) -> EdgeMap:
    return detect_gradient(image, scharr=True)


DETECTORS: dict[str, Detector] = {
    one.name: one
    for one in (
        Detector("sobel", "where brightness or a color changes most", _detect_sobel, 0.15),
        Detector("scharr", "the same, alike in all directions", _detect_scharr, 0.15),
        Detector("laplacian", "where lightness curves the other way", detect_laplacian, 0.15),
        Detector("canny", "strong somewhere, and not too weak all along", detect_canny, 0.1),
    )
}
"""What ``segfit edges --detector`` can name, beside learned ones; to add one is to add its line."""
