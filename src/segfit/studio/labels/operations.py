"""What can be done to labels: each operation draws on a canvas, and knows of nothing else.

Shapes: ``N`` points (N, 2) float64 in (x, y), continuous image coordinates.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import Float64Array, UInt32Array
from segfit.errors import SegfitError
from segfit.studio.labels.blocks import BLOCK_PX, Canvas, Key
from segfit.studio.labels.codes import EMPTY, Origin, get_classes, get_objects, make_code
from segfit.studio.labels.drawing import Piece, draw_polygon, draw_stroke
from segfit.studio.labels.pieces import ConnectedPiece, find_piece

OVER_OBJECT_SHARE = 1 / 3
"""A stroke that runs over an object for so much of its way belongs to it."""
MOST_SAMPLES = 20_000
EVERYWHERE = np.ones((BLOCK_PX, BLOCK_PX), bool)


@dataclass(frozen=True)
class Brush:
    """What is drawn with: a class, and whether its objects are told apart."""

    number: int
    has_objects: bool


def paint_stroke(canvas: Canvas, points: Float64Array, *, radius: float, brush: Brush) -> None:
    """Give what a stroke covers to a class.

    Of a class with objects it makes a new one, unless it belongs to one that is there: its first
    point lies on it, or a third of its way.
    """
    number = 0
    if brush.has_objects:
        number = _find_object_under(canvas, points, brush) or canvas.make_object()
    pieces = draw_stroke(points, radius=radius, width=canvas.width, height=canvas.height)
    _paint(canvas, pieces, make_code(brush.number, Origin.HAND, number))


def erase_stroke(canvas: Canvas, points: Float64Array, *, radius: float) -> None:
    """Take the labels from what a stroke covers."""
    pieces = draw_stroke(points, radius=radius, width=canvas.width, height=canvas.height)
    _paint(canvas, pieces, EMPTY)


def paint_polygon(canvas: Canvas, points: Float64Array, *, brush: Brush) -> None:
    """Give a polygon to a class; of a class with objects it is a new one."""
    check_polygon(points)
    paint_pieces(
        canvas, draw_polygon([points], width=canvas.width, height=canvas.height), brush=brush
    )


def paint_pieces(canvas: Canvas, pieces: Iterable[Piece], *, brush: Brush) -> None:
    """Give pixels to a class; of a class with objects they are a new one."""
    number = canvas.make_object() if brush.has_objects else 0
    _paint(canvas, pieces, make_code(brush.number, Origin.HAND, number))


def fill_area(canvas: Canvas, x: float, y: float, *, brush: Brush) -> None:
    """Give the connected area of equal label around a point, or of none, to a class."""
    piece = need_piece(canvas, x, y)
    number = canvas.make_object() if brush.has_objects else 0
    recode_piece(canvas, piece, make_code(brush.number, Origin.HAND, number))


def _paint(canvas: Canvas, pieces: Iterable[Piece], code: np.uint32) -> None:
    for box, mask in pieces:
        canvas.write(box, code, mask)


def recode_piece(canvas: Canvas, piece: ConnectedPiece, code: np.uint32) -> None:
    """Give all pixels of a piece another code."""
    for key, mask in piece.masks.items():
        canvas.set_pixels(key, code, mask)


def need_piece(canvas: Canvas, x: float, y: float) -> ConnectedPiece:
    """The piece at a point. Raises ``SegfitError`` outside the image."""
    piece = find_piece(canvas, x, y)
    if piece is None:
        raise SegfitError(
            f"the point {x:g}, {y:g} lies outside the image, which is {canvas.width} px wide and "
            f"{canvas.height} high"
        )
    return piece


def check_polygon(points: Float64Array) -> None:
    """Raise ``SegfitError`` for fewer points than a polygon has."""
    if len(points) < 3:
        raise SegfitError(f"a polygon has 3 points or more, given {len(points)}")


def _find_object_under(canvas: Canvas, points: Float64Array, brush: Brush) -> int:
    """The object that a stroke belongs to, 0 for none."""
    codes = read_codes(canvas, sample_line(points))
    objects = np.where(get_classes(codes) == brush.number, get_objects(codes), 0)
    if objects[0]:
        return int(objects[0])
    numbers, times = np.unique(objects[objects > 0], return_counts=True)
    if len(numbers) == 0 or times.max() < OVER_OBJECT_SHARE * len(objects):
        return 0
    return int(numbers[times.argmax()])


def sample_line(points: Float64Array) -> Float64Array:
    """Points along a line, about a pixel apart, its first and last among them."""
    if len(points) == 1:
        return points
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, along[-1], max(2, min(MOST_SAMPLES, int(along[-1]) + 1)))
    return np.stack([np.interp(at, along, points[:, axis]) for axis in (0, 1)], axis=1)


def read_codes(canvas: Canvas, points: Float64Array) -> UInt32Array:
    """The codes at points; ``EMPTY`` outside the image."""
    columns, rows = np.floor(points).astype(np.int64).T
    codes = np.full(len(points), EMPTY)
    inside = (columns >= 0) & (columns < canvas.width) & (rows >= 0) & (rows < canvas.height)
    keys = np.where(inside, (rows // BLOCK_PX << 32) | (columns // BLOCK_PX), -1)
    for key in np.unique(keys[inside]).tolist():
        block = canvas.get_block((key >> 32, key & 0xFFFFFFFF))
        if block is not None:
            own = keys == key
            codes[own] = block[rows[own] % BLOCK_PX, columns[own] % BLOCK_PX]
    return codes


def clear_all(canvas: Canvas, keys: Collection[Key]) -> None:
    """Take all labels away; ``keys``: of the blocks that there are."""
    for key in keys:
        canvas.set_pixels(key, EMPTY, EVERYWHERE)


def drop_class(canvas: Canvas, keys: Collection[Key], number: int) -> None:
    """Take the labels of one class away; ``keys``: of the blocks that there are."""
    for key in keys:
        block = canvas.get_block(key)
        if block is not None and (own := get_classes(block) == number).any():
            canvas.edit_block(key)[own] = EMPTY
