"""Outlines of which a network said how far off they may be: what is known of a label that has one.

Shapes: ``N`` places along outlines, (N, 3) float32: x, y, and how far off that place may be, in
pixels of the image.
"""

from __future__ import annotations

import threading
import uuid
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, Float64Array
from segfit.studio.database import Database
from segfit.studio.labels.blocks import Box

if TYPE_CHECKING:
    from segfit.partition import Partition

SPACING_PX = 2.0
KNOWN_SHARE = 0.8
"""Of an outline, so much has to be where a network put it for its error to be known."""
LARGEST_PX = 30_000_000
"""A larger box is not looked at: a moving pointer is not to wait."""
CACHED_IMAGES = 8
NONE: Float32Array = np.zeros((0, 3), np.float32)
AROUND = np.ones((3, 3), np.uint8)


class KnownOutlines:
    """Keeps them for every image; one is of use for as long as a label's outline follows it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: OrderedDict[int, Float32Array] = OrderedDict()
        self._lock = threading.Lock()

    def add_ring(self, image: int, points: Float64Array, error_px: Float64Array) -> None:
        """Keep a closed outline (N, 2) with the error of each point, (N,)."""
        around = np.roll(points, -1, axis=0)
        ends = (error_px + np.roll(error_px, -1)) / 2
        self._add(image, uuid.uuid4().hex, _sample(points, around, ends))

    def add_model(self, image: int, model: int, known: Float32Array) -> None:
        """Keep the outlines that a model found in an image, (N, 3), in place of its former ones."""
        self._add(image, f"model {model}", known)

    def find(self, image: int) -> Float32Array:
        """All that is known of an image, (N, 3)."""
        with self._lock:
            found = self._cache.get(image)
        if found is None:
            rows = self._database.reader.execute(
                "SELECT places FROM outlines WHERE image = ?", (image,)
            )
            found = np.concatenate([NONE, *map(_decode, (row["places"] for row in rows))])
            with self._lock:
                self._cache[image] = found
                while len(self._cache) > CACHED_IMAGES:
                    self._cache.popitem(last=False)
        return found

    def _add(self, image: int, origin: str, known: Float32Array) -> None:
        with self._database.write() as writer:
            writer.execute(
                "INSERT OR REPLACE INTO outlines VALUES (?, ?, ?)",
                (image, origin, zlib.compress(known.tobytes(), 1)),
            )
        with self._lock:
            self._cache.pop(image, None)


def sample_outlines(partition: Partition) -> Float32Array:
    """Places along the borders between a partition's regions whose errors are known, (N, 3)."""
    if partition.error_px is None:
        return NONE
    segments = partition.segments
    inner = segments[~partition.is_edge[partition.arc_of_point[segments]]]
    errors = (partition.error_px[inner] + partition.error_px[inner + 1]) / 2
    known = ~np.isnan(errors)
    inner = inner[known]
    return _sample(partition.points[inner], partition.points[inner + 1], errors[known])


def measure_error(
    known: Float32Array, mask: BoolArray, box: Box, *, width: int, height: int
) -> float | None:
    """Mean error of the outline of pixels, in pixels; None where too little of it is known.

    ``mask``: (h, w) of the ``box``, of an image of that width and height, whose own edge is no
    outline.
    """
    left, top, right, bottom = box
    if (right - left) * (bottom - top) > LARGEST_PX:
        return None
    x, y = known[:, 0], known[:, 1]
    inside = (x > left - 2) & (x < right + 2) & (y > top - 2) & (y < bottom + 2)
    if not inside.any():
        return None
    # A pixel more on every side: an outline lies between the pixels on both of its sides.
    own = np.pad(mask, 1)
    border = own & ~_erode(own, top == 0, bottom == height, left == 0, right == width)
    columns = np.clip(np.floor(x[inside]).astype(int) - left + 1, 0, own.shape[1] - 1)
    rows = np.clip(np.floor(y[inside]).astype(int) - top + 1, 0, own.shape[0] - 1)
    follows = _dilate(border, 1)[rows, columns]
    reached = np.zeros_like(own)
    reached[rows[follows], columns[follows]] = True
    reached = _dilate(reached, 2)
    count = np.count_nonzero(border)
    if count == 0 or np.count_nonzero(border & reached) < KNOWN_SHARE * count:
        return None
    return float(known[inside][follows, 2].mean())


def _erode(own: BoolArray, *ends: bool) -> BoolArray:
    """The pixels whose eight neighbours are in, too; beyond an end of the image all are.

    ``ends``: whether the first row, the last one, the first column and the last are beyond one.
    """
    filled = own.copy()
    for lines, is_end in zip((filled, filled[::-1], filled.T, filled.T[::-1]), ends, strict=True):
        if is_end:
            lines[0] = lines[1]
    return cv2.erode(filled.view(np.uint8), AROUND) > 0


def _dilate(chosen: BoolArray, pixels: int) -> BoolArray:
    return cv2.dilate(chosen.view(np.uint8), AROUND, iterations=pixels) > 0


def _sample(begin: Float64Array, end: Float64Array, error_px: Float64Array) -> Float32Array:
    """Places along segments, each with its segment's error."""
    from segfit.partition.arcs import sample_segments  # which takes long

    places, owner = sample_segments(begin, end, SPACING_PX)
    return np.column_stack([places, error_px[owner]]).astype(np.float32)


def _decode(data: bytes) -> Float32Array:
    return np.frombuffer(zlib.decompress(data), np.float32).reshape(-1, 3)
