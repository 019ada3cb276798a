"""Blocks of an image: what is at hand of a large one at a time, so that memory stays small.

Shapes: ``N`` points; ``V`` vertices; ``D`` neighbours of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array

BLOCK_CELLS = 512
"""Cells of the score grid along a block's sides: 70 planes of them are 73 MB."""


def group_by_block(points: Float64Array, side_px: float) -> Iterator[Int64Array]:
    """Indices of the points (N, 2) in each square block of the plane, rising; no empty block."""
    columns, rows = np.floor(points / side_px).astype(np.int64).T
    _, block = np.unique(np.stack([rows, columns]), axis=1, return_inverse=True)
    order = np.argsort(block.ravel(), kind="stable")
    ends = np.cumsum(np.bincount(block.ravel()))
    for first, last in zip(np.append(0, ends), ends, strict=False):
        if first < last:
            yield order[first:last]


@dataclass(frozen=True, eq=False)
class Block:
    """Some of the vertices, and all that a network's answer about them depends on.

    ``chosen``: indices of both, rising. ``is_own``: which of these the answer is wanted of.
    ``near``: (chosen, D) their neighbours, as places in ``chosen``.
    """

    chosen: Int64Array
    is_own: BoolArray
    near: Int64Array


def add_neighbours(own: Int64Array, near: Int64Array) -> Block:
    """The block of some vertices, by their indices.

    ``near``: (V, D) the neighbours of all vertices, two for each layer of the network.
    """
    is_chosen, is_own = np.zeros((2, len(near)), bool)
    is_chosen[own] = is_own[own] = True
    chosen = own
    for layer in reversed(range(0, near.shape[1], 2)):
        is_chosen[near[chosen, layer : layer + 2]] = True
        chosen = np.flatnonzero(is_chosen)
    # What the outermost of them look at is not there; nothing that is wanted depends on it.
    place = np.cumsum(is_chosen) - 1
    inner = np.where(is_chosen[near[chosen]], place[near[chosen]], 0)
    return Block(chosen, is_own[chosen], inner)
