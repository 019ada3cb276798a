"""Runs of equal values, by which grids are counted and packed: they are few beside their pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Int64Array


def find_equal_runs(values: NDArray[Any]) -> tuple[Int64Array, Int64Array]:
    """Where the runs of equal values in a row of them, (N,), start, and how long they are.

    >>> find_equal_runs(np.array([7, 7, 2, 2, 2, 7]))
    (array([0, 2, 5]), array([2, 3, 1]))
    """
    starts = np.flatnonzero(np.concatenate([[len(values) > 0], values[1:] != values[:-1]]))
    return starts, np.diff(starts, append=len(values))


def count_values(values: NDArray[Any]) -> tuple[NDArray[Any], Int64Array]:
    """``np.unique`` with counts, fast where equal values stand together, as masks have them."""
    starts, lengths = find_equal_runs(values)
    different, inverse = np.unique(values[starts], return_inverse=True)
    counts = np.bincount(inverse, weights=lengths, minlength=len(different))
    return different, counts.astype(np.int64)
