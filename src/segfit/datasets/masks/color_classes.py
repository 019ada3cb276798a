"""The classes of masks whose pixels say them by color: names, codes, and what is said of them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from segfit.classes import ClassTable, Color
from segfit.datasets.masks.codes import (
    MAX_PALETTE,
    NEAR_COLOR,
    ColorCode,
    show_color,
    unpack_colors,
)
from segfit.datasets.masks.judging import Look, judge_values
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.others import describe_others
from segfit.datasets.masks.tally import MaskTally, as_colors, merge_tallies
from segfit.errors import SegfitError

BLACK: Color = (0, 0, 0)


def name_colors(
    masks: Sequence[MaskTally],
    *,
    ignored: Sequence[int | str] | None = None,
    reason: str = "",
) -> MaskClasses:
    """Name the classes that colors stand for, most frequent first; see ``infer_classes``.

    Black, where it is one of the colors, comes first and is the background. ``reason``: a sentence
    on why colors count.
    """
    tally = merge_tallies([as_colors(mask) for mask in masks])
    every = unpack_colors(tally.values)
    look = Look(
        reach=NEAR_COLOR,
        masks=len(masks),
        is_lossy=all(mask.is_lossy for mask in masks),
        has_void=False,
        show=lambda place: show_color(every[place]),
    )
    judged = judge_values(tally, every.astype(np.float64), look)
    order = np.argsort(-tally.counts, kind="stable")
    found: list[Color] = [
        (int(red), int(green), int(blue))
        for red, green, blue in every[order[judged.classes[order]]]
    ]
    void = tuple(color for color in found if show_color(color) in _check_ignored(ignored or ()))
    colors = sorted(
        (color for color in found if color not in void), key=lambda color: color != BLACK
    )
    if not 2 <= len(colors) <= MAX_PALETTE:
        raise SegfitError(
            f"the masks have {len(tally.values)} different colors, of which {len(colors)} look "
            f"like classes; 2 to {MAX_PALETTE} are told apart without names: give plain colors, or "
            'name them in classes.json, {"classes": [{"name": "skin", "color": "#ffff00"}, …]}'
        )
    names = _name(colors)
    table = ClassTable(names, tuple(colors), background=0 if BLACK in colors else None)
    shown = [f"{name} = {show_color(color)}" for name, color in zip(names, colors, strict=True)]
    if void:
        shown.append(f"{', '.join(map(show_color, void))} ignored")
    sentences = [
        *([reason] if reason else []),
        f"Classes found in the masks: {', '.join(shown)}.",
        *describe_others(masks, tally, judged, look.show, by_color=True),
    ]
    return MaskClasses(table, ColorCode(tuple(colors), void), " ".join(sentences))


def _name(colors: Sequence[Color]) -> tuple[str, ...]:
    if BLACK in colors and len(colors) == 2:
        return ("background", "foreground")
    first = ("background",) if BLACK in colors else ()
    return first + tuple(f"class_{index}" for index in range(len(first), len(colors)))


def _check_ignored(ignored: Sequence[int | str]) -> set[str]:
    """The colors to be ignored, as "#rrggbb"; SegfitError for what is none."""
    for entry in ignored:
        if not isinstance(entry, str) or not re.fullmatch("#[0-9a-fA-F]{6}", entry):
            raise SegfitError(
                "classes.json: ignore: these masks hold colors, so ignore lists colors such as "
                f"'#ffffff' (given {entry!r})"
            )
    return {str(entry).lower() for entry in ignored}
