"""Strokes of all images → a classifier of pixels, kept up to date.

Shapes: ``N`` marked pixels, ``D`` features. Imports that take long are inside functions, so that
the page opens at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from segfit.basics.arrays import Float32Array, Int32Array, UInt8Array
from segfit.studio.folder.catalogue import Catalogue
from segfit.studio.labels.blocks import BLOCK_PX, Box, list_keys
from segfit.studio.labels.classes import ClassStore, StudioClass, make_table
from segfit.studio.labels.codes import get_classes, is_by_hand
from segfit.studio.labels.store import LabelStore

if TYPE_CHECKING:
    from segfit.scribbles import Marks, PixelClassifier, PixelFeatures
    from segfit.scribbles.drawn import DrawnPixels

MOST_MARKS = 800
"""Of each class in an image: more of them say much the same."""
MOST_IMAGES = 60
"""The images that were marked last count."""


@dataclass(frozen=True, eq=False)
class MarkedPixels:
    """What was marked by hand: as of a revision, points (N, 2), features (N, D), classes (N,).

    ``worth``: (D,) of the features. ``drawn``: other pixels, on which the marks are tried.
    """

    rev: int
    points: Int32Array
    rows: np.ndarray[tuple[int, int], np.dtype[np.float16]]
    classes: UInt8Array
    worth: Float32Array
    drawn: DrawnPixels


class StrokeLearner:
    """A classifier by the strokes of all images.

    ``fitted``: it, and the numbers of its classes; None where fewer than two are marked.
    ``edition``: rises whenever it is fitted anew.
    """

    def __init__(self, catalogue: Catalogue, labels: LabelStore, classes: ClassStore) -> None:
        self._catalogue, self._labels, self._classes = catalogue, labels, classes
        self._marked: OrderedDict[tuple[int, Box], MarkedPixels] = OrderedDict()
        self._is_stale = False
        self.fitted: tuple[PixelClassifier, UInt8Array] | None = None
        self.edition = 0

    def note_classes(self) -> None:
        """Classes changed: what was fitted is of the former ones."""
        self._is_stale = True

    def learn(
        self, image: int, fields: list[Box], *, describe: Callable[[Box], PixelFeatures]
    ) -> None:
        """Take in the marks in some fields of an image if they changed, and fit to those of all.

        ``describe``: gives a field's features; while it works, other images may be learned.
        """
        rev = int(self._catalogue.get(image)["rev"])
        is_new = False
        for field in fields:
            known = self._marked.get((image, field))
            if known is not None and known.rev == rev:
                continue
            marks = sample_marks(self._labels, image, field)
            if known is not None and are_same(known, marks):
                self._marked[image, field] = replace(known, rev=rev)
            elif len(marks):
                features = describe(field)
                drawn = None if known is None else known.drawn
                self._marked[image, field] = describe_marks(features, marks, rev, drawn=drawn)
                self._marked.move_to_end((image, field))
                is_new = True
            elif self._marked.pop((image, field), None) is not None:
                is_new = True
        if not is_new and not self._is_stale:
            return
        self._is_stale = False
        while len(self._marked) > MOST_IMAGES:
            self._marked.popitem(last=False)
        self.fitted = fit_marks(list(self._marked.values()), self._classes.list_classes())
        self.edition += 1


def sample_marks(labels: LabelStore, image: int, box: Box) -> Marks:
    """Pixels of a box that a hand labelled, and their classes' numbers: some of each class.

    Points are rows and columns from the box's corner. The same labels give the same ones.
    """
    from segfit.scribbles.marks import Marks

    left, top, right, bottom = box
    points, classes = [np.empty((0, 2), np.int32)], [np.empty(0, np.uint8)]
    for row, column in list_keys(box):
        block = labels.get_block(image, (row, column))
        if block is None:
            continue
        rows, columns = np.nonzero(is_by_hand(block))
        found = np.stack([rows + row * BLOCK_PX - top, columns + column * BLOCK_PX - left], axis=1)
        inside = ((found >= 0) & (found < (bottom - top, right - left))).all(axis=1)
        points.append(found[inside].astype(np.int32))
        classes.append(get_classes(block[rows[inside], columns[inside]]))
    every, numbers = np.concatenate(points), np.concatenate(classes)
    random = np.random.default_rng(0)
    kept = [
        random.permutation(np.flatnonzero(numbers == number))[:MOST_MARKS]
        for number in np.unique(numbers)
    ]
    chosen = np.sort(np.concatenate([np.empty(0, np.int64), *kept]))
    return Marks(every[chosen], numbers[chosen])


def are_same(first: MarkedPixels, second: Marks) -> bool:
    """Whether the same pixels are marked, and the same classes."""
    return np.array_equal(first.points, second.points) and np.array_equal(
        first.classes, second.classes
    )


def describe_marks(
    features: PixelFeatures, marks: Marks, rev: int, *, drawn: DrawnPixels | None
) -> MarkedPixels:
    """The features of marked pixels, so that those of the whole image need not be kept.

    ``drawn``: pixels of the same image, if some were drawn before.
    """
    from segfit.scribbles.drawn import draw_pixels

    rows = np.zeros((0, len(features.worths)), np.float16)
    if len(marks):
        rows = features.sample(marks.points).astype(np.float16)
    drawn = draw_pixels(features) if drawn is None else drawn
    return MarkedPixels(rev, marks.points, rows, marks.classes, features.worths, drawn)


def fit_marks(
    marked: list[MarkedPixels], classes: list[StudioClass]
) -> tuple[PixelClassifier, UInt8Array] | None:
    """A classifier by the marks of all images, and the number of each of its classes, (K,).

    None where fewer than two classes are marked.
    """
    from segfit.scribbles.fitting import choose_marks, fit_samples
    from segfit.scribbles.marks import Marks

    numbers = np.array([one.number for one in classes], np.uint8)
    place = np.full(256, 255, np.uint8)
    place[numbers] = np.arange(len(numbers))
    marks = []
    for one in marked:  # a mark's point is here where its features lie
        rows = np.flatnonzero(place[one.classes] < 255).astype(np.int32)
        marks.append(Marks(np.stack([rows, rows], axis=1), place[one.classes[rows]]))
    if len(np.unique(np.concatenate([np.empty(0, np.uint8), *(m.classes for m in marks)]))) < 2:
        return None
    table = make_table(classes)
    counts = np.bincount(np.concatenate([one.classes for one in marks]), minlength=len(table))
    chosen = choose_marks(marks, table, np.random.default_rng(0))
    kept = [one.rows[few.points[:, 0]] for one, few in zip(marked, chosen, strict=True)]
    labels = np.concatenate([few.classes for few in chosen])
    features = np.concatenate(kept).astype(np.float32)
    classifier = fit_samples(
        features,
        labels,
        table,
        drawn=[
            one.drawn.mark(Marks(one.points[own.points[:, 0]], own.classes))
            for one, own in zip(marked, marks, strict=True)
        ],
        counts=counts,
        worth=marked[0].worth,
    )
    return classifier, numbers
