"""The classes of masks that come without ``classes.json``, found from their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segfit.basics.progress import OnProgress, map_in_threads
from segfit.basics.text import count_noun, list_first
from segfit.datasets.masks.codes import MAX_PALETTE, SMEARED_SHARE
from segfit.datasets.masks.color_classes import name_colors
from segfit.datasets.masks.embedded import read_embedded_classes
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.tally import MaskTally, tally_mask
from segfit.datasets.masks.value_classes import name_objects, name_values
from segfit.errors import SegfitError

NEAR_BLACK = 24
"""Grey values from 1 to this are numbers of classes; as colors they could not be told apart."""
ODD_SHARE = 0.2
"""Masks of another kind than the others are left out where they are at most so many."""


def infer_classes(
    paths: Sequence[Path],
    *,
    ignored: Sequence[int | str] | None = None,
    on_progress: OnProgress | None = None,
) -> MaskClasses:
    """Find the classes that the masks' values or colors stand for.

    - Masks that segfit wrote name their classes, see ``read_embedded_classes``.
    - 16-bit values, 0 and several others: the numbers of objects.
    - Other values: a class each, where they have areas or lines; see ``judge_values`` for those of
      smeared borders and strays, and ``decide_void`` for 255.
    - Colors, and palette images whose palettes differ: a class each, by the same rules.

    Values that files call nodata are ignored, see ``judge_nodata``. ``ignored``: the values, or
    colors as "#rrggbb", that are ignored, too, where that was said; where it is empty, none is.
    Raises SegfitError where the values are too many to be classes, for a single one, and where
    they may mean one thing or another.
    """
    embedded = read_embedded_classes(paths) if ignored is None else None
    if embedded is not None:
        return embedded
    found = map_in_threads(try_to_tally, paths, on_progress=on_progress)
    tallies = [mask for mask in found if isinstance(mask, MaskTally)]
    if ignored == ():
        tallies = [replace(mask, nodata=None) for mask in tallies]
    if not tallies:
        raise SegfitError(f"none of the masks can be used ({len(paths)} given): {found[0]}")
    colored = [mask for mask in tallies if mask.is_color]
    differing = find_differing_palettes(tallies)
    if colored and not _are_odd(colored, tallies):
        return name_colors(tallies, ignored=ignored)
    tallies = [mask for mask in tallies if not mask.is_color]
    if differing:
        reason = (
            f"The palettes of the masks differ ({list_first(differing)}): their colors count, not "
            "their indices."
        )
        return name_colors(tallies, ignored=ignored, reason=reason)
    if any(not mask.is_8_bit for mask in tallies):
        objects = name_objects(tallies)
        if objects is not None:
            return objects
    return name_values(tallies, ignored=ignored)


def find_differing_palettes(tallies: Sequence[MaskTally]) -> list[str]:
    """Two palette images in which an index that both use has different colors; none: []."""
    color_of: dict[int, tuple[int, str]] = {}
    for mask in tallies:
        if mask.palette is None:
            continue
        for index, color in zip(mask.tally.values.tolist(), mask.palette.tolist(), strict=True):
            known, name = color_of.setdefault(index, (color, mask.name))
            if known != color:
                return [name, mask.name]
    return []


def try_to_tally(path: Path) -> MaskTally | SegfitError:
    """What a mask holds; what the scan will report of it, where it is damaged or a photograph."""
    try:
        mask = tally_mask(path)
    except SegfitError as error:
        return error
    leading = np.sort(mask.tally.counts)[::-1][:MAX_PALETTE].sum()
    if mask.is_color and leading < (1 - SMEARED_SHARE) * mask.tally.counts.sum():
        return SegfitError(f"{path} looks like a photograph: give masks with a few plain colors")
    return mask


def _are_odd(colored: Sequence[MaskTally], tallies: Sequence[MaskTally]) -> bool:
    """Whether the colored masks are a few among many that hold the numbers of classes.

    Raises SegfitError where there are many of both.
    """
    numbered = [
        mask
        for mask in tallies
        if not mask.is_color
        and mask.palette is None
        and not mask.is_lossy
        and bool(((mask.tally.values > 0) & (mask.tally.values <= NEAR_BLACK)).any())
    ]
    if not numbered:
        return False
    if len(colored) <= max(1, ODD_SHARE * len(tallies)):
        return len(numbered) > 0
    raise SegfitError(
        f"{count_noun(len(colored), 'mask')} have colors ({list_first([m.name for m in colored])}) "
        f"and {len(numbered)} hold numbers of classes ({list_first([m.name for m in numbered])}): "
        "save all of them in one way"
    )
