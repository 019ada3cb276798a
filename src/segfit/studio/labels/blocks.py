"""The labels of an image in blocks: only those exist in which something was drawn.

Shapes: a block is (512, 512) codes, see ``codes``; one at the image's border holds ``EMPTY``
outside it. A key is a block's row and column. A box is left, top, right, bottom in whole pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from segfit.basics.arrays import BoolArray, UInt32Array
from segfit.basics.runs import find_equal_runs
from segfit.errors import SegfitError
from segfit.studio.labels.codes import EMPTY, LARGEST_OBJECT

BLOCK_PX = 512
COMPRESSION = 1
Key = tuple[int, int]
Box = tuple[int, int, int, int]
Load = Callable[[Key], UInt32Array | None]


def encode_block(codes: UInt32Array) -> bytes:
    """A grid of codes as bytes: its runs, compressed."""
    starts, lengths = find_equal_runs(codes.ravel())
    runs = codes.ravel()[starts].tobytes() + lengths.astype(np.uint32).tobytes()
    return zlib.compress(runs, COMPRESSION)


def decode_block(data: bytes, *, side: int = BLOCK_PX) -> UInt32Array:
    """The grid (side, side) of ``encode_block``; one of a single code is shared, and read-only."""
    values, lengths = np.frombuffer(zlib.decompress(data), np.uint32).reshape(2, -1)
    if len(values) == 1 and side == BLOCK_PX:
        return make_uniform(int(values[0]))
    return np.repeat(values, lengths).reshape(side, side)


@lru_cache(maxsize=64)
def make_uniform(code: int) -> UInt32Array:
    """A block of a single code, shared by all that ask for it and therefore read-only."""
    block = np.full((BLOCK_PX, BLOCK_PX), code, np.uint32)
    block.flags.writeable = False
    return block


def halve_codes(codes: UInt32Array) -> UInt32Array:
    """Half the size, rounded up: of four pixels the first with a label, so that thin lines stay."""
    height, width = codes.shape
    if height % 2 or width % 2:
        codes = np.pad(codes, ((0, height % 2), (0, width % 2)), constant_values=EMPTY)
    halved = codes[1::2, 1::2]
    for row, column in ((1, 0), (0, 1), (0, 0)):
        own = codes[row::2, column::2]
        halved = np.where(own == EMPTY, halved, own)
    return halved


def list_keys(box: Box) -> list[Key]:
    """The blocks that a box touches; none for an empty one."""
    left, top, right, bottom = box
    if right <= left or bottom <= top:
        return []
    rows = range(top // BLOCK_PX, (bottom - 1) // BLOCK_PX + 1)
    columns = range(left // BLOCK_PX, (right - 1) // BLOCK_PX + 1)
    return [(row, column) for row in rows for column in columns]


def clip_box(box: tuple[float, float, float, float], *, width: int, height: int) -> Box:
    """The whole pixels that a box touches inside the image; empty (0, 0, 0, 0) outside it."""
    left, top, right, bottom = box
    inside = (
        max(0, int(np.floor(left))),
        max(0, int(np.floor(top))),
        min(width, int(np.ceil(right))),
        min(height, int(np.ceil(bottom))),
    )
    return inside if inside[0] < inside[2] and inside[1] < inside[3] else (0, 0, 0, 0)


def meet(first: Box, second: Box) -> bool:
    """Whether two boxes have a pixel in common."""
    return (
        first[0] < second[2]
        and second[0] < first[2]
        and first[1] < second[3]
        and second[1] < first[3]
    )


class Canvas:
    """The labels of an image while something is drawn; nothing is kept but here.

    ``load``: gives a block by its key, None where there is none; never written to.
    ``next_object``: number of the next object that is made.
    """

    def __init__(self, *, width: int, height: int, load: Load, next_object: int = 1) -> None:
        self.width, self.height = width, height
        self.next_object = next_object
        self._load = load
        self._seen: dict[Key, UInt32Array | None] = {}
        self._drawn: dict[Key, UInt32Array] = {}

    @property
    def box(self) -> Box:
        """All of the image."""
        return 0, 0, self.width, self.height

    def make_object(self) -> int:
        """A number that no object of the image has had."""
        number = self.next_object
        if number > LARGEST_OBJECT:
            raise SegfitError(
                f"this image has had {LARGEST_OBJECT:,} objects, and there are no more numbers: "
                "cut it into smaller images"
            )
        self.next_object += 1
        return number

    def get_block(self, key: Key) -> UInt32Array | None:
        """A block as it is now; not to be written to."""
        if key in self._drawn:
            return self._drawn[key]
        return self._get_before(key)

    def edit_block(self, key: Key) -> UInt32Array:
        """A block to write to."""
        drawn = self._drawn.get(key)
        if drawn is None or not drawn.flags.writeable:
            before = self._get_before(key) if drawn is None else drawn
            drawn = np.full((BLOCK_PX, BLOCK_PX), EMPTY) if before is None else before.copy()
            self._drawn[key] = drawn
        return drawn

    def set_pixels(self, key: Key, code: np.uint32, mask: BoolArray) -> None:
        """Set a code where ``mask`` (512, 512) is true in a block."""
        if mask.all():
            self._drawn[key] = make_uniform(int(code))  # which takes no memory of its own
        else:
            self.edit_block(key)[mask] = code

    def read(self, box: Box) -> UInt32Array:
        """The codes (h, w) in a box inside the image."""
        left, top, right, bottom = box
        codes = np.full((max(0, bottom - top), max(0, right - left)), EMPTY)
        for key in list_keys(box):
            block = self.get_block(key)
            if block is not None:
                of_block, of_window = _overlap(key, box)
                codes[of_window] = block[of_block]
        return codes

    def write(self, box: Box, codes: UInt32Array | np.uint32, mask: BoolArray) -> None:
        """Set the codes where ``mask`` (h, w) is true in a box inside the image."""
        for key in list_keys(box):
            of_block, of_window = _overlap(key, box)
            chosen = mask[of_window]
            if chosen.any():
                block = self.edit_block(key)[of_block]
                block[chosen] = codes if isinstance(codes, np.uint32) else codes[of_window][chosen]

    def forget(self) -> None:
        """Forget what was loaded and not drawn on."""
        self._seen = {key: block for key, block in self._seen.items() if key in self._drawn}

    def iterate_changes(self) -> Iterator[tuple[Key, UInt32Array | None, UInt32Array]]:
        """Key, content before (None for nothing) and after of every block that is different."""
        for key, after in sorted(self._drawn.items()):
            before = self._get_before(key)
            if (after != (EMPTY if before is None else before)).any():
                yield key, before, after

    def find_changed_box(self) -> Box | None:
        """The box around all pixels that are different now; None for none."""
        boxes = []
        for key, before, after in self.iterate_changes():
            boxes.append(find_dirty(key, after != (EMPTY if before is None else before)))
        return join_boxes(boxes)

    def _get_before(self, key: Key) -> UInt32Array | None:
        if key not in self._seen:
            self._seen[key] = self._load(key)
        return self._seen[key]


def find_dirty(key: Key, changed: BoolArray) -> Box:
    """The box around the pixels of a block (512, 512) that changed, in the image's frame."""
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    top, left = key[0] * BLOCK_PX, key[1] * BLOCK_PX
    return (
        left + int(columns[0]),
        top + int(rows[0]),
        left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    )


def join_boxes(boxes: list[Box]) -> Box | None:
    """The box around all of them; None for none."""
    if not boxes:
        return None
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def _overlap(key: Key, box: Box) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """What a block and a box share, as rows and columns of the block and of the box."""
    left, top, right, bottom = box
    row, column = key[0] * BLOCK_PX, key[1] * BLOCK_PX
    x0, y0 = max(left, column), max(top, row)
    x1, y1 = min(right, column + BLOCK_PX), min(bottom, row + BLOCK_PX)
    return (
        (slice(y0 - row, y1 - row), slice(x0 - column, x1 - column)),
        (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)),
    )
