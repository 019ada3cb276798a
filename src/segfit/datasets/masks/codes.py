"""How a mask's pixels say their class: by value, by color, or by object number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import (
    Float64Array,
    Int16Array,
    Int32Array,
    Int64Array,
    UInt8Array,
    UInt32Array,
)
from segfit.basics.runs import find_equal_runs
from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun
from segfit.classes import IGNORE, Color
from segfit.datasets.masks.reading import read_mask_values
from segfit.datasets.masks.snapping import UNKNOWN, find_between, snap_to_neighbours
from segfit.errors import SegfitError
from segfit.imaging.orientation import turn_upright

NEAR_COLOR = 24.0
"""RGB distance within which a color counts as a palette color, slightly off."""
UNKNOWN_COLOR_SHARE = 0.01
"""A single color far from the palette on so much of a mask is a class that nobody named."""
SMEARED_SHARE = 0.25
"""With so much of it far from the palette, it is not a mask; FASSEG's worst has 0.02."""
NEAR_VALUE = 8
"""Grey levels within which a lossy file puts values that were alike."""
AREA_SHARE = 0.02
"""So much of a value lies within 3×3 equal pixels where it is a class; of 3×3 px dots, 0.11."""
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

    def turn(self, orientation: int) -> DecodedMask:
        """The mask of an image that is turned upright by an EXIF orientation."""
        labels = np.ascontiguousarray(turn_upright(self.labels, orientation))
        objects = self.objects
        if objects is not None:
            objects = np.ascontiguousarray(turn_upright(objects, orientation))
        return DecodedMask(labels, objects, self.snapped_px)


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
    Pixels of ``strays``, values that nobody meant, get one of the classes around them.
    """

    indices: tuple[tuple[int, int], ...]
    ignored: tuple[int, ...] = ()
    object_class: int | None = None
    strays: tuple[int, ...] = ()
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
        snapped_px = 0
        if self.strays and foreign.any():
            is_stray = foreign & np.isin(values, self.strays)
            snapped_px = int(is_stray.sum())
            found[is_stray] = self._snap(values, found)[is_stray]
            foreign &= ~is_stray
        if self.object_class is not None:
            found = np.where(foreign, np.int16(self.object_class), found)
            objects = np.where(foreign, values, 0).astype(np.int32)
        elif foreign.any():
            if values.dtype == np.uint8:
                found = np.where(foreign & (values == IGNORE), np.int16(IGNORE), found)
            self._check_foreign(values, found, name)
        return DecodedMask(found.astype(np.uint8), objects, snapped_px=snapped_px)

    def _snap(self, values: NDArray[Any], found: Int16Array) -> Int16Array:
        """Classes (H, W) in which strays have one of those around them."""
        plain = np.array([*(value for value, _ in self.indices), *self.ignored])
        nearest = find_nearest(values, plain)
        firm = np.where(found == _UNKNOWN, UNKNOWN, nearest)
        return np.asarray(self.table[plain[snap_to_neighbours(firm, values, plain)]])

    def _check_foreign(self, values: NDArray[Any], found: Int16Array, name: str) -> None:
        foreign, counts = np.unique(values[found == _UNKNOWN], return_counts=True)
        if foreign.size:
            known = [value for value, _ in self.indices]
            raise _foreign(name, foreign.tolist(), int(counts.sum()), known)


def _foreign(name: str, values: list[int], pixels: int, known: list[int]) -> SegfitError:
    """The mistake that a mask has values of no class."""
    more = " and more" if len(values) > 3 else ""
    return SegfitError(
        f"{name} has {count_noun(pixels, 'pixel')} of value {', '.join(map(str, values[:3]))}"
        f"{more}, but the classes have the values {', '.join(map(str, known))}: correct the mask, "
        "or add the value to classes.json as a class or under ignore"
    )


@dataclass(frozen=True)
class SmearedCode:
    """Grey masks whose borders are smeared: ``indices`` pairs plain values with classes.

    A pixel of another value gets, of the classes around it, the one of the nearest value; so does
    one of a plain value that a smear between two others passes through, unless values are
    ``exact``. An area of another value is a class that nobody named.
    """

    indices: tuple[tuple[int, int], ...]
    exact: bool = False
    by_color: bool = False

    def decode(self, values: NDArray[Any], name: str) -> DecodedMask:
        """Decode (H, W) grey values; two classes part halfway between their values."""
        self._check_areas(values, name)
        plain, classes = (np.array(column) for column in zip(*self.indices, strict=True))
        if len(plain) == 2:
            bright = values > plain.mean()
            labels = classes.astype(np.uint8)[bright.astype(np.intp)]
            return DecodedMask(labels, snapped_px=int((~np.isin(values, plain)).sum()))
        nearest = find_nearest(values, plain)
        is_plain = plain[nearest] == values
        reach = NEAR_VALUE * max(1.0, plain.max() / IGNORE)
        is_near = np.abs(plain[nearest] - values) <= reach
        is_firm = is_near & ~find_between(values, 2 * reach)
        firm = np.where(is_firm | (is_plain & self.exact), nearest, UNKNOWN)
        snapped = snap_to_neighbours(firm, values, plain)
        labels = classes.astype(np.uint8)[snapped]
        return DecodedMask(labels, snapped_px=int((~is_plain | (snapped != nearest)).sum()))

    def _check_areas(self, values: NDArray[Any], name: str) -> None:
        plain = np.array([value for value, _ in self.indices])
        reach = NEAR_VALUE * max(1.0, plain.max() / IGNORE)
        found, counts = np.unique(values, return_counts=True)
        off = np.abs(found[:, np.newaxis].astype(np.int64) - plain).min(axis=1) > reach
        for value in found[off & (counts >= UNKNOWN_COLOR_SHARE * values.size)]:
            area = (values == value).astype(np.uint8)
            if cv2.erode(area, np.ones((3, 3), np.uint8)).sum() >= AREA_SHARE * area.sum():
                raise _foreign(name, [int(value)], int(area.sum()), plain.tolist())


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
        starts, lengths = find_equal_runs(packed.ravel())
        found = packed.ravel()[starts]
        order = np.argsort(codes)
        nearest = np.searchsorted(codes[order], found).clip(max=len(codes) - 1)
        indices = order[nearest]
        off = codes[indices] != found
        if off.any():
            foreign, inverse = np.unique(found[off], return_inverse=True)
            counts = np.bincount(inverse, weights=lengths[off]).astype(np.int64)
            distances = measure_color_distances(unpack_colors(foreign), palette)
            far = counts * (distances.min(axis=1) > NEAR_COLOR)
            self._check_far(foreign, far, pixels=packed.size, name=name)
            indices[off] = distances.argmin(axis=1)[inverse]
        labels = np.repeat(class_of[indices], lengths).reshape(packed.shape)
        return DecodedMask(labels, snapped_px=int(lengths[off].sum()))

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


def read_coded_mask(path: Path, code: MaskCode) -> DecodedMask:
    """Read a mask file and decode it; SegfitError where it does not hold what the code reads."""
    values = read_mask_values(path, by_color=code.by_color, keep_nodata=True)
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


def find_nearest(values: NDArray[Any], plain: Int64Array) -> Int64Array:
    """The index (H, W) of the nearest of some values (P,), for each of a mask's; ties go lower."""
    order = np.argsort(plain)
    middles = (plain[order][1:] + plain[order][:-1]) / 2
    return order[np.searchsorted(middles, values)]


def pack_mask(values: UInt8Array) -> UInt32Array:
    """Pack a mask's (H, W, 3) colors, or (H, W) grey levels, into 0xRRGGBB numbers."""
    return values * np.uint32(0x010101) if values.ndim == 2 else pack_colors(values)


def pack_colors(colors: UInt8Array) -> UInt32Array:
    """Pack (..., 3) RGB into 0xRRGGBB numbers."""
    packed = colors[..., 0].astype(np.uint32)
    for channel in (1, 2):
        packed <<= 8
        packed |= colors[..., channel]
    return packed


def unpack_colors(packed: UInt32Array) -> Int64Array:
    """Unpack (U,) 0xRRGGBB numbers into (U, 3)."""
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.int64)


def measure_color_distances(colors: Int64Array, palette: Int64Array) -> Float64Array:
    """Euclidean RGB distances (U, P) of U colors to P palette colors."""
    return np.asarray(np.linalg.norm(colors[:, np.newaxis] - palette, axis=2))


def show_color(color: Color | Int64Array) -> str:
    """Write a color as "#rrggbb"."""
    return "#{:02x}{:02x}{:02x}".format(*(int(channel) for channel in color))
