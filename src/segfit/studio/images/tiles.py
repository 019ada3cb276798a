"""Images and labels as tiles of a pyramid, encoded for the page.

Shapes: a tile is up to 512 pixels a side, cut at the image's border; level n shows an image at
1/2^n, sides rounded up at each level.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from segfit.basics.arrays import UInt8Array, UInt16Array, UInt32Array
from segfit.errors import SegfitError
from segfit.studio.images.pixels import OpenImage
from segfit.studio.labels.blocks import BLOCK_PX, Box, halve_codes, list_keys
from segfit.studio.labels.codes import EMPTY, get_classes, get_objects, get_origins
from segfit.studio.labels.store import SMALL_LEVEL, LabelStore
from segfit.studio.refusals import MissingError

JPEG_QUALITY = 92
PNG_COMPRESSION = 1
THUMBNAIL_PX = 192
OBJECT_CODES = 255


def count_levels(width: int, height: int) -> int:
    """Levels of a pyramid whose last one fits into a tile."""
    levels = 1
    while max(width, height) > BLOCK_PX:
        width, height = (width + 1) // 2, (height + 1) // 2
        levels += 1
    return levels


def find_tile(width: int, height: int, *, level: int, x: int, y: int) -> Box:
    """The pixels of its level that a tile shows. Raises ``MissingError`` where there is none."""
    if not 0 <= level < count_levels(width, height) or x < 0 or y < 0:
        raise MissingError(f"the image has no tile {level}/{x}/{y}")
    for _ in range(level):
        width, height = (width + 1) // 2, (height + 1) // 2
    left, top = x * BLOCK_PX, y * BLOCK_PX
    if left >= width or top >= height:
        raise MissingError(f"the image has no tile {level}/{x}/{y}")
    return left, top, min(left + BLOCK_PX, width), min(top + BLOCK_PX, height)


def encode_image_tile(opened: OpenImage, *, level: int, x: int, y: int) -> bytes:
    """A tile of an image as JPEG, with colors as fine as brightness."""
    box = find_tile(opened.width, opened.height, level=level, x=x, y=y)
    return encode_jpeg(opened.cut(level, box))


def encode_thumbnail(opened: OpenImage) -> bytes:
    """The image as JPEG, its longer side 192 px, or its own size where that is smaller."""
    level = opened.levels[-1]
    shrink = THUMBNAIL_PX / max(level.shape[:2])
    if shrink >= 1:
        return encode_jpeg(np.ascontiguousarray(level))
    size = tuple(max(1, round(side * shrink)) for side in level.shape[1::-1])
    small = cv2.resize(np.ascontiguousarray(level), size, interpolation=cv2.INTER_AREA)
    return encode_jpeg(np.asarray(small, np.uint8))


def read_label_tile(
    store: LabelStore, image: int, *, width: int, height: int, level: int, x: int, y: int
) -> UInt32Array | None:
    """The codes (h, w) of a tile; None where nothing in it has a label.

    Below full resolution a pixel shows a label if any that it stands for has one.
    """
    box = find_tile(width, height, level=level, x=x, y=y)
    codes = np.full((BLOCK_PX, BLOCK_PX), EMPTY)
    side = BLOCK_PX >> level  # of a block in the tile
    blocks = 1 << level  # so many blocks a side
    rows, columns = (range(at * blocks, (at + 1) * blocks) for at in (y, x))
    if level >= SMALL_LEVEL:
        found = store.list_small(image, rows, columns)
        start = SMALL_LEVEL
    else:
        covered = (x * blocks * BLOCK_PX, y * blocks * BLOCK_PX)
        inside = (*covered, min(width, covered[0] + (BLOCK_PX << level)))
        keys = list_keys((*inside, min(height, covered[1] + (BLOCK_PX << level))))
        blocks_read = {key: store.get_block(image, key) for key in keys}
        found = {key: block for key, block in blocks_read.items() if block is not None}
        start = 0
    for (row, column), block in found.items():
        for _ in range(level - start):
            block = halve_codes(block)
        own = max(1, side)
        if len(block) > own:  # a block that is less than a pixel wide
            block = block[:own, :own]
        top = ((row - rows.start) * BLOCK_PX) >> level
        left = ((column - columns.start) * BLOCK_PX) >> level
        if side >= 1:
            codes[top : top + side, left : left + side] = block
        elif codes[top, left] == EMPTY:
            codes[top, left] = block[0, 0]
    shown = codes[: box[3] - box[1], : box[2] - box[0]]
    return shown if (shown != EMPTY).any() else None


def encode_codes(codes: UInt32Array) -> bytes:
    """Codes (h, w) as PNG: red the class, green its origin, blue 1 + object % 255, 0 for none."""
    objects = get_objects(codes)
    blue = np.where(objects > 0, 1 + objects % OBJECT_CODES, 0).astype(np.uint8)
    return encode_png(np.dstack([get_classes(codes), get_origins(codes), blue]))


def encode_png(pixels: UInt8Array) -> bytes:
    """Pixels (h, w, 3) as PNG, every value as it is."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return _encode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])


def encode_gray(values: UInt8Array | UInt16Array) -> bytes:
    """Values (h, w) of 8 or 16 bits as PNG."""
    return _encode(".png", values, [cv2.IMWRITE_PNG_COMPRESSION, PNG_COMPRESSION])


def encode_jpeg(pixels: UInt8Array) -> bytes:
    """Pixels (h, w, 3) as JPEG."""
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    settings = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    settings += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    return _encode(".jpg", bgr, settings)


def _encode(suffix: str, pixels: Any, settings: list[int]) -> bytes:
    done, data = cv2.imencode(suffix, pixels, settings)
    if not done:
        raise SegfitError(f"a tile cannot be encoded as {suffix}")
    return data.tobytes()
