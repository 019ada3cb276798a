"""Outlines of labelled images: the truth's, coarse ones to begin with, and how far off some are.

Shapes: ``H, W`` a view of an image; ``K`` classes; ``V`` vertices; ``S`` samples across an arc.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, Float64Array, Int32Array, UInt8Array
from segfit.imaging.sampling import sample_bilinear
from segfit.partition import LabelGrid, Partition, fill_ignored, partition_of
from segfit.refinement.outlines import Walk, walk_along

TRUTH_BLUR_PX = 1.0
"""Labels know borders to half a pixel; blurred, the steps of their outlines become lines."""
SAMPLES_PER_PX = 2
BOTH_SIDES = 0.5
"""Share of a place that the two regions must make up for it to be their border."""
FINEST_CELL_PX, COARSEST_CELL_PX = 2.0, 8.0
MEASURING_STEP_PX, MEASURED_STEPS = 2.0, 8.0
"""Outlines are compared with the truth up to so many steps to either side."""


@dataclass(frozen=True, eq=False)
class Truth:
    """Where the borders of a label grid are.

    ``shares``: (K, H, W) float32, what share of the surroundings of each pixel each class has.
    ``objects``: (H, W), numbered from 1 without gaps; None where no class has any.
    """

    shares: Float32Array
    objects: Int32Array | None = None

    @cached_property
    def object_planes(self) -> list[tuple[Float32Array, Float32Array]]:
        """Pairs of planes (H, W), one of which shows the border of any two objects.

        In each pair, what share the objects have whose number has 1 as a certain bit, and those
        that have 0 there: any two numbers differ in one bit.
        """
        if self.objects is None:
            return []
        planes = []
        for bit in range(int(self.objects.max(initial=0)).bit_length()):
            has_one = self.objects >> bit & 1 == 1
            planes.append((_blur(has_one), _blur((self.objects > 0) & ~has_one)))
        return planes


def read_truth(labels: UInt8Array, class_count: int, *, objects: Int32Array | None = None) -> Truth:
    """Blur each class of a label grid (H, W); ignored pixels belong to none."""
    shares = np.stack([_blur(labels == index) for index in range(class_count)])
    if objects is None:
        return Truth(shares)
    present = np.bincount(objects.ravel()) > 0
    present[0] = False
    return Truth(shares, (np.cumsum(present) * present).astype(np.int32)[objects])


def _blur(mask: BoolArray) -> Float32Array:
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32), (0, 0), TRUTH_BLUR_PX))


def find_offsets(truth: Truth, walk: Walk, *, reach_steps: float) -> Float32Array:
    """How far across each vertex the truth's border of its two classes is, (V,), in steps.

    ``reach_steps``: how far to either side it is looked for. Between two objects of one class, it
    is the nearest border of any two objects. NaN where the strip meets no such border: the vertex
    has nothing to go to.
    """
    reach_px = reach_steps * walk.step_px
    count = 2 * round(reach_px * SAMPLES_PER_PX) + 1
    spacing_px = 2 * reach_px / (count - 1)
    strips = walk.place_strips(count, step_px=spacing_px)  # (2, V, S)
    arcs = walk.partition.arc_of_point[walk.of_partition]
    classes = walk.partition.labels[walk.partition.sides[arcs]]  # (V, 2)
    nearest = np.full(strips.shape[1], np.inf)
    for pair in np.unique(classes, axis=0):
        chosen = np.flatnonzero((classes == pair).all(axis=1))
        is_one_class = pair[0] == pair[1]
        for left, right in truth.object_planes if is_one_class else [truth.shares[pair]]:
            sampled = sample_bilinear(cv2.merge([left - right, left + right]), strips[:, chosen])
            places = _find_crossing(sampled[..., 0], sampled[..., 1], either_way=is_one_class)
            is_nearer = np.abs(places) < np.abs(nearest[chosen])
            nearest[chosen[is_nearer]] = places[is_nearer]
    in_steps = nearest * (spacing_px / walk.step_px)
    return np.where(np.isfinite(in_steps), in_steps, np.nan).astype(np.float32)


def _find_crossing(margin: Float32Array, both: Float32Array, *, either_way: bool) -> Float64Array:
    """Where along strips a margin (V, S) falls through 0 next to the middle, (V,), in samples.

    Infinity where it does not, or where ``both`` regions together have too little of the place.
    ``either_way``: where it rises, too.
    """
    before, after = margin[:, :-1], margin[:, 1:]
    leaves = (before > 0) & (after <= 0)
    if either_way:
        leaves |= (before <= 0) & (after > 0)
    leaves &= np.minimum(both[:, :-1], both[:, 1:]) > BOTH_SIDES
    drop = np.where(leaves, before - after, 1.0)
    places = np.arange(before.shape[1]) + before / drop - before.shape[1] / 2
    places = np.where(leaves, places, np.inf)
    return np.take_along_axis(places, np.abs(places).argmin(axis=1)[:, None], axis=1)[:, 0]


def measure_errors(partition: Partition, truth: Truth) -> tuple[Float64Array, Float64Array]:
    """Signed distance of the truth's border along each point's normal, and the error claimed.

    In pixels; only points that have such a border within reach, and none on the image's edge. The
    claim is NaN where the partition has none.
    """
    walk, distances_px = measure_distances(partition, truth)
    known = np.isfinite(distances_px)
    errors = partition.error_px
    claimed = np.full(len(known), np.nan) if errors is None else errors[walk.of_partition]
    return distances_px[known], claimed[known]


def measure_distances(partition: Partition, truth: Truth) -> tuple[Walk, Float64Array]:
    """The partition's points, but those on the image's edge, and how far off the truth's border is.

    Signed, along each point's normal, in pixels; NaN where there is no such border within reach.
    """
    walk = walk_along(partition, MEASURING_STEP_PX)
    distances = find_offsets(truth, walk, reach_steps=MEASURED_STEPS) * MEASURING_STEP_PX
    return walk, distances.astype(np.float64)


def draw_first_outlines(
    labels: UInt8Array, class_count: int, rng: np.random.Generator
) -> tuple[Partition, float]:
    """Draw outlines that are to be refined, from labels (H, W), and how far off they are, about.

    See ``coarsen_truth``; the cell is from 2 to 8 px. Ignored pixels count to the nearest others.
    """
    cell_px = FINEST_CELL_PX * (COARSEST_CELL_PX / FINEST_CELL_PX) ** rng.random()
    known = fill_ignored(LabelGrid(labels)).labels
    return coarsen_truth(known, class_count, cell_px=cell_px, rng=rng), cell_px


def coarsen_truth(
    labels: UInt8Array, class_count: int, *, cell_px: float, rng: np.random.Generator
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
        is_best = smooth > best
        coarse[is_best] = index
        best = np.maximum(best, smooth)
    return partition_of(coarse)
