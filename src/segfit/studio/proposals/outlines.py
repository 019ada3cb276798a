"""Outlines by tools: the object in a rectangle, and a drawn outline on the image's edges.

Shapes: ``N`` points (N, 2) float64 in (x, y) of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array
from segfit.basics.geometry import Ring, fill_polygon, measure_area
from segfit.classical.grabcut import GrabCut
from segfit.errors import SegfitError
from segfit.imaging.read import MIN_SIDE_PX
from segfit.partition import LabelGrid, partition_of, simplify_arcs, trace_rings
from segfit.refiner import Refiner
from segfit.studio.images.pixels import OpenImage
from segfit.studio.labels.blocks import Box, clip_box
from segfit.studio.proposals.regions import trace_mask

RECTANGLE_PX = 60_000
"""Pixels that GrabCut looks at: its time grows with them."""
AROUND_SHARE = 0.3
"""Of a rectangle's sides, so much beyond them is looked at: it is background."""
ROUNDS = 3
SNAP_PX = 1_000_000
SNAP_MARGIN_PX = 24
DRAWN_ERROR_PX = 5.0
"""About how far off a hand draws, in pixels that are seen."""
TOLERANCE_PX = 0.25


@dataclass(frozen=True, eq=False)
class Snapped:
    """An outline on the image's edges, and how far off each of its points may be, (N,)."""

    points: Float64Array
    error_px: Float64Array


def find_object(opened: OpenImage, box: tuple[float, float, float, float]) -> list[Ring]:
    """The object in a rectangle, left, top, right, bottom, as rings; empty where none is found."""
    left, top, right, bottom = clip_box(box, width=opened.width, height=opened.height)
    if right - left < 2 or bottom - top < 2:
        raise SegfitError("the rectangle is smaller than 2 px: draw it around an object")
    margin_x, margin_y = (max(4, AROUND_SHARE * side) for side in (right - left, bottom - top))
    around = left - margin_x, top - margin_y, right + margin_x, bottom + margin_y
    window = clip_box(around, width=opened.width, height=opened.height)
    image, scale = _cut(opened, window, RECTANGLE_PX)
    inner = _within((left, top, right, bottom), window, scale, image.shape[:2])
    if min(image.shape[:2]) < MIN_SIDE_PX:
        return []
    height, width = image.shape[:2]
    if inner == (0, 0, width, height):  # something has to be known to be background
        inner = 1, 1, width - 1, height - 1
    found = GrabCut(rectangle=inner, rounds=ROUNDS)(image).labels == 1
    mask = _keep_largest(np.asarray(found))
    if not mask.any():
        return []
    corner = np.array(window[:2])
    return [ring * scale + corner for ring in trace_mask(mask)]


def snap_outline(opened: OpenImage, points: Float64Array, refiner: Refiner) -> Snapped:
    """Move a closed outline to where the image has its edges.

    One that is too small to be looked at stays, with the error of a hand.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    box = (*(low - SNAP_MARGIN_PX), *(high + SNAP_MARGIN_PX))
    window = clip_box(box, width=opened.width, height=opened.height)
    stays = Snapped(points, np.full(len(points), DRAWN_ERROR_PX))
    if window[2] - window[0] < MIN_SIDE_PX or window[3] - window[1] < MIN_SIDE_PX:
        return stays
    image, scale = _cut(opened, window, SNAP_PX)
    height, width = image.shape[:2]
    corner = np.array(window[:2])
    mask = fill_polygon([(points - corner) / scale], height=height, width=width)
    mask = _keep_largest(mask)
    if not mask.any() or mask.all():
        return stays
    drawn = partition_of(LabelGrid(mask.view(np.uint8)))
    refined = simplify_arcs(refiner.refine(drawn, image, cell_px=DRAWN_ERROR_PX), TOLERANCE_PX)
    rings = [
        ring
        for region in np.flatnonzero(refined.labels == 1).tolist()
        for ring in trace_rings(refined, region)
    ]
    largest = max(rings, key=lambda ring: measure_area(refined.points[ring]))
    errors = refined.error_px
    assert errors is not None
    return Snapped(refined.points[largest] * scale + corner, errors[largest] * float(scale.max()))


def _cut(opened: OpenImage, window: Box, pixels: int) -> tuple[UInt8Array, Float64Array]:
    """The part of an image in a window, at the first level at which it has so many pixels at most.

    And the pixels of the image in one of its own, across and down.
    """
    left, top, right, bottom = window
    level = 0
    while (right - left) * (bottom - top) >> (2 * level) > pixels and level + 1 < len(
        opened.levels
    ):
        level += 1
    step = 1 << level
    box = left // step, top // step, -(-right // step), -(-bottom // step)
    height, width = opened.levels[level].shape[:2]
    part = opened.cut(level, (box[0], box[1], min(box[2], width), min(box[3], height)))
    size = np.array([right - left, bottom - top])
    if part.shape[0] * part.shape[1] > pixels:
        shrink = (pixels / (part.shape[0] * part.shape[1])) ** 0.5
        sides = tuple(max(1, round(side * shrink)) for side in part.shape[1::-1])
        part = np.asarray(cv2.resize(part, sides, interpolation=cv2.INTER_AREA), np.uint8)
    return part, size / np.array(part.shape[1::-1])


def _within(box: Box, window: Box, scale: Float64Array, shape: tuple[int, ...]) -> Box:
    """A box of the image in the frame of a part of it."""
    corners = (np.array(box).reshape(2, 2) - window[:2]) / scale
    left, top = np.floor(corners[0]).astype(int).tolist()
    right, bottom = np.ceil(corners[1]).astype(int).tolist()
    return max(0, left), max(0, top), min(shape[1], right), min(shape[0], bottom)


def _keep_largest(mask: BoolArray) -> BoolArray:
    """The largest connected piece of a mask."""
    count, pieces, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=4)
    if count < 2:
        return mask
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    return np.asarray(pieces == largest)
