"""Strokes and polygons as pixels, block by block, so that a long one needs no large grid.

Shapes: ``N`` points (N, 2) float64 in (x, y). Frame: pixel (row r, column c) covers
[c, c+1] × [r, r+1].
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array
from segfit.basics.geometry import Ring, fill_window
from segfit.studio.labels.blocks import BLOCK_PX, Box, clip_box, list_keys

SUBPIXEL_BITS = 4
THINNEST_RADIUS = 0.5
Piece = tuple[Box, BoolArray]
"""A box inside the image, and which of its pixels are meant."""


def draw_stroke(points: Float64Array, *, radius: float, width: int, height: int) -> Iterator[Piece]:
    """The pixels within ``radius`` of a line through points, to about half a pixel.

    A single point is a disc; a radius below half a pixel draws a line one pixel wide.
    """
    radius = max(radius, THINNEST_RADIUS)
    starts, ends = (points, points) if len(points) == 1 else (points[:-1], points[1:])
    reach = radius + 1
    low, high = np.minimum(starts, ends) - reach, np.maximum(starts, ends) + reach
    box = clip_box((*low.min(axis=0), *high.max(axis=0)), width=width, height=height)
    for row, column in list_keys(box):
        top, left = row * BLOCK_PX, column * BLOCK_PX
        corner = np.array([left, top])
        near = ((high > corner) & (low < corner + BLOCK_PX)).all(axis=1)
        if not near.any():
            continue
        right, bottom = min(left + BLOCK_PX, width), min(top + BLOCK_PX, height)
        mask = np.zeros((bottom - top, right - left), np.uint8)
        _draw_segments(mask, starts[near] - corner, ends[near] - corner, radius)
        if mask.any():
            yield (left, top, right, bottom), mask.view(bool)


def _draw_segments(
    mask: UInt8Array, starts: Float64Array, ends: Float64Array, radius: float
) -> None:
    """Set what is near each segment: a rectangle along it, and a disc at either end.

    OpenCV's thick lines have whole widths, and ends that stand out by a pixel.
    """
    units = 1 << SUBPIXEL_BITS
    along = ends - starts
    lengths = np.hypot(*along.T)
    # What OpenCV fills has its own border on it, half a pixel wide.
    inner = max(radius - 0.25, 0.25)
    across = (
        np.stack([-along[:, 1], along[:, 0]], axis=1) * (inner / np.maximum(lengths, 1e-9))[:, None]
    )
    quads = np.stack([starts + across, ends + across, ends - across, starts - across], axis=1)
    corners = np.rint((quads - 0.5) * units).astype(np.int32)
    discs = np.rint((np.concatenate([starts, ends[-1:]]) - 0.5) * units).astype(np.int32)
    for quad in corners[lengths > 0]:
        cv2.fillConvexPoly(mask, quad, 1, cv2.LINE_8, SUBPIXEL_BITS)
    for x, y in discs.tolist():
        cv2.circle(mask, (x, y), round(inner * units), 1, cv2.FILLED, cv2.LINE_8, SUBPIXEL_BITS)


def draw_box(box: tuple[float, float, float, float], *, width: int, height: int) -> Iterator[Piece]:
    """The pixels of a box that are inside the image, in bands of blocks."""
    left, top, right, bottom = clip_box(box, width=width, height=height)
    for y in range(top, bottom, BLOCK_PX):
        end = min(y + BLOCK_PX, bottom)
        yield (left, y, right, end), np.ones((end - y, right - left), bool)


def draw_polygon(rings: list[Ring], *, width: int, height: int) -> Iterator[Piece]:
    """The pixels whose centre is inside a polygon, by the even-odd rule, in bands of blocks."""
    points = np.concatenate(rings)
    box = clip_box((*points.min(axis=0), *points.max(axis=0)), width=width, height=height)
    _, top, _, bottom = box
    for band in range(top // BLOCK_PX, -(-bottom // BLOCK_PX)):
        first = band * BLOCK_PX
        rows = min(BLOCK_PX, height - first)
        mask, (row, column) = fill_window(
            [ring - (0, first) for ring in rings], height=rows, width=width
        )
        if mask.any():
            y, x = first + row, column
            yield (x, y, x + mask.shape[1], y + mask.shape[0]), mask
