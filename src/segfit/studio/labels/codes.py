"""A label in one number: class, who gave it, and its object.

Shapes: ``H, W`` a grid of codes, uint32: 8 bits of class, 2 of origin, 22 of object.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from segfit.basics.arrays import BoolArray, Int32Array, UInt8Array, UInt32Array
from segfit.classes import IGNORE

ORIGIN_SHIFT, OBJECT_SHIFT = 8, 10
ORIGIN_MASK = 3
ORIGIN_BITS = np.uint32(ORIGIN_MASK << ORIGIN_SHIFT)
EMPTY = np.uint32(IGNORE)
"""The code of a pixel without a label."""
LARGEST_OBJECT = (1 << (32 - OBJECT_SHIFT)) - 1


class Origin(IntEnum):
    """Who gave a label: nobody, a machine whose proposal was accepted, or a hand."""

    NONE = 0
    ACCEPTED = 1
    HAND = 2


def make_code(class_index: int, origin: Origin, number: int = 0) -> np.uint32:
    """The code of a label; ``number``: of its object, 0 for none."""
    return np.uint32(class_index | origin << ORIGIN_SHIFT | number << OBJECT_SHIFT)


def pack_codes(
    classes: UInt8Array, origins: UInt8Array | Origin, objects: Int32Array | None = None
) -> UInt32Array:
    """Codes (H, W); pixels of class ``IGNORE`` have neither origin nor object."""
    codes = classes.astype(np.uint32) | (np.uint32(origins) << np.uint32(ORIGIN_SHIFT))
    if objects is not None:
        codes |= objects.astype(np.uint32) << np.uint32(OBJECT_SHIFT)
    codes[classes == IGNORE] = EMPTY
    return codes


def get_classes(codes: UInt32Array) -> UInt8Array:
    """Class of each pixel, ``IGNORE`` for none."""
    return codes.astype(np.uint8)


def get_origins(codes: UInt32Array) -> UInt8Array:
    """``Origin`` of each pixel."""
    return ((codes >> np.uint32(ORIGIN_SHIFT)) & np.uint32(ORIGIN_MASK)).astype(np.uint8)


def get_objects(codes: UInt32Array) -> Int32Array:
    """Object of each pixel, 0 for none."""
    return (codes >> np.uint32(OBJECT_SHIFT)).astype(np.int32)


def unpack_code(code: np.uint32) -> tuple[int, Origin, int]:
    """Class, origin and object of one code."""
    value = int(code)
    return value & 255, Origin(value >> ORIGIN_SHIFT & ORIGIN_MASK), value >> OBJECT_SHIFT


def have_label_of(codes: UInt32Array, code: np.uint32) -> BoolArray:
    """Where class and object are those of ``code``, whoever gave them."""
    return np.asarray((codes ^ code) & ~ORIGIN_BITS == 0)


def give_label_of(codes: UInt32Array, code: UInt32Array | np.uint32) -> UInt32Array:
    """Codes with class and object of ``code``, given by whom they were."""
    return np.asarray((codes & ORIGIN_BITS) | (code & ~ORIGIN_BITS), np.uint32)


def is_by_hand(codes: UInt32Array) -> BoolArray:
    """Where a hand drew."""
    return np.asarray(get_origins(codes) == Origin.HAND)
