"""Marks: pixels that somebody has given a class.

Shapes: ``N`` points of an image (H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import BoolArray, Int32Array, UInt8Array
from segfit.basics.show import show_briefly
from segfit.classes import IGNORE
from segfit.errors import SegfitError


@dataclass(frozen=True, eq=False)
class Marks:
    """Pixels of an image and their classes.

    ``points``: (N, 2) int32 rows and columns. ``classes``: (N,) uint8 indices into a class table.
    """

    points: Int32Array
    classes: UInt8Array

    __repr__ = show_briefly

    @classmethod
    def from_labels(cls, labels: NDArray[np.integer]) -> Marks:
        """The pixels of a label grid (H, W) that are not 255."""
        rows, columns = np.nonzero(labels != IGNORE)
        points = np.stack([rows, columns], axis=1).astype(np.int32)
        return cls(points, np.asarray(labels[rows, columns], np.uint8))

    def only(self, kept: BoolArray) -> Marks:
        """Those of the marks that are kept, (N,)."""
        return Marks(self.points[kept], self.classes[kept])

    def __len__(self) -> int:
        return len(self.classes)

    def check(self, image_shape: tuple[int, int], class_count: int) -> None:
        """Raise ``SegfitError`` for points outside an image, and for classes of no table."""
        if self.points.shape != (len(self.classes), 2):
            raise SegfitError(
                f"{len(self.classes)} marks have points of shape {self.points.shape}; expected a "
                "row and a column each"
            )
        if len(self) == 0:
            return
        if (self.points < 0).any() or (self.points >= image_shape).any():
            height, width = image_shape
            raise SegfitError(
                f"marks lie outside their image of {width}×{height} px: their points are rows and "
                "columns of its pixels"
            )
        if self.classes.max() >= class_count:
            raise SegfitError(
                f"marks are of class {self.classes.max()}, but there are the classes 0 to "
                f"{class_count - 1}: give indices into the class table, 255 for no mark"
            )
