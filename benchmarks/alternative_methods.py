"""The cheap alternatives to a regression network: coarse scores and an image → labels.

Each is a function of a ``ScoredImage`` and of its parameters, so that all begin with the very
same scores and can be timed without the network that made them.

Shapes: ``H, W`` the image; ``P`` its pixels; ``K`` classes; ``h, w`` the score grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from segfit.basics.arrays import BoolArray, Float32Array, Int64Array, UInt8Array
from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide_labels
from segfit.formats import Content
from segfit.partition import LabelGrid
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

SMALLEST_PROBABILITY = 1e-6
MEAN_FIELD_ROUNDS = 5
NEIGHBOURHOOD_PX = 3.0
"""Standard deviation of the kernel that pulls neighbours together whatever their colors are."""
COLORS_OF_A_CUT = 5
"""GrabCut describes either side by a mixture of so many colors, and needs as many pixels."""


@dataclass(frozen=True)
class ScoredImage:
    """A labelled image with what the classifier says of it.

    ``image``: (H, W, 3) uint8 RGB. ``labels``: (H, W) uint8, the truth. ``scores``: as the
    network gave them. ``class_scores``: see ``as_class_scores``. ``objects``: not looked at.
    """

    name: str
    image: UInt8Array
    labels: UInt8Array
    scores: Scores
    class_scores: Scores
    objects: None = None


Refine = Callable[[ScoredImage], UInt8Array]
"""Coarse scores of an image → its labels, (H, W) uint8."""


@dataclass(frozen=True)
class ScoredImages:
    """Images that evaluation can go over, held in memory together with their scores."""

    classes: ClassTable
    images: Sequence[ScoredImage]

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[ScoredImage]:
        return iter(self.images)

    def __getitem__(self, number: int) -> ScoredImage:
        return self.images[number]


class RefiningMethod:
    """A ``Method`` for scored images alone: what evaluation times is the refinement, no more."""

    provides: frozenset[Content] = frozenset()

    def __init__(self, scored: ScoredImages, refine: Refine) -> None:
        self.classes, self._refine = scored.classes, refine
        # By identity: evaluation hands on the very array, and to compare pixels would cost time.
        self._scored_of = {id(scored.image): scored for scored in scored.images}

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment one of the images."""
        labels = self._refine(self._scored_of[id(image)])
        return Segmentation(image, LabelGrid(labels), self.classes)


def as_class_scores(scores: Scores, threshold: float) -> Scores:
    """The same with one plane per class, such that the likeliest class is the classifier's answer.

    A network with one output has its ``threshold`` in the foreground's plane then.
    """
    if len(scores.logits) > 1:
        return scores
    foreground = scores.logits - np.float32(math.log(threshold / (1 - threshold)))
    return replace(scores, logits=np.concatenate([np.zeros_like(foreground), foreground]))


def upsample(scored: ScoredImage) -> UInt8Array:
    """Bilinear interpolation of the scores: what the classifier does by itself."""
    return decide_labels(scored.class_scores, Decision())


def filter_by_guide(scored: ScoredImage, *, radius_px: int, epsilon: float) -> UInt8Array:
    """Each class's probabilities through a guided filter (He et al., TPAMI 2013).

    ``epsilon``: variance of colors (0 to 1) below which the image counts as flat.
    """
    planes = scored.class_scores.to_probabilities()
    return find_likeliest(apply_guide(planes, scored.image, radius_px=radius_px, epsilon=epsilon))


def apply_guide(
    planes: Float32Array, image: UInt8Array, *, radius_px: int, epsilon: float
) -> Float32Array:
    """Color guided filter of planes (K, H, W): in each window, linear in the image's colors."""

    def average(plane: Float32Array) -> Float32Array:
        return np.asarray(cv2.blur(plane, (2 * radius_px + 1,) * 2, borderType=cv2.BORDER_REFLECT))

    guide = [plane.astype(np.float32) / 255 for plane in cv2.split(image)]
    means = [average(plane) for plane in guide]
    covariance = [
        average(guide[a] * guide[b]) - means[a] * means[b] + np.float32(epsilon if a == b else 0)
        for a in range(3)
        for b in range(a, 3)
    ]
    inverse = invert_symmetric(covariance)
    filtered = np.empty_like(planes)
    for plane, target in zip(planes, filtered, strict=True):
        mean = average(plane)
        shared = [average(c * plane) - m * mean for c, m in zip(guide, means, strict=True)]
        slopes = multiply_symmetric(inverse, shared)
        target[:] = average(mean - add_products(slopes, means))
        target += add_products([average(slope) for slope in slopes], guide)
    return filtered


