"""The classes of masks that come without ``classes.json``, found from their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Int64Array, UInt32Array
from segfit.basics.progress import OnProgress, map_in_threads
from segfit.classes import IGNORE, ClassTable, Color
from segfit.datasets.masks.class_file import MaskClasses
from segfit.datasets.masks.codes import (
    MAX_PALETTE,
    NEAR_COLOR,
    SMEARED_SHARE,
    ColorCode,
    ThresholdCode,
    ValueCode,
    measure_color_distances,
    pack_mask,
    read_mask_values,
    show_color,
    unpack_colors,
)
from segfit.datasets.masks.embedded import read_embedded_classes
from segfit.errors import SegfitError

CLASS_COLOR_SHARE = 0.001
BLACK_OR_WHITE = 8  # grey levels off 0 or 255 that a lossy file may put there
BLACK_WHITE_SHARE = 0.9
WRITE_CLASS_FILE = (
    'name them in classes.json, {"classes": [{"name": "background", "value": 0}, …]}, with '
    '"instances": true where the values number objects'
)


@dataclass(frozen=True, eq=False)
class ValueTally:
    """Different values (U,) of a mask or of many: pixels of each, and those within solid areas."""

    values: UInt32Array
    counts: Int64Array
    solid: Int64Array


@dataclass(frozen=True, eq=False)
class MaskTally:
    """The values of one mask; colors are packed."""

    tally: ValueTally
    is_color: bool
    is_8_bit: bool


def infer_classes(paths: Sequence[Path], *, on_progress: OnProgress | None = None) -> MaskClasses:
    """Find the classes that the masks' values or colors stand for.

    - Masks that segfit wrote name their classes, see ``read_embedded_classes``.
    - Values 0 and one other: background and foreground. Black and white with smeared borders too.
    - 16-bit values, 0 and several others: the numbers of objects.
    - Other values: ``class_<value>`` each, 255 in 8-bit masks being ignored.
    - Colors: see ``find_palette``; ``class_0`` is the most frequent, but black, where it is one of
      the colors, comes first and is the background.

    Raises SegfitError where the values are too many to be classes, and for a single one.
    """
    embedded = read_embedded_classes(paths)
    if embedded is not None:
        return embedded
    tallies = [mask for mask in map_in_threads(tally_mask, paths, on_progress=on_progress) if mask]
    if not tallies:
        raise SegfitError(
            f"none of the masks can be used ({len(paths)} given): {_say_why(paths[0])}"
        )
    if any(mask.is_color for mask in tallies):
        return _name_colors(merge_tallies([_as_colors(mask) for mask in tallies]))
    merged = merge_tallies([mask.tally for mask in tallies])
    is_8_bit = all(mask.is_8_bit for mask in tallies)
    if not is_8_bit and merged.values[0] == 0 and len(merged.values) > 2:
        return _take_for_objects(len(merged.values))
    return name_values(merged, is_8_bit=is_8_bit)


def _say_why(path: Path) -> str:
    """What is wrong with a mask that ``tally_mask`` has no answer for."""
    try:
        read_mask_values(path, by_color=False)
    except SegfitError as error:
        return str(error)
    return f"{path} looks like a photograph: give masks with a few plain colors"


def tally_mask(path: Path) -> MaskTally | None:
    """Count a mask's values; None for what the scan will report: unreadable, a photograph."""
    try:
        values = read_mask_values(path, by_color=False)
    except SegfitError:
        return None
    is_color = values.ndim == 3
    tally = tally_values(pack_mask(values) if is_color else values.astype(np.uint32))
    leading = np.sort(tally.counts)[::-1][:MAX_PALETTE].sum()
    if is_color and leading < (1 - SMEARED_SHARE) * tally.counts.sum():
        return None
    return MaskTally(tally, is_color=is_color, is_8_bit=values.dtype == np.uint8)


def tally_values(values: UInt32Array) -> ValueTally:
    """Count the values of an (H, W) grid; solid pixels equal their right and lower neighbours."""
    different, counts = count_values(values.ravel())
    inner = values[:-1, :-1]
    areas = inner[(inner == values[:-1, 1:]) & (inner == values[1:, :-1])]
    solid = np.zeros(len(different), np.int64)
    solid_values, solid_counts = count_values(areas)
    solid[np.searchsorted(different, solid_values)] = solid_counts
    return ValueTally(different, counts, solid)


def count_values(values: NDArray[Any]) -> tuple[NDArray[Any], Int64Array]:
    """``np.unique`` with counts, fast where equal values stand together, as masks have them."""
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] + 1))
    lengths = np.diff(starts, append=len(values))
    different, inverse = np.unique(values[starts], return_inverse=True)
    counts = np.bincount(inverse, weights=lengths, minlength=len(different))
    return different, counts.astype(np.int64)


