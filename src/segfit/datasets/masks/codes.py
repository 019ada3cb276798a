"""How a mask's pixels say their class: by value, by color, or by object number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import (
    Float64Array,
    Int16Array,
    Int32Array,
    Int64Array,
    UInt8Array,
    UInt16Array,
    UInt32Array,
)
from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun
from segfit.classes import IGNORE, Color
from segfit.errors import SegfitError
from segfit.imaging.files import decode_values, open_image_file

NEAR_COLOR = 24.0
"""RGB distance within which a color counts as a palette color, slightly off."""
UNKNOWN_COLOR_SHARE = 0.01
"""A single color far from the palette on so much of a mask is a class that nobody named."""
SMEARED_SHARE = 0.25
"""With so much of it far from the palette, it is not a mask; FASSEG's worst has 0.02."""
MAX_PALETTE = 32
"""With more different values or colors than this, masks alone do not tell their classes."""
_UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class DecodedMask:
    """Labels (H, W) uint8, objects (H, W) int32 or None, and how many pixels were snapped."""

    labels: UInt8Array
    objects: Int32Array | None = None
    snapped_px: int = 0

    __repr__ = show_briefly


class MaskCode(Protocol):
    """Decodes a mask file's values; raises SegfitError naming the file and the foreign pixels."""

    @property
    def by_color(self) -> bool:
        """Whether a palette image's colors count, not its indices."""

    def decode(self, values: NDArray[Any], name: str) -> DecodedMask:
        """Decode (H, W) values or (H, W, 3) colors."""


@dataclass(frozen=True)
class ValueCode:
    """Index masks: ``indices`` pairs values with classes.

    Where ``object_class`` is given, every value of no class is the number of one of its objects.
    """

    indices: tuple[tuple[int, int], ...]
    ignored: tuple[int, ...] = ()
    object_class: int | None = None
    by_color: bool = False

    @cached_property
    def table(self) -> Int16Array:
        """Class of each 16-bit value."""
        table = np.full(2**16, _UNKNOWN, np.int16)
        for value, index in self.indices:
            table[value] = index
        table[list(self.ignored)] = IGNORE
        return table

    def decode(self, values: NDArray[Any], name: str) -> DecodedMask:
        """Decode (H, W) integers; 255 in an 8-bit mask is ignored unless it is a class."""
        found = self.table[values]
        foreign = found == _UNKNOWN
        objects: Int32Array | None = None
        if self.object_class is not None:
            found = np.where(foreign, np.int16(self.object_class), found)
            objects = np.where(foreign, values, 0).astype(np.int32)
        elif foreign.any():
            if values.dtype == np.uint8:
                found = np.where(foreign & (values == IGNORE), np.int16(IGNORE), found)
            self._check_foreign(values, found, name)
        return DecodedMask(found.astype(np.uint8), objects)

    def _check_foreign(self, values: NDArray[Any], found: Int16Array, name: str) -> None:
        foreign, counts = np.unique(values[found == _UNKNOWN], return_counts=True)
        if foreign.size:
            more = " and more" if foreign.size > 3 else ""
            known = ", ".join(str(value) for value, _ in self.indices)
            raise SegfitError(
                f"{name} has {count_noun(int(counts.sum()), 'pixel')} of value "
                f"{', '.join(map(str, foreign[:3]))}{more}, but the classes have the values "
                f"{known}: correct the mask, or add the value to classes.json as a class or under "
                "ignore"
            )


@dataclass(frozen=True)
class ThresholdCode:
    """Black-and-white masks whose borders are smeared: bright is class 1."""

    by_color: bool = False

    def decode(self, values: NDArray[Any], name: str) -> DecodedMask:
        """Decode (H, W) grey values, 128 and above being class 1."""
        snapped = (values != 0) & (values != 255)
        return DecodedMask((values >= 128).astype(np.uint8), snapped_px=int(snapped.sum()))


