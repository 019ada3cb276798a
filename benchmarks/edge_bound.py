"""How well the place of an edge can be known at all: the Cramér–Rao bound of strips across it.

A straight edge of contrast A is blurred by a Gaussian σ and averaged over pixels, which is a blur
of σ_e = √(σ² + 1/12) across it, at whatever angle. A pixel at the signed distance d then has the
level b + A Φ((d − τ)/σ_e), and white noise of variance v = s² + 1/12 on top: the camera's, and that
of rounding to whole levels. Unknown are τ and, as nuisance, the levels of both sides. The network
does not see pixels but strips of 17 points, 1 px apart, each a bilinear mean of four pixels. With W
the matrix of these means and D the derivatives of the pixels' levels by the three unknowns, the
samples' Fisher matrix is

    J = (W D)ᵀ (v W Wᵀ)⁻¹ (W D),

so that what bilinear sampling blurs away and how it correlates the noise is accounted for. The
bound on the variance of τ is (J⁻¹)₀₀, which is 1/(J₀₀ − J₀ₙ Jₙₙ⁻¹ Jₙ₀) by the Schur complement of
the nuisance block. It is (√v / A)² times a number that depends on σ and on the strips alone; that
number is averaged over the edge's angle and over where it falls on the pixels. Strips stand two
steps apart along the border; where they share one τ, W has all of their rows.

In the limit of one row of pixels, endless and without unknown levels, the bound's root is
√(2 √π σ_e v) / A.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy.special import ndtr

from segfit.basics.arrays import Float64Array
from segfit.model.architecture import OutlineArchitecture
from segfit.refinement.outlines import SPACING_STEPS

ROUNDING_VARIANCE = 1 / 12
"""Of rounding to whole levels; and in px² of a pixel's width, along any direction."""
STRIPS_IN_REACH = 1 + 2 * sum(OutlineArchitecture().dilations)
"""Vertices that the network's layers bring together, at a step of 1 px."""
DRAWS = 16
LEAST_EIGENVALUE = 1e-9
"""Of W Wᵀ, relative to the largest: strips that lie close see the same pixels."""


def bound_error_px(contrast: float, blur_px: float, noise_levels: float, *, strips: int) -> float:
    """Least standard error of an unbiased estimate from so many strips along a straight edge."""
    noise = math.sqrt(noise_levels**2 + ROUNDING_VARIANCE)
    return noise / contrast * math.sqrt(average_variance(blur_px, strips))


@cache
def average_variance(blur_px: float, strips: int) -> float:
    """The bound on the variance in px², for contrast and noise of 1, over angles and places."""
    rng = np.random.default_rng(0)
    return float(np.mean([bound_variance(blur_px, strips, rng) for _ in range(DRAWS)]))


def bound_variance(blur_px: float, strips: int, rng: np.random.Generator) -> float:
    """The same at one angle and place."""
    angle, place = rng.uniform(0, 2 * math.pi), rng.uniform(0, 1, 2)
    across = np.array([math.cos(angle), math.sin(angle)])
    along = np.array([-across[1], across[0]])
    strip_points = OutlineArchitecture().strip_points
    down_strip = np.arange(strip_points) - (strip_points - 1) / 2
    down_edge = (np.arange(strips) - (strips - 1) / 2) * SPACING_STEPS[0]
    points = (
        place + down_edge[:, None, None] * along + down_strip[:, None] * across
    ).reshape(-1, 2)  # fmt: skip
    weights, centres = weigh_pixels(points)
    # The vertices lie anywhere within half a pixel of the edge.
    distances = (centres - place) @ across + rng.uniform(-0.5, 0.5)
    width = math.sqrt(blur_px**2 + ROUNDING_VARIANCE)
    share = ndtr(distances / width)
    slope = np.exp(-0.5 * (distances / width) ** 2) / (width * math.sqrt(2 * math.pi))
    derivatives = weights @ np.stack([slope, 1 - share, share], axis=1)  # (samples, 3)
    precision = np.linalg.pinv(weights @ weights.T, rcond=LEAST_EIGENVALUE, hermitian=True)
    return float(np.linalg.inv(derivatives.T @ precision @ derivatives)[0, 0])


def weigh_pixels(points: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Bilinear weights (M, P) of the pixels around points (M, 2), and their centres (P, 2)."""
    corner = np.floor(points - 0.5)
    share = points - 0.5 - corner
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]])
    pixels = (corner[:, None] + corners).reshape(-1, 2)
    parts = np.where(corners == 1, share[:, None], 1 - share[:, None]).prod(axis=2)  # (M, 4)
    unique, column = np.unique(pixels, axis=0, return_inverse=True)
    weights = np.zeros((len(points), len(unique)))
    rows = np.repeat(np.arange(len(points)), len(corners))
    np.add.at(weights, (rows, column.ravel()), parts.ravel())
    return weights, unique + 0.5
