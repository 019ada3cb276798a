"""Labels and object numbers in one number, so that a grid of both is traced like any other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segfit.arrays import Int32Array, UInt8Array

LABEL_BITS = 8


def join_codes(
    labels: NDArray[np.integer], objects: NDArray[np.integer] | None
) -> NDArray[np.integer]:
    """One code for each pair of a label, from 0 to 255, and an object's number; of any shape.

    Without ``objects`` the labels themselves.
    """
    if objects is None:
        return labels
    return (objects.astype(np.int64) << LABEL_BITS) | labels


def split_codes(
    codes: NDArray[np.integer],
) -> tuple[UInt8Array, Int32Array]:
    """Labels and object numbers of codes."""
    wide = codes.astype(np.int64)
    labels = (wide & ((1 << LABEL_BITS) - 1)).astype(np.uint8)
    return labels, (wide >> LABEL_BITS).astype(np.int32)