def merge_tallies(tallies: Sequence[ValueTally]) -> ValueTally:
    """Add up what several masks hold."""
    values, inverse = np.unique(
        np.concatenate([tally.values for tally in tallies]), return_inverse=True
    )
    counts = np.bincount(inverse, weights=np.concatenate([tally.counts for tally in tallies]))
    solid = np.bincount(inverse, weights=np.concatenate([tally.solid for tally in tallies]))
    return ValueTally(values, counts.astype(np.int64), solid.astype(np.int64))


def find_palette(tally: ValueTally) -> list[Color]:
    """The colors that stand for classes, most frequent first.

    Up to 32 different colors are all meant. Among more, a class's color covers at least 0.1 % of
    all pixels in areas (a smear lies along borders, no two pixels of it alike), and colors within
    24 of a more frequent one, in RGB, belong to that one.
    """
    order = np.argsort(-tally.counts, kind="stable")
    if len(order) > MAX_PALETTE:
        order = order[tally.solid[order] >= CLASS_COLOR_SHARE * tally.counts.sum()]
    palette: list[Int64Array] = []
    for color in unpack_colors(tally.values[order]):
        crowded = len(tally.values) > MAX_PALETTE and palette
        if (
            not crowded
            or measure_color_distances(color[np.newaxis], np.array(palette)).min() > NEAR_COLOR
        ):
            palette.append(color)
    return [(int(color[0]), int(color[1]), int(color[2])) for color in palette]


def name_values(tally: ValueTally, *, is_8_bit: bool) -> MaskClasses:
    """Name the classes that values stand for; see ``infer_classes``."""
    values = [int(value) for value in tally.values]
    ignored = is_8_bit and IGNORE in values and values != [0, IGNORE]
    if ignored and len(values) <= MAX_PALETTE:
        values.remove(IGNORE)
    if len(values) > MAX_PALETTE:
        if is_8_bit and _is_black_and_white(tally):
            table = ClassTable.from_names(("background", "foreground"))
            note = "The masks are black and white with grey between: 128 and above is foreground."
            return MaskClasses(table, ThresholdCode(), note)
        raise SegfitError(
            f"the masks have {len(values)} different values, too many for classes that nobody "
            f"named: {WRITE_CLASS_FILE}"
        )
    if len(values) == 1:
        raise SegfitError(
            f"every labelled pixel of the masks has the value {values[0]}; segmentation needs at "
            "least 2 classes: label another class or the background"
        )
    names = tuple(f"class_{value}" for value in values)
    if len(values) == 2 and values[0] == 0:
        names = ("background", "foreground")
    if not values:
        raise SegfitError(
            f"every pixel of the masks has the value {IGNORE}, which means ignore: label at least "
            "two classes"
        )
    table = ClassTable.from_names(names, background=0 if values[0] == 0 else None)
    code = ValueCode(tuple((value, index) for index, value in enumerate(values)))
    pairs = zip(names, values, strict=True)
    note = f"Classes found in the masks: {', '.join(f'{name} = {value}' for name, value in pairs)}"
    return MaskClasses(table, code, note + (", 255 is ignored." if ignored else "."))


def _take_for_objects(value_count: int) -> MaskClasses:
    table = ClassTable.from_names(("background", "object"), object_classes=(1,))
    note = (
        f"The masks have 16 bits and {value_count} values: 0 is background, the others number "
        "objects; if they are classes, name them in classes.json."
    )
    return MaskClasses(table, ValueCode(((0, 0),), object_class=1), note)


def _as_colors(mask: MaskTally) -> ValueTally:
    if mask.is_color:
        return mask.tally
    grey = mask.tally.values.clip(max=255) * np.uint32(0x010101)
    return ValueTally(grey, mask.tally.counts, mask.tally.solid)


def _name_colors(tally: ValueTally) -> MaskClasses:
    colors = find_palette(tally)
    if not 2 <= len(colors) <= MAX_PALETTE:
        raise SegfitError(
            f"the masks have {len(tally.values)} different colors, of which {len(colors)} look "
            f"like classes; 2 to {MAX_PALETTE} are told apart without names: give plain colors, or "
            'name them in classes.json, {"classes": [{"name": "skin", "color": "#ffff00"}, …]}'
        )
    black = (0, 0, 0)
    has_black = black in colors
    colors.sort(key=lambda color: color != black)
    if has_black and len(colors) == 2:
        names: tuple[str, ...] = ("background", "foreground")
    else:
        first = ("background",) if has_black else ()
        names = first + tuple(f"class_{index}" for index in range(len(first), len(colors)))
    table = ClassTable(names, tuple(colors), background=0 if has_black else None)
    pairs = zip(names, map(show_color, colors), strict=True)
    note = f"Classes found in the masks: {', '.join(f'{name} = {color}' for name, color in pairs)}."
    return MaskClasses(table, ColorCode(tuple(colors)), note)


def _is_black_and_white(tally: ValueTally) -> bool:
    plain = (tally.values <= BLACK_OR_WHITE) | (tally.values >= 255 - BLACK_OR_WHITE)
    dark, bright = tally.values.min() == 0, tally.values.max() == 255
    return bool(
        dark and bright and tally.counts[plain].sum() >= BLACK_WHITE_SHARE * tally.counts.sum()
    )
