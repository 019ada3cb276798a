"""Pixels → objects: every pixel points to its object's centre; those that meet are one.

Shapes: ``H, W`` a label grid over the image; ``h, w`` the score grid; ``P`` pixels of a class
that has objects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from segfit.basics.arrays import Float32Array, Int32Array, Int64Array, UInt8Array
from segfit.partition import LabelGrid, merge_loose_pieces
from segfit.result.offsets import follow_offsets, follow_pixels, place_in_cells
from segfit.result.scores import Scores

VOTES_PER_CELL = 2
"""Where pixels arrive is counted on a grid of so many places per cell and side."""
VOTE_BLUR_CELLS, VOTE_BLUR_SHARE = 1.0, 0.3
"""How far votes are spread: of small objects so many cells, of large ones a share of their radius,
since the farther off a centre is, the less exactly a pixel knows where."""
RADII_IN_OCTAVE = 32
PEAK_REACH = 1.5
"""Of two peaks nearer than so many times that only the higher one is a centre."""
BLUR_REACH = 5.0
"""Standard deviations beyond which OpenCV spreads nothing any more, and a little more."""
COUNTED_AT_ONCE = 1 << 22
"""Places; counts are of 8 bytes each."""
TIE_PERIOD, TIE_SHARE = 32, 1e-3
"""Places of equal height within this distance differ by up to this share, so that one is higher."""
FEWEST_VOTES_CELLS = 2.5
"""Pixels that must meet at a centre, by the area that they have, in cells."""
SMALLEST_OBJECT_CELLS = 6.0
"""Objects with less area go to a neighbour."""


def group_objects(
    labels: UInt8Array,
    object_classes: Sequence[int],
    offsets: Float32Array,
    *,
    cells_per_label: tuple[float, float],
    origin_cells: tuple[float, float] = (0.0, 0.0),
    radii_cells: Mapping[int, float] | None = None,
) -> LabelGrid:
    """Tell the objects of a label grid apart, class by class.

    ``labels``: (H, W). ``object_classes``: the classes that have objects. ``offsets``: (2, h, w),
    how far right and down of each cell its object's centre is, in cells. ``cells_per_label``: cells
    that a label is high and wide. ``origin_cells``: how far right and down of the cells' corner the
    labels begin. ``radii_cells``: of the objects of each class, about, where the image is a part of
    a larger one; else they are measured. Returns a grid (H, W) in which what is too small for an
    object has gone to a neighbour; objects are numbered from 1. An object is 4-connected.

    Pixels are assigned to centres as in Panoptic-DeepLab (Cheng et al., CVPR 2020); centres are
    where they meet (the Hough vote of Leibe et al., 2004), not peaks of a heat map of their own.
    Linear in the grid's area.
    """
    objects = np.zeros(labels.shape, np.int32)
    area_cells = cells_per_label[0] * cells_per_label[1]
    for index in object_classes:  # a nucleus may well have the centre that its cell has
        rows, columns = np.nonzero(labels == index)
        if len(rows) == 0:
            continue
        cells = place_in_cells(rows, columns, cells_per_label, origin_cells)
        ends = follow_offsets(cells, offsets)
        radius = (radii_cells or {}).get(index) or radius_of(np.hypot(*(ends - cells)))
        objects[rows, columns] = find_meetings(
            ends,
            offsets.shape[1:],
            area_cells=area_cells,
            spread_cells=max(VOTE_BLUR_CELLS, VOTE_BLUR_SHARE * radius),
        )
    if not objects.any():
        return LabelGrid(labels, objects)
    smallest = SMALLEST_OBJECT_CELLS / area_cells
    return merge_loose_pieces(LabelGrid(labels, objects), smallest)


def list_ways(labels: UInt8Array, index: int, scores: Scores) -> Float32Array:
    """How far, in cells, each of a class's pixels of an image (H, W) is led, (P,)."""
    rows, columns = np.nonzero(labels == index)
    led = follow_pixels(rows, columns, labels.shape, scores)
    if led is None:
        return np.empty(0, np.float32)
    cells, ends = led
    return np.asarray(np.hypot(*(ends - cells)), np.float32)


def radius_of(ways: Float32Array) -> float:
    """Radius of the objects that most points lie in, by how far they were led, (P,); 0 of none.

    Half of a disc's area lies within 1/√2 of its radius. To the nearest 32nd of an octave, so that
    an image and a large sample of it have the same, or nearly so.
    """
    radius = math.sqrt(2) * float(np.median(ways)) if len(ways) else 0.0
    if radius == 0:
        return 0.0
    return float(2 ** (round(math.log2(radius) * RADII_IN_OCTAVE) / RADII_IN_OCTAVE))


def find_meetings(
    ends: Float32Array, grid_shape: tuple[int, ...], *, area_cells: float, spread_cells: float
) -> Int32Array:
    """The centre that each point, (2, P) x and y in cells, is nearest to: numbers from 1.

    ``area_cells``: of the pixel that each point stands for. ``spread_cells``: how far from their
    centre its points arrive, about.
    """
    sides = np.array([side * VOTES_PER_CELL for side in grid_shape])
    columns, rows = np.floor(ends * VOTES_PER_CELL).astype(np.int32)
    at = np.stack([np.clip(rows, 0, sides[0] - 1), np.clip(columns, 0, sides[1] - 1)])
    sigma = spread_cells * VOTES_PER_CELL
    reach = round(PEAK_REACH * sigma)
    # Only where pixels arrive, and so far around it that all is as on the whole grid.
    margin = 2 * math.ceil(BLUR_REACH * sigma) + TIE_PERIOD
    first = np.maximum(at.min(axis=1) - margin, 0) // TIE_PERIOD * TIE_PERIOD
    height, width = (np.minimum(at.max(axis=1) + margin, sides) - first).tolist()
    places = (at[0] - first[0]) * width + (at[1] - first[1])
    density = _count_votes(places, height * width).reshape(height, width)
    density = np.asarray(cv2.GaussianBlur(density, (0, 0), sigma), np.float32)
    _rank_places(density)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # What so many pixels at one place are blurred to.
    needed = FEWEST_VOTES_CELLS / area_cells / (2 * np.pi * sigma**2)
    is_peak = (density >= cv2.dilate(density, disc)) & (density >= needed)
    if not is_peak.any():
        is_peak = density == density.max()
    del density
    _, nearest = cv2.distanceTransformWithLabels(
        (~is_peak).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    return np.asarray(nearest.ravel()[places])


def _count_votes(places: Int64Array, count: int) -> Float32Array:
    """How many points arrive at each of so many places, (count,); not all at once: see memory."""
    votes = np.empty(count, np.float32)
    for begin in range(0, count, COUNTED_AT_ONCE):
        end = min(count, begin + COUNTED_AT_ONCE)
        own = places[(places >= begin) & (places < end)] - begin
        votes[begin:end] = np.bincount(own, minlength=end - begin)
    return votes


def _rank_places(density: Float32Array) -> None:
    """Raise the densities of all places near each other a little, each by another factor."""
    rank = np.arange(TIE_PERIOD**2, dtype=np.float32).reshape(TIE_PERIOD, TIE_PERIOD)
    factors = 1 + np.float32(TIE_SHARE / rank.size) * rank
    height, width = density.shape
    across = np.tile(factors, -(-width // TIE_PERIOD))[:, :width]
    for top in range(0, height, TIE_PERIOD):
        band = density[top : top + TIE_PERIOD]
        band *= across[: len(band)]
