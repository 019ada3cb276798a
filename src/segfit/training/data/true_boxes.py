"""The true boxes of regions: first outlines' regions matched with the labels' own.

Shapes: ``M`` matches; ``H, W`` an image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int32Array, Int64Array, UInt8Array
from segfit.classes import IGNORE
from segfit.partition import LabelGrid, Partition, partition_of, rasterize
from segfit.result.regions import OrientedBox, fit_box

SMALLEST_AREA_PX = 16.0
"""The box of fewer labelled pixels says little about the object's."""


@dataclass(frozen=True)
class TrueBoxes:
    """Regions of first outlines whose true box is known, (M,) each."""

    regions: list[int]
    boxes: list[OrientedBox]


def find_true_boxes(
    first: Partition,
    labels: UInt8Array,
    objects: Int32Array | None = None,
    *,
    background: int | None,
) -> TrueBoxes:
    """Match regions one to one with the labels' own, (H, W), and fit a box to these.

    ``objects``: (H, W), those of different numbers are regions of their own. Two regions of a class
    match where they share more than half of each. Regions of the background, very small ones, and
    labelled ones beside ignored pixels are left out.
    """
    truth = partition_of(LabelGrid(labels, objects))
    matches = match_regions(first, truth)
    usable = truth.labels != IGNORE
    if background is not None:
        usable &= truth.labels != background
    usable &= truth.region_areas_px >= SMALLEST_AREA_PX
    usable &= ~_beside_ignored(truth)
    chosen = matches[usable[matches[:, 1]]]
    rings = [truth.points[truth.loop_points(truth.loops_of(int(r)).start)] for r in chosen[:, 1]]
    return TrueBoxes(chosen[:, 0].tolist(), [fit_box(halve_steps(ring)) for ring in rings])


def match_regions(first: Partition, second: Partition) -> Int64Array:
    """Pairs (M, 2) of regions of one class that share more than half of the pixels of each."""
    of_first, of_second = rasterize(first).ravel(), rasterize(second).ravel()
    pairs, shared = np.unique(
        of_first.astype(np.int64) * second.region_count + of_second, return_counts=True
    )
    mine, other = np.divmod(pairs, second.region_count)
    alike = first.labels[mine] == second.labels[other]
    most_of_both = np.maximum(np.bincount(of_first)[mine], np.bincount(of_second)[other])
    return np.asarray(np.stack([mine, other], axis=1)[alike & (2 * shared > most_of_both)])


def halve_steps(ring: Float64Array) -> Float64Array:
    """Middles of all pixel sides along a ring of a label grid, (N, 2).

    The corners of its staircases stand out beyond a slanting edge, the middles lie about it.
    """
    ahead = np.roll(ring, -1, axis=0) - ring
    lengths = np.abs(ahead).sum(axis=1).round().astype(np.int64)
    corner = np.repeat(np.arange(len(ring)), lengths)
    number = np.arange(len(corner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return np.asarray(ring[corner] + ahead[corner] * ((number + 0.5) / lengths[corner])[:, None])


def _beside_ignored(truth: Partition) -> BoolArray:
    beside = np.zeros(truth.region_count, bool)
    inner = truth.sides[~truth.is_edge]
    ignored = truth.labels[inner] == IGNORE
    beside[inner[ignored.any(axis=1)]] = True
    return beside