def invert_symmetric(matrices: Sequence[Float32Array]) -> list[Float32Array]:
    """Inverses of symmetric 3×3 matrices; one plane (H, W) per entry 00, 01, 02, 11, 12, 22."""
    # Colors of a grey image differ by epsilon alone: single precision would lose it.
    a, b, c, d, e, f = (plane.astype(np.float64) for plane in matrices)
    first_row = d * f - e * e, c * e - b * f, b * e - c * d
    others = a * f - c * c, b * c - a * e, a * d - b * b
    determinant = add_products((a, b, c), first_row)
    return [(entry / determinant).astype(np.float32) for entry in (*first_row, *others)]


def multiply_symmetric(
    matrices: Sequence[Float32Array], vectors: Sequence[Float32Array]
) -> list[Float32Array]:
    """Symmetric matrices (six planes) times vectors (three planes)."""
    a, b, c, d, e, f = matrices
    return [add_products(row, vectors) for row in ((a, b, c), (b, d, e), (c, e, f))]


def add_products(some: Sequence[NDArray[Any]], others: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Scalar product of vectors, three planes each, at every pixel."""
    return some[0] * others[0] + some[1] * others[1] + some[2] * others[2]


def smooth_by_crf(
    scored: ScoredImage,
    *,
    reach_px: float,
    reach_levels: float,
    alike_weight: float,
    near_weight: float,
) -> UInt8Array:
    """Mean field of a dense CRF with Potts costs (Krähenbühl and Koltun, NeurIPS 2011).

    ``reach_px``, ``reach_levels``: how far apart pixels of like colors pull at each other, and
    which colors are alike; ``alike_weight``, ``near_weight``: how strongly they pull, and how
    strongly neighbours do.
    """
    planes = scored.class_scores.to_probabilities()
    shape = (*planes.shape[1:], len(planes))
    likelihood = np.moveaxis(np.log(np.maximum(planes, SMALLEST_PROBABILITY)), 0, 2)  # (H, W, K)
    grid = build_bilateral_grid(scored.image, reach_px=reach_px, reach_levels=reach_levels)
    belief = np.ascontiguousarray(np.moveaxis(planes, 0, 2))
    for _ in range(MEAN_FIELD_ROUNDS):
        alike = grid.filter(belief.reshape(-1, shape[2])).reshape(shape)
        near = cv2.GaussianBlur(belief, (0, 0), NEIGHBOURHOOD_PX)
        energy = likelihood + np.float32(alike_weight) * alike + np.float32(near_weight) * near
        energy -= energy.max(axis=2, keepdims=True)
        np.exp(energy, out=belief)
        belief /= belief.sum(axis=2, keepdims=True)
    return find_likeliest(np.moveaxis(belief, 2, 0))


@dataclass(frozen=True)
class BilateralGrid:
    """A Gaussian over place and color, as a blur of the cells that pixels fall into.

    ``cell_of_pixel``: (P,). ``splat``: sums over the pixels of each cell; ``blurs``: one per
    dimension; ``scale``: (P, 1), what makes the kernel a mean over the pixels alike.
    """

    cell_of_pixel: Int64Array
    splat: sparse.csr_matrix
    blurs: tuple[sparse.csr_matrix, ...]
    scale: Float32Array

    def filter(self, values: Float32Array) -> Float32Array:
        """Filter values of pixels, (P, K), by the kernel normalised on both sides."""
        return self.sum_alike(values * self.scale) * self.scale

    def sum_alike(self, values: Float32Array) -> Float32Array:
        """Weighted sums over the pixels alike, (P, K)."""
        cells = self.splat @ values
        for blur in self.blurs:
            cells = blur @ cells
        return np.asarray(cells[self.cell_of_pixel])


def build_bilateral_grid(
    image: UInt8Array, *, reach_px: float, reach_levels: float
) -> BilateralGrid:
    """Cells of (row, column, red, green, blue), as wide as the kernel reaches.

    Of the cells only those are kept that hold a pixel (Barron et al., CVPR 2015).
    """
    height, width = image.shape[:2]
    rows, columns = np.indices((height, width))
    colors = np.moveaxis(image.astype(np.float32) / reach_levels, 2, 0)
    places = np.stack([rows / reach_px, columns / reach_px, *colors]).reshape(5, -1)
    cells = np.rint(places).astype(np.int64)  # (5, P)
    # One number per cell; a gap after the last cell of a dimension keeps rows from joining up.
    strides = np.cumprod([1, *(cells.max(axis=1)[:-1] + 2)])
    numbers, cell_of_pixel = np.unique(strides @ cells, return_inverse=True)
    pixels = np.arange(cells.shape[1])
    ones = np.ones(len(pixels), np.float32)
    splat = sparse.csr_matrix((ones, (cell_of_pixel, pixels)), (len(numbers), len(pixels)))
    blurs = tuple(build_blur(numbers, int(stride)) for stride in strides)
    grid = BilateralGrid(cell_of_pixel, splat, blurs, ones[:, None])
    return replace(grid, scale=1 / np.sqrt(grid.sum_alike(ones[:, None])))


def build_blur(numbers: Int64Array, stride: int) -> sparse.csr_matrix:
    """Half of each cell, and a quarter of each neighbour in a dimension that is there."""
    following = np.minimum(np.searchsorted(numbers, numbers + stride), len(numbers) - 1)
    (cells,) = np.nonzero(numbers[following] == numbers + stride)
    quarters = np.full(len(cells), 0.25, np.float32)
    ahead = sparse.csr_matrix((quarters, (cells, following[cells])), (len(numbers),) * 2)
    return (ahead + ahead.T + 0.5 * sparse.identity(len(numbers), np.float32)).tocsr()


def cut_by_color(scored: ScoredImage, *, band_px: int, rounds: int) -> UInt8Array:
    """GrabCut of every class against the rest (Rother et al., SIGGRAPH 2004), from coarse labels.

    Only pixels within ``band_px`` of a class's coarse outline may change sides. Where several
    classes or none claim a pixel, the likeliest of those has it.
    """
    planes = scored.class_scores.to_probabilities()
    coarse = find_likeliest(planes)
    if len(planes) == 2:
        foreground = cut_class(scored.image, coarse == 1, band_px=band_px, rounds=rounds)
        return foreground.astype(np.uint8)
    claims = np.stack(
        [
            cut_class(scored.image, coarse == index, band_px=band_px, rounds=rounds)
            for index in range(len(planes))
        ]
    )
    return find_likeliest(planes + claims)


def cut_class(image: UInt8Array, mask: BoolArray, *, band_px: int, rounds: int) -> BoolArray:
    """GrabCut from a mask (H, W); a mask that leaves either side too few pixels stays as it is."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * band_px + 1,) * 2)
    inside = mask.astype(np.uint8)
    sure, possible = cv2.erode(inside, kernel), cv2.dilate(inside, kernel)
    state = np.where(mask, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    state[sure == 1], state[possible == 0] = cv2.GC_FGD, cv2.GC_BGD
    if min(mask.sum(), mask.size - mask.sum()) < COLORS_OF_A_CUT:
        return mask
    cv2.setRNGSeed(0)  # its colors begin with a random clustering
    mixtures = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(image, state, None, *mixtures, rounds, cv2.GC_INIT_WITH_MASK)
    return (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)


def find_likeliest(planes: Float32Array) -> UInt8Array:
    """Index of the highest of planes (K, H, W) at every pixel, (H, W)."""
    return planes.argmax(axis=0).astype(np.uint8)
