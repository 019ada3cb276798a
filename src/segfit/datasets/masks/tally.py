"""What masks hold, counted: each value's pixels, and whether these lie in areas, lines or borders.

Shapes: ``H, W`` a mask; ``U`` its different values; colors are packed, see ``pack_colors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Int64Array, UInt8Array, UInt32Array
from segfit.basics.runs import count_values
from segfit.basics.show import show_briefly
from segfit.classes import IGNORE
from segfit.datasets.masks.codes import pack_mask
from segfit.datasets.masks.reading import MaskValues, read_mask
from segfit.datasets.masks.snapping import find_between
from segfit.datasets.masks.void import VoidLook, look_at_void

LINKED = 2
"""Of so many equal neighbours, among eight, are the pixels of a line."""
SOLID = 8


@dataclass(frozen=True, eq=False)
class ValueTally:
    """Different values (U,) of a mask or of many, in increasing order, and counts for each.

    ``counts`` of all pixels; ``solid``: of those within 3×3 equal ones; ``linked``: of those with
    at least two equal ones among their eight neighbours; ``between``: of those with a lower and a
    higher one among these (0 for colors); ``masks`` that have the value.
    """

    values: UInt32Array
    counts: Int64Array
    solid: Int64Array
    linked: Int64Array
    between: Int64Array
    masks: Int64Array

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class MaskTally:
    """What one mask holds.

    ``palette``: the packed colors of ``tally.values``, where these are a palette's indices.
    ``void``: how 255 lies, in an 8-bit mask that has it. ``nodata``: the value that the mask's file
    says stands for none.
    """

    name: str
    tally: ValueTally
    is_color: bool
    is_8_bit: bool
    is_lossy: bool
    palette: UInt32Array | None = None
    void: VoidLook | None = None
    nodata: int | None = None

    __repr__ = show_briefly


def tally_mask(path: Path) -> MaskTally:
    """Count what a mask's file holds; SegfitError where it cannot be read."""
    return tally_stored(read_mask(path), path.name)


def tally_stored(mask: MaskValues, name: str) -> MaskTally:
    """Count what a mask stores."""
    is_color = mask.values.ndim == 3
    tally = tally_values(pack_mask(mask.values) if is_color else mask.values)
    palette = None
    if mask.colors is not None:
        palette = _match_colors(mask.values, mask.colors)
    is_8_bit = mask.values.dtype == np.uint8
    has_void = is_8_bit and not is_color and tally.values[-1] == IGNORE
    return MaskTally(
        name,
        tally,
        is_color=is_color,
        is_8_bit=is_8_bit,
        is_lossy=mask.is_lossy,
        palette=palette,
        void=look_at_void(mask.values) if has_void else None,
        nodata=mask.nodata,
    )


def tally_values(values: NDArray[Any]) -> ValueTally:
    """Count the values of an (H, W) grid of whole numbers; beyond its edge are those on it."""
    different, counts = count_values(values.ravel())
    equal = _count_equal_neighbours(values)

    def count(chosen: NDArray[np.bool_]) -> Int64Array:
        per_value = np.zeros(len(different), np.int64)
        found, of_each = count_values(values[chosen])
        per_value[np.searchsorted(different, found)] = of_each
        return per_value

    return ValueTally(
        different.astype(np.uint32),
        counts,
        solid=count(equal == SOLID),
        linked=count(equal >= LINKED),
        between=count(find_between(values)),
        masks=np.ones(len(different), np.int64),
    )


def merge_tallies(tallies: Sequence[ValueTally]) -> ValueTally:
    """Add up what several masks hold."""
    values, inverse = np.unique(
        np.concatenate([tally.values for tally in tallies]), return_inverse=True
    )

    def add(name: str) -> Int64Array:
        weights = np.concatenate([getattr(tally, name) for tally in tallies])
        return np.bincount(inverse, weights=weights).astype(np.int64)

    return ValueTally(
        values, *(add(name) for name in ("counts", "solid", "linked", "between", "masks"))
    )


def drop_values(tally: ValueTally, dropped: Sequence[int]) -> ValueTally:
    """The same without some of the values."""
    kept = ~np.isin(tally.values, dropped)
    return ValueTally(*(getattr(tally, field.name)[kept] for field in fields(tally)))


def as_colors(mask: MaskTally) -> ValueTally:
    """A mask's tally by packed color, whether it has colors, a palette, or grey values."""
    if mask.is_color:
        return mask.tally
    colors = mask.palette
    if colors is None:
        colors = mask.tally.values.clip(max=IGNORE) * np.uint32(0x010101)
    merged = merge_tallies([replace(mask.tally, values=colors)])
    return replace(merged, masks=np.ones(len(merged.values), np.int64))


def _count_equal_neighbours(values: NDArray[Any]) -> UInt8Array:
    """How many of each pixel's eight neighbours are equal to it."""
    height, width = values.shape
    padded = np.pad(values, 1, mode="edge")
    equal = np.zeros(values.shape, np.uint8)
    for row in range(3):
        for column in range(3):
            if (row, column) != (1, 1):
                equal += padded[row : row + height, column : column + width] == values
    return equal


def _match_colors(indices: UInt8Array, colors: UInt8Array) -> UInt32Array:
    """The packed colors of different indices (U,), as a palette image shows them."""
    first = np.unique(indices, return_index=True)[1]
    return pack_mask(colors).ravel()[first]