@dataclass(frozen=True)
class ColorCode:
    """Color masks; a color off the palette is taken for the nearest one."""

    colors: tuple[Color, ...]
    ignored: tuple[Color, ...] = ()
    by_color: bool = True

    def decode(self, values: NDArray[Any], name: str) -> DecodedMask:
        """Decode (H, W, 3) or grey (H, W) uint8 colors."""
        palette = np.array([*self.colors, *self.ignored])
        class_of = np.array([*range(len(self.colors)), *[IGNORE] * len(self.ignored)], np.uint8)
        packed = pack_mask(values)
        codes = pack_colors(palette.astype(np.uint8))
        order = np.argsort(codes)
        nearest = np.searchsorted(codes[order], packed).clip(max=len(codes) - 1)
        indices = order[nearest]
        off = codes[indices] != packed
        if off.any():
            foreign, inverse, counts = np.unique(
                packed[off], return_inverse=True, return_counts=True
            )
            distances = measure_color_distances(unpack_colors(foreign), palette)
            far = counts * (distances.min(axis=1) > NEAR_COLOR)
            self._check_far(foreign, far, pixels=packed.size, name=name)
            indices[off] = distances.argmin(axis=1)[inverse]
        return DecodedMask(class_of[indices], snapped_px=int(off.sum()))

    def _check_far(self, foreign: UInt32Array, far: Int64Array, *, pixels: int, name: str) -> None:
        if far.sum() > SMEARED_SHARE * pixels and np.count_nonzero(far) > MAX_PALETTE:
            raise SegfitError(
                f"{name} has {np.count_nonzero(far)} colors of no class on "
                f"{far.sum() / pixels:.0%} of its pixels: it looks like a photograph, so give "
                "its mask instead"
            )
        worst = int(far.argmax())
        if far[worst] >= UNKNOWN_COLOR_SHARE * pixels:
            known = ", ".join(show_color(color) for color in self.colors)
            color = show_color(unpack_colors(foreign[worst : worst + 1])[0])
            raise SegfitError(
                f"{name} has {count_noun(int(far[worst]), 'pixel')} of color {color}, but the "
                f"classes have the colors {known}: correct the mask, or add the color to "
                "classes.json as a class or under ignore"
            )


def read_mask_values(path: Path, *, by_color: bool) -> NDArray[Any]:
    """Read a mask's values: (H, W) uint8 or uint16, or (H, W, 3) uint8 where it has colors.

    A palette image gives its indices, or with ``by_color`` its colors. Colors that all are grey
    give one channel; alpha is dropped, pixels that are transparent becoming black.
    """
    file = open_image_file(path)
    values = decode_values(file, palette_as_colors=by_color)
    if values.dtype == np.bool_:
        values = values.astype(np.uint8)
    elif values.dtype not in (np.uint8, np.uint16):
        values = _to_uint16(values, path)
    if values.ndim == 3:
        if values.shape[2] == 4:
            values = values[..., :3] * (values[..., 3:] > 0)
        if (values == values[..., :1]).all():
            return np.ascontiguousarray(values[..., 0])
        if values.dtype != np.uint8:
            raise SegfitError(
                f"{path} has 16-bit colors; the colors of a mask have 8 bits a channel: save it so"
            )
    return values


def read_coded_mask(path: Path, code: MaskCode) -> DecodedMask:
    """Read a mask file and decode it; SegfitError where it does not hold what the code reads."""
    values = read_mask_values(path, by_color=code.by_color)
    if values.ndim == 3 and not code.by_color:
        raise SegfitError(
            f"{path} has colors, but the classes are given by value: save it as a grey or palette "
            "image, or give the classes a color in classes.json"
        )
    if values.dtype != np.uint8 and code.by_color:
        raise SegfitError(
            f"{path} has 16-bit values, but the classes are given by color: save it as an 8-bit "
            "RGB image, or give the classes a value in classes.json"
        )
    return code.decode(values, str(path))


def pack_mask(values: UInt8Array) -> UInt32Array:
    """Pack a mask's (H, W, 3) colors, or (H, W) grey levels, into 0xRRGGBB numbers."""
    return values * np.uint32(0x010101) if values.ndim == 2 else pack_colors(values)


def pack_colors(colors: UInt8Array) -> UInt32Array:
    """Pack (..., 3) RGB into 0xRRGGBB numbers."""
    wide = colors.astype(np.uint32)
    return wide[..., 0] * np.uint32(2**16) + wide[..., 1] * np.uint32(2**8) + wide[..., 2]


def unpack_colors(packed: UInt32Array) -> Int64Array:
    """Unpack (U,) 0xRRGGBB numbers into (U, 3)."""
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.int64)


def measure_color_distances(colors: Int64Array, palette: Int64Array) -> Float64Array:
    """Euclidean RGB distances (U, P) of U colors to P palette colors."""
    return np.asarray(np.linalg.norm(colors[:, np.newaxis] - palette, axis=2))


def show_color(color: Color | Int64Array) -> str:
    """Write a color as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*(int(channel) for channel in color))


def _to_uint16(values: NDArray[Any], path: Path) -> UInt16Array:
    whole = np.isfinite(values).all() and (values == np.rint(values)).all()
    if not whole or values.min() < 0 or values.max() > 65535:
        raise SegfitError(
            f"{path} holds {values.dtype} values that are not whole numbers from 0 to 65535: save "
            "the mask as an 8- or 16-bit image, with objects renumbered from 1 if they are many"
        )
    return values.astype(np.uint16)
