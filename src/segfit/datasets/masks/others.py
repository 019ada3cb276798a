"""What is said of values and colors in masks that are no plain classes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from segfit.basics.arrays import BoolArray
from segfit.basics.text import count_noun, list_first, show_share
from segfit.datasets.masks.judging import Judged
from segfit.datasets.masks.tally import MaskTally, ValueTally, as_colors


def describe_others(
    masks: Sequence[MaskTally],
    tally: ValueTally,
    judged: Judged,
    show: Callable[[int], int | str],
    *,
    by_color: bool = False,
) -> list[str]:
    """A sentence for each kind of value (U,) that is no plain class.

    ``show`` writes a value, by its place. ``by_color``: whether the values are packed colors.
    """

    def describe(chosen: BoolArray) -> str:
        places = np.flatnonzero(chosen).tolist()
        pixels = int(tally.counts[places].sum())
        having = [
            mask.name
            for mask in masks
            if np.isin(
                tally.values[places], (as_colors(mask) if by_color else mask.tally).values
            ).any()
        ]
        return (
            f"{count_noun(len(places), 'color' if by_color else 'value')} "
            f"({list_first([str(show(place)) for place in places])}) on "
            f"{count_noun(pixels, 'pixel')} ({show_share(pixels / tally.counts.sum())}) in "
            f"{count_noun(len(having), 'mask')} ({list_first(having)})"
        )

    sentences = []
    plain = tally.values[judged.classes]
    nearest = "the nearest class around them"
    if by_color:
        nearest = "the class of the nearest color"
    elif len(plain) == 2 and judged.smeared.any():
        nearest = f"{plain[0]} below {plain.sum() / 2:g}, and else to {plain[1]}"
    if judged.smeared.any():
        sentences.append(f"Smeared borders: {describe(judged.smeared)} go to {nearest}.")
    if judged.strays.any():
        sentences.append(
            f"Strays: {describe(judged.strays)} go to {nearest}; if they are classes, name all "
            "classes in classes.json."
        )
    if judged.lines.any():
        sentences.append(
            f"Lines: {describe(judged.lines)} are classes though nowhere 3 px wide; if they are "
            "not, name the classes in classes.json."
        )
    return sentences
