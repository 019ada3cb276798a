"""What a machine proposes for an image's pixels: classes, how sure each is, and objects.

Shapes: ``h, w`` a grid over the image, whose cells are ``cell_px`` wide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, Int32Array, UInt8Array
from segfit.classes import IGNORE
from segfit.studio.labels.blocks import Box
from segfit.studio.labels.classes import StudioClass
from segfit.studio.labels.known_outlines import NONE, sample_outlines

if TYPE_CHECKING:
    from segfit.result.scores import Scores
    from segfit.result.segmentation import Segmentation

STROKES, MODEL = "strokes", "model"
"""Where proposals come from."""
SURE = 255
"""Confidence of 1."""


@dataclass(eq=False)
class Proposal:
    """What is proposed. ``classes``: (h, w) numbers of the studio's classes, ``IGNORE`` for none.

    ``confidence``: (h, w), 255 for 1. ``objects``: (h, w) numbers where the machine tells objects
    apart, else None. ``rev``: rises whenever something of it is found anew. ``made_by``: the
    edition of the learner, or, below 0, the model that it is of. ``source``: strokes or model.
    ``outlines``: (N, 3) of its outlines, where a network said how far off they may be.
    """

    classes: UInt8Array
    confidence: UInt8Array
    cell_px: int
    source: str
    made_by: int
    rev: int = 0
    objects: Int32Array | None = None
    outlines: Float32Array = field(default_factory=lambda: NONE)
    found: set[Box] = field(default_factory=set)

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        objects = 0 if self.objects is None else self.objects.nbytes
        return self.classes.nbytes + self.confidence.nbytes + objects + self.outlines.nbytes

    def read(self, box: Box) -> tuple[UInt8Array, UInt8Array, Int32Array | None]:
        """Classes, confidence and objects of the pixels in a box (h, w)."""
        left, top, right, bottom = box
        rows = np.arange(top, bottom) // self.cell_px
        columns = np.arange(left, right) // self.cell_px
        return self._pick(rows, columns)

    def read_level(self, box: Box, level: int) -> tuple[UInt8Array, UInt8Array, Int32Array | None]:
        """The same of a box in pixels of a level: what is at the middle of each."""
        left, top, right, bottom = box
        height, width = self.classes.shape
        at = [((np.arange(*span) + 0.5) * (1 << level)) // self.cell_px
              for span in ((top, bottom), (left, right))]  # fmt: skip
        rows, columns = (
            np.minimum(one.astype(np.int64), side - 1)
            for one, side in zip(at, (height, width), strict=True)
        )
        return self._pick(rows, columns)

    def cut_region(self, x: int, y: int) -> tuple[BoolArray, Box] | None:
        """The region of one class and object around a pixel, (h, w) cells, and its box in cells.

        None where nothing is proposed.
        """
        row, column = y // self.cell_px, x // self.cell_px
        if self.classes[row, column] == IGNORE:
            return None
        if self.objects is not None and self.objects[row, column]:
            own = (self.objects == self.objects[row, column]).view(np.uint8)
            left, top, width, height = cv2.boundingRect(own)
        else:
            rows, columns = self.classes.shape
            filled = np.zeros((rows + 2, columns + 2), np.uint8)
            how = 4 | cv2.FLOODFILL_MASK_ONLY | (1 << 8)
            box = cv2.floodFill(self.classes, filled, (column, row), 0, flags=how)[3]
            left, top, width, height = box
            own = filled[1:-1, 1:-1]
        window = own[top : top + height, left : left + width]
        return window > 0, (left, top, left + width, top + height)

    def _pick(
        self,
        rows: np.ndarray,
        columns: np.ndarray,
    ) -> tuple[UInt8Array, UInt8Array, Int32Array | None]:
        place = np.ix_(rows, columns)
        objects = None if self.objects is None else self.objects[place]
        return self.classes[place], self.confidence[place], objects


def read_result(result: Segmentation, classes: list[StudioClass], *, made_by: int) -> Proposal:
    """A model's result as a proposal: its classes by their names, others as none."""
    of_name = {one.name: one.number for one in classes if one.number is not None}
    numbers = np.full(256, IGNORE, np.uint8)
    for place, name in enumerate(result.classes.names):
        numbers[place] = of_name.get(name, IGNORE)
    labels = result.labels
    confidence = np.full(labels.shape, SURE, np.uint8)
    if result.scores is not None:
        probabilities = result.scores.to_probabilities(shape=labels.shape)
        confidence = np.rint(probabilities.max(axis=0) * SURE).astype(np.uint8)
    objects = result.objects if result.classes.object_classes else None
    outlines = NONE if result.refined is None else sample_outlines(result.refined)
    return Proposal(
        numbers[labels], confidence, 1, MODEL, made_by, objects=objects, outlines=outlines
    )


def make_empty(*, width: int, height: int, cell_px: int, source: str, made_by: int) -> Proposal:
    """A proposal of nothing yet."""
    shape = -(-height // cell_px), -(-width // cell_px)
    empty = np.full(shape, IGNORE, np.uint8)
    return Proposal(empty, np.zeros(shape, np.uint8), cell_px, source, made_by)


def decide(scores: Scores, numbers: UInt8Array, *, cell_px: int) -> tuple[UInt8Array, UInt8Array]:
    """The likeliest class, as one of ``numbers`` (K,), and its probability, 255 for 1.

    On cells of ``cell_px`` px, which are as wide as those of the scores or narrower.
    """
    logits = scores.logits
    best = logits.max(axis=0)
    confidence = 1 / np.exp(logits - best).sum(axis=0)
    height, width = (-(-side // cell_px) for side in scores.image_shape)
    ratio = round(scores.cell_px / cell_px)
    chosen = logits.argmax(axis=0) if ratio <= 1 else _decide_between(logits, ratio)
    sure = np.rint(confidence * SURE).astype(np.uint8)
    if ratio > 1:
        sure = sure.repeat(ratio, axis=0).repeat(ratio, axis=1)
    return numbers[chosen[:height, :width]], sure[:height, :width]


def _decide_between(logits: Float32Array, ratio: int) -> UInt8Array:
    """The likeliest class on cells that are ``ratio`` times finer, bilinearly, plane by plane."""
    size = logits.shape[2] * ratio, logits.shape[1] * ratio
    best = cv2.resize(logits[0], size, interpolation=cv2.INTER_LINEAR)
    chosen = np.zeros(size[::-1], np.uint8)
    for place, plane in enumerate(logits[1:], start=1):
        fine = cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR)
        wins = fine > best
        chosen[wins] = place
        np.maximum(best, fine, out=best)
    return chosen


def find_unsure(
    confidence: UInt8Array, *, cell_px: float, limit: int, spacing_cells: int
) -> list[tuple[float, float, float]]:
    """The least sure places (x, y, confidence) of a grid, (h, w), 255 where nothing is asked.

    No two are nearer than ``spacing_cells``.
    """
    smooth = cv2.blur(confidence, (5, 5)).astype(np.int16)
    smooth[confidence == SURE] = SURE
    places: list[tuple[float, float, float]] = []
    for _ in range(limit):
        row, column = divmod(int(smooth.argmin()), smooth.shape[1])
        value = int(smooth[row, column])
        if value >= SURE:
            break
        places.append(((column + 0.5) * cell_px, (row + 0.5) * cell_px, value / SURE))
        smooth[
            max(0, row - spacing_cells) : row + spacing_cells + 1,
            max(0, column - spacing_cells) : column + spacing_cells + 1,
        ] = SURE
    return places
