"""Connected pixels of one label, found block by block from one of them.

A label is a class and an object, whoever gave it: a nucleus is one piece where a part of it was
drawn and the rest of it accepted.

Shapes: a block is (512, 512) codes, see ``blocks``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Int32Array
from segfit.studio.labels.blocks import (
    BLOCK_PX,
    Box,
    Canvas,
    Key,
    find_dirty,
    join_boxes,
    make_uniform,
)
from segfit.studio.labels.codes import EMPTY, have_label_of

Line = tuple[slice, slice]
EVERY = slice(None)
FIRST_ROW, LAST_ROW = (slice(0, 1), EVERY), (slice(-1, None), EVERY)
FIRST_COLUMN, LAST_COLUMN = (EVERY, slice(0, 1)), (EVERY, slice(-1, None))

EVERYWHERE = np.ones((BLOCK_PX, BLOCK_PX), bool)
ONE_REGION: Int32Array = np.ones((BLOCK_PX, BLOCK_PX), np.int32)


@dataclass(eq=False)
class ConnectedPiece:
    """The pixels, by block: (512, 512) bool each. ``code``: of the one that was asked for."""

    code: np.uint32
    masks: dict[Key, BoolArray] = field(default_factory=dict)

    @property
    def area_px(self) -> int:
        """Number of pixels."""
        return sum(int(np.count_nonzero(mask)) for mask in self.masks.values())

    @property
    def box(self) -> Box:
        """The box around them."""
        box = join_boxes([find_dirty(key, mask) for key, mask in self.masks.items()])
        assert box is not None
        return box

    def cut_out(self, box: Box) -> BoolArray:
        """Which pixels of a box (h, w) belong to it."""
        left, top, right, bottom = box
        window = np.zeros((bottom - top, right - left), bool)
        for (row, column), mask in self.masks.items():
            y, x = row * BLOCK_PX - top, column * BLOCK_PX - left
            rows = slice(max(0, y), min(bottom - top, y + BLOCK_PX))
            columns = slice(max(0, x), min(right - left, x + BLOCK_PX))
            if rows.start < rows.stop and columns.start < columns.stop:
                window[rows, columns] = mask[
                    rows.start - y : rows.stop - y, columns.start - x : columns.stop - x
                ]
        return window


def find_piece(canvas: Canvas, x: float, y: float) -> ConnectedPiece | None:
    """The pixels that have one label with the pixel at (x, y) and hang together by their sides.

    None outside the image.
    """
    if not (0 <= x < canvas.width and 0 <= y < canvas.height):
        return None
    column, row = int(x), int(y)
    start = row // BLOCK_PX, column // BLOCK_PX
    place = row % BLOCK_PX, column % BLOCK_PX
    block = canvas.get_block(start)
    code = EMPTY if block is None else block[place]
    regions: dict[Key, Int32Array] = {}
    reached: dict[Key, set[int]] = {}

    def get_regions(key: Key) -> Int32Array:
        if key not in regions:
            own = canvas.get_block(key)
            if own is None and code == EMPTY and _is_whole(canvas, key):
                regions[key] = ONE_REGION  # which takes no memory of its own
                return ONE_REGION
            same = have_label_of(make_uniform(int(EMPTY)) if own is None else own, code)
            bottom, right = canvas.height - key[0] * BLOCK_PX, canvas.width - key[1] * BLOCK_PX
            same[max(0, bottom) :] = False
            same[:, max(0, right) :] = False
            found = cv2.connectedComponents(same.view(np.uint8), connectivity=4)[1]
            regions[key] = np.asarray(found, np.int32)
        return regions[key]

    to_do = [(start, int(get_regions(start)[place]))]
    while to_do:
        key, number = to_do.pop()
        if number in reached.setdefault(key, set()):
            continue
        reached[key].add(number)
        own = get_regions(key)
        for other, here, there in _iterate_borders(key):
            touching = own[here] == number
            if not touching.any() or not _is_inside(canvas, other):
                continue
            numbers = np.unique(get_regions(other)[there][touching])
            to_do += [(other, int(one)) for one in numbers if one]
    masks = {
        key: EVERYWHERE if regions[key] is ONE_REGION else np.isin(regions[key], list(numbers))
        for key, numbers in reached.items()
    }
    return ConnectedPiece(code, masks)


def _iterate_borders(key: Key) -> Iterator[tuple[Key, Line, Line]]:
    """Each neighbour of a block, and the lines of pixels on both sides of their border."""
    row, column = key
    yield (row - 1, column), FIRST_ROW, LAST_ROW
    yield (row + 1, column), LAST_ROW, FIRST_ROW
    yield (row, column - 1), FIRST_COLUMN, LAST_COLUMN
    yield (row, column + 1), LAST_COLUMN, FIRST_COLUMN


def _is_whole(canvas: Canvas, key: Key) -> bool:
    """Whether no pixel of a block lies outside the image."""
    bottom, right = ((place + 1) * BLOCK_PX for place in key)
    return bottom <= canvas.height and right <= canvas.width


def _is_inside(canvas: Canvas, key: Key) -> bool:
    row, column = key
    return 0 <= row * BLOCK_PX < canvas.height and 0 <= column * BLOCK_PX < canvas.width
