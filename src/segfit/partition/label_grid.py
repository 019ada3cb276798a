"""A label for each pixel, and the number of its object where objects are told apart.

Shapes: ``H, W`` the grid. Both are packed into one number a pixel, so that a grid of both is traced
and merged like one of labels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Int32Array, UInt8Array
from segfit.basics.show import show_briefly

LABEL_BITS = 8


@dataclass(frozen=True, eq=False)
class LabelGrid:
    """Labels (H, W), from 0 to 255, and the objects that the pixels belong to.

    ``objects``: (H, W) numbers, 0 for none; None where every connected region is one object.
    """

    labels: UInt8Array
    objects: Int32Array | None = None

    __repr__ = show_briefly

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.labels.shape
        return height, width

    @property
    def codes(self) -> NDArray[np.integer]:
        """One number for each pair of label and object, (H, W); without objects the labels."""
        if self.objects is None:
            return self.labels
        # Half as wide where that is enough: everything that looks at all pixels is faster then.
        fits = int(self.objects.max(initial=0)) <= np.iinfo(np.int32).max >> LABEL_BITS
        numbers: NDArray[Any] = self.objects if fits else self.objects.astype(np.int64)
        wide = numbers << LABEL_BITS
        wide |= self.labels
        return wide

    def with_codes(self, codes: NDArray[np.integer]) -> LabelGrid:
        """Another grid (H, W) by its codes; it has objects where this one has them."""
        labels, objects = unpack_codes(codes)
        return LabelGrid(labels, None if self.objects is None else objects)


def unpack_codes(codes: NDArray[np.integer]) -> tuple[UInt8Array, Int32Array]:
    """Labels and object numbers of codes, of any shape."""
    wide = codes if codes.dtype.itemsize >= 4 else codes.astype(np.int32)
    labels = (wide & ((1 << LABEL_BITS) - 1)).astype(np.uint8)
    return labels, (wide >> LABEL_BITS).astype(np.int32)
