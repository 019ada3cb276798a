"""First outlines to learn from, and where the truth's outlines are.

Shapes: ``H, W`` a view of a picture; ``K`` classes; ``V`` vertices; ``S`` samples across an arc.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.classes import IGNORE
from segfit.partition import Partition, partition_of
from segfit.regress import STRIP_POINTS, Walk
from segfit.sampling import sample_bilinear
from segfit.scores import Scores

TRUTH_BLUR_PX = 1.0
"""Labels know borders to half a pixel; blurred, the steps of their outlines become lines."""
SAMPLES_PER_PX = 2
BOTH_SIDES = 0.5
"""Share of a place that the two regions must make up for it to be their border."""
COARSEST_CELL_PX = 8.0

Labels = NDArray[np.uint8]
Score = Callable[[NDArray[np.uint8]], Scores]
"""What a classifier says of a picture (H, W, 3)."""


@dataclass(frozen=True)
class Truth:
    """What share of the surroundings of each pixel each class has, (K, H, W) float32."""

    shares: NDArray[np.float32]


def read_truth(labels: Labels, class_count: int) -> Truth:
    """Blur each class of a label grid (H, W); ignored pixels belong to none."""
    planes = [
        cv2.GaussianBlur((labels == index).astype(np.float32), (0, 0), TRUTH_BLUR_PX)
        for index in range(class_count)
    ]
    return Truth(np.stack(planes))


def find_offsets(truth: Truth, walk: Walk) -> NDArray[np.float32]:
    """How far across each vertex the truth's border of its two classes is, (V,), in steps.

    NaN where the strip meets no such border: the vertex has nothing to go to.
    """
    reach_px = (STRIP_POINTS - 1) / 2 * walk.step_px
    count = 2 * round(reach_px * SAMPLES_PER_PX) + 1
    spacing_px = 2 * reach_px / (count - 1)
    strips = walk.strip_points(step_px=spacing_px, count=count)  # (V, S, 2)
    arcs = walk.partition.arc_of_point[walk.of_partition]
    classes = walk.partition.labels[walk.partition.sides[arcs]]  # (V, 2)
    margin, both = np.empty(strips.shape[:2], np.float32), np.empty(strips.shape[:2], np.float32)
    for pair in np.unique(classes, axis=0):
        chosen = (classes == pair).all(axis=1)
        left, right = truth.shares[pair]
        sampled = sample_bilinear(cv2.merge([left - right, left + right]), strips[chosen])
        margin[chosen], both[chosen] = sampled[..., 0], sampled[..., 1]
    leaves = (margin[:, :-1] > 0) & (margin[:, 1:] <= 0)
    leaves &= np.minimum(both[:, :-1], both[:, 1:]) > BOTH_SIDES
    drop = np.where(leaves, margin[:, :-1] - margin[:, 1:], 1.0)
    places = np.arange(count - 1) + margin[:, :-1] / drop - (count - 1) / 2
    places = np.where(leaves, places, np.inf) * (spacing_px / walk.step_px)
    nearest = np.take_along_axis(places, np.abs(places).argmin(axis=1)[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(nearest), nearest, np.nan).astype(np.float32)


def draw_first_outlines(
    picture: NDArray[np.uint8],
    labels: Labels,
    class_count: int,
    rng: np.random.Generator,
    *,
    score: Score | None,
    threshold: float,
    shaken: bool,
) -> tuple[Partition, Scores | None, float]:
    """Outlines to begin with, the scores they come from, and about how far off they are, in pixels.

    The classifier's outlines of the picture, ``shaken`` or not; without one, the coarsened truth.
    """
    if score is None:
        cell_px = 2.0 * (COARSEST_CELL_PX / 2) ** rng.random()
        first = coarsen_truth(fill_ignored(labels), class_count, cell_px=cell_px, rng=rng)
        return first, None, cell_px
    scores = score(picture)
    if shaken:
        scores = shake_scores(scores, rng)
    return partition_of(scores.to_labels(threshold=threshold)), scores, scores.cell_px


def shake_scores(scores: Scores, rng: np.random.Generator) -> Scores:
    """Make a classifier err on a picture that it knows as it errs on new ones.

    Weaker logits under smooth noise, both of a strength drawn anew each time.
    """
    classes, height, width = scores.logits.shape
    strength, faith = 3.0 * rng.random() ** 2, rng.uniform(0.4, 1.0)
    grain = int(rng.integers(2, 9))
    noise = np.stack(
        [
            cv2.resize(
                rng.standard_normal((height // grain + 2, width // grain + 2), dtype=np.float32),
                (width, height),
                interpolation=cv2.INTER_CUBIC,
            )
            for _ in range(classes)
        ]
    )
    return Scores(
        np.float32(faith) * scores.logits + np.float32(strength) * noise,
        scores.picture_shape,
        scores.covered_shape,
        features=scores.features,
    )


def coarsen_truth(
    labels: Labels, class_count: int, *, cell_px: float, rng: np.random.Generator
) -> Partition:
    """Outlines of the truth (H, W) as a coarse, somewhat wrong segmentation would have them.

    The classes' shares of cells, shifted by up to half a cell, with noise, upsampled again.
    """
    height, width = labels.shape
    grid = max(2, round(height / cell_px)), max(2, round(width / cell_px))
    shift = rng.uniform(-0.5, 0.5, 2) * cell_px
    matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
    noise_level = 0.25 * rng.random()
    best = np.full(labels.shape, -np.inf, np.float32)
    coarse = np.zeros(labels.shape, np.uint8)
    for index in range(class_count):
        plane = (labels == index).astype(np.float32)
        moved = cv2.warpAffine(plane, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        cells = cv2.resize(moved, grid[::-1], interpolation=cv2.INTER_AREA)
        cells = cells + noise_level * rng.standard_normal(cells.shape, dtype=np.float32)
        smooth = cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
        wins = smooth > best
        coarse[wins] = index
        best = np.maximum(best, smooth)
    return partition_of(coarse)


def fill_ignored(labels: Labels) -> Labels:
    """Give ignored pixels the label of the nearest known one, so that outlines can be made."""
    ignored = labels == IGNORE
    if not ignored.any() or ignored.all():
        return labels
    _, nearest = cv2.distanceTransformWithLabels(
        ignored.astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    values = np.zeros(int(nearest.max()) + 1, np.uint8)
    values[nearest[~ignored]] = labels[~ignored]
    return np.asarray(values[nearest])
