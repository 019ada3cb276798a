"""Outlines over an image: as wide as one can see, and never over small objects.

Shapes: ``H, W`` the image. ``levels``: (H, W) uint8, 0 where nothing is shown; what lies at a
higher level lies upon the lower ones. A *thin* piece is one that a line along its inner side would
cover for the most part: its line runs along its outer side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, Int32Array, UInt8Array
from segfit.classes import Color

SUBPIXEL_BITS = 4
"""OpenCV draws at sixteenths of a pixel."""
SMOOTHING_PX = 2
"""Outline points averaged on either side, against the stairs of the pixels."""
SIDE_PER_LINE = 600
"""A line is so many times narrower than the image's longer side: 1.7 px where that has 1000."""
THICK_LINES = 2
"""A piece with a pixel further than so many lines from its border has room for a line inside."""


def line_width_px(shape: tuple[int, ...], piece_px: float | None = None) -> int:
    """Width of lines in an image of the given height and width.

    ``piece_px``: the width of the piece around which a line runs, of which it takes an eighth.
    """
    widest = max(1, round(max(shape[:2]) / SIDE_PER_LINE))
    return widest if piece_px is None else max(1, min(widest, int(piece_px / 8)))


def line_color(color: Color) -> Color:
    """Color of a class's outline: lighter than its tint, so that it shows on dark and bright."""
    red, green, blue = (round(value + 0.55 * (255 - value)) for value in color)
    return red, green, blue


def draw_outlines(
    drawn: UInt8Array,
    levels: UInt8Array,
    colors: Sequence[Color],
    *,
    objects: Int32Array | None = None,
) -> None:
    """Draw lines along the borders of levels, 1 and up, and between objects, in place.

    ``colors``: of the lines of each level. ``objects``: (H, W) numbers, 0 for none.
    """
    width_px = line_width_px(levels.shape)
    contacts = _find_contacts(levels, objects)
    thin_of = [
        _find_thin(levels >= level, objects, contacts, width_px=width_px)
        for level in range(1, len(colors) + 1)
    ]
    is_thin = np.logical_or.reduce([np.zeros(levels.shape, bool), *thin_of])
    for level, (color, thin) in enumerate(zip(colors, thin_of, strict=True), start=1):
        inside = _cover_inner_side((levels >= level) & ~thin, width_px)
        between = _widen(contacts & (levels == level), width_px)
        coverage = np.maximum(inside, between)
        coverage[is_thin] = 0
        outside = _cover_outer_side(thin, width_px)
        outside[is_thin | (levels >= level)] = 0
        _blend(drawn, np.maximum(coverage, outside), color)


def _find_contacts(levels: UInt8Array, objects: Int32Array | None) -> BoolArray:
    """Pixels at which an object begins that touches another, above or to the left of it."""
    contacts = np.zeros(levels.shape, bool)
    if objects is None:
        return contacts
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        first, second = objects[one], objects[other]
        contacts[one] |= (first != second) & (first > 0) & (second > 0)
    return contacts


def _find_thin(
    mask: BoolArray, objects: Int32Array | None, contacts: BoolArray, *, width_px: int
) -> BoolArray:
    """Pixels (H, W) of the mask's thin pieces: its objects, and regions that are no object."""
    deep = _distances((mask & ~contacts).view(np.uint8)) > THICK_LINES * width_px
    _, pieces = cv2.connectedComponents(mask.view(np.uint8))
    if objects is not None:
        pieces = np.where(objects > 0, objects + pieces.max(), pieces)
    has_room = np.zeros(int(pieces.max()) + 1, bool)
    has_room[pieces[deep]] = True
    return np.asarray(mask & ~has_room[pieces])


def _distances(mask: UInt8Array) -> Float32Array:
    """Distance (H, W) of every pixel of a mask from the nearest one beside it."""
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, 5), np.float32)


def _cover_outer_side(mask: BoolArray, width_px: int) -> UInt8Array:
    """How much a line along the outer side of a mask covers of every pixel, 0 to 255."""
    if not mask.any():
        return np.zeros(mask.shape, np.uint8)
    shares = np.clip(width_px + 1 - _distances((~mask).view(np.uint8)), 0, 1)
    shares[mask] = 0
    return np.asarray(255 * shares, np.uint8)


def _cover_inner_side(mask: BoolArray, width_px: int) -> UInt8Array:
    """How much a line along the inner side of a mask covers of every pixel, 0 to 255."""
    coverage = np.zeros(mask.shape, np.uint8)
    for outline in _trace_outlines(mask.view(np.uint8), margin_px=width_px + SMOOTHING_PX):
        points = np.rint(outline * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(
            coverage, [points], isClosed=True, color=255, thickness=width_px,
            lineType=cv2.LINE_AA, shift=SUBPIXEL_BITS,
        )  # fmt: skip
    return coverage


def _widen(pixels: BoolArray, width_px: int) -> UInt8Array:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width_px, width_px))
    return np.asarray(cv2.dilate(pixels.view(np.uint8) * np.uint8(255), kernel), np.uint8)


def _blend(drawn: UInt8Array, coverage: UInt8Array, color: Color) -> None:
    touched = coverage > 0
    alpha = coverage[touched].astype(np.float32)[:, None] / 255
    line = np.array(color, np.float32)
    drawn[touched] = np.rint(drawn[touched] * (1 - alpha) + line * alpha).astype(np.uint8)


def _trace_outlines(mask: UInt8Array, *, margin_px: int) -> Iterator[Float32Array]:
    """Closed outlines, holes included, each (N, 2) float32 (x, y) of pixel centres.

    Regions at the image's border continue beyond it by ``margin_px``, so that no line runs there.
    """
    wider = cv2.copyMakeBorder(mask, *(margin_px,) * 4, cv2.BORDER_REPLICATE)
    contours, _ = cv2.findContours(wider, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    for contour in contours:
        yield _smooth_closed(contour[:, 0].astype(np.float32)) - np.float32(margin_px)


def _smooth_closed(points: Float32Array) -> Float32Array:
    """Mean of each point and its neighbours along a closed line."""
    reach = min(SMOOTHING_PX, (len(points) - 1) // 4)
    shifted = [np.roll(points, step, axis=0) for step in range(-reach, reach + 1)]
    return np.asarray(np.mean(shifted, axis=0), dtype=np.float32)
