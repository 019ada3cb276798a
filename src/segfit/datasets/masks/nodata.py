"""The values that masks' files call nodata (GDAL's tag): ignored, unless they are classes.

Whoever rasterizes outlines often has 0 called so, which beside one other value is the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segfit.basics.text import count_noun, list_first, show_share
from segfit.datasets.masks.tally import MaskTally, merge_tallies


@dataclass(frozen=True)
class Nodata:
    """Which values are ignored as nodata, and a sentence on each value that is called so."""

    ignored: tuple[int, ...] = ()
    sentences: tuple[str, ...] = ()


def judge_nodata(
    masks: Sequence[MaskTally], *, named: Sequence[int] = (), ignored: Sequence[int] = ()
) -> Nodata:
    """What becomes of the values that the masks' files call nodata, where masks have them.

    ``named``: values that are known to be classes. Without any, where there is only one other
    value, those called nodata are classes. ``ignored``: values that are ignored anyway.
    """
    found = {*merge_tallies([mask.tally for mask in masks]).values.tolist()} - {*ignored}
    called = sorted({mask.nodata for mask in masks if mask.nodata is not None} & found - {*named})
    if named or len(found) - len(called) > 1:
        remedy = "name it in classes.json" if named else 'write {"ignore": []} into classes.json'
        return Nodata(
            tuple(called),
            tuple(
                f"{value} is ignored ({_count(masks, value)}), since {_name_files(masks, value)} "
                f"nodata; if it is a class, {remedy}."
                for value in called
            ),
        )
    return Nodata(
        (),
        tuple(
            f"{value} is a class though {_name_files(masks, value)} nodata, since there is only "
            f'one other value; to have it ignored, write {{"ignore": [{value}]}} into classes.json.'
            for value in called
        ),
    )


def _count(masks: Sequence[MaskTally], value: int) -> str:
    having = [mask for mask in masks if value in mask.tally.values]
    pixels = sum(int(mask.tally.counts[mask.tally.values == value].sum()) for mask in having)
    share = pixels / sum(int(mask.tally.counts.sum()) for mask in masks)
    return (
        f"on {show_share(share)} of all pixels, in {len(having)} of "
        f"{count_noun(len(masks), 'mask')}: {list_first([mask.name for mask in having])}"
    )


def _name_files(masks: Sequence[MaskTally], value: int) -> str:
    calling = [mask.name for mask in masks if mask.nodata == value]
    if len(calling) == len(masks):
        return "their files call it" if len(masks) > 1 else "its file calls it"
    return f"{list_first(calling)} call{'s' * (len(calling) == 1)} it"
