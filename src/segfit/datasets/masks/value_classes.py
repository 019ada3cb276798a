"""The classes of masks whose pixels say them by value: names, codes, and what is said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segfit.basics.text import count_noun, list_first, show_share
from segfit.classes import IGNORE, ClassTable
from segfit.datasets.masks.codes import (
    MAX_PALETTE,
    NEAR_VALUE,
    MaskCode,
    SmearedCode,
    ValueCode,
)
from segfit.datasets.masks.judging import Judged, Look, judge_values
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.nodata import judge_nodata
from segfit.datasets.masks.others import describe_others
from segfit.datasets.masks.tally import MaskTally, drop_values, merge_tallies
from segfit.datasets.masks.void import decide_void
from segfit.errors import SegfitError

FULL_8_BIT = 255


@dataclass(frozen=True)
class Ignored:
    """Values that are ignored, and a sentence on 255 where it was to be decided."""

    values: tuple[int, ...] = ()
    sentence: str = ""


def name_values(
    masks: Sequence[MaskTally], *, ignored: Sequence[int | str] | None = None
) -> MaskClasses:
    """Name the classes that values stand for; see ``infer_classes``."""
    said = [value for value in ignored or () if isinstance(value, int)]
    nodata = judge_nodata(masks, ignored=said)
    tally = drop_values(merge_tallies([mask.tally for mask in masks]), nodata.ignored)
    is_8_bit = all(mask.is_8_bit for mask in masks)
    look = Look(
        reach=NEAR_VALUE * max(1, int(tally.values[-1]) / FULL_8_BIT),
        masks=len(masks),
        is_lossy=all(mask.is_lossy for mask in masks),
        has_void=is_8_bit,
        show=lambda place: int(tally.values[place]),
    )
    judged = judge_values(tally, tally.values[:, np.newaxis].astype(np.float64), look)
    plain = [int(value) for value in tally.values[judged.classes]]
    if len(plain) > MAX_PALETTE:
        raise SegfitError(
            f"the masks have {len(plain)} different values, too many for classes that nobody "
            'named: name them in classes.json, {"classes": [{"name": "background", "value": 0}, '
            '…]}, with "instances": true where the values number objects'
        )
    others = [*nodata.sentences, *describe_others(masks, tally, judged, look.show)]
    if ignored is None and is_8_bit and plain == [0, 1, IGNORE] and _is_one_in_two_ways(masks):
        table = ClassTable.from_names(("background", "foreground"))
        code = _make_code(((0, 0), (1, 1), (IGNORE, 1)), nodata.ignored, judged)
        return MaskClasses(table, code, " ".join([_describe_ones(masks), *others]))
    void = Ignored()
    if ignored is not None:
        void = Ignored(_check_ignored(ignored, plain))
    elif is_8_bit and IGNORE in plain:
        void = _judge_255(masks, plain)
    values = [value for value in plain if value not in void.values]
    table = _make_table(values)
    shown = [f"{name} = {value}" for name, value in zip(table.names, values, strict=True)]
    if ignored is not None and void.values:
        shown.append(f"{', '.join(map(str, void.values))} ignored")
    found = f"Classes found in the masks: {', '.join(shown)}."
    strays = tuple(int(value) for value in tally.values[judged.strays])
    indices = tuple((value, index) for index, value in enumerate(values))
    code = _make_code(indices, (*void.values, *nodata.ignored), judged, strays=strays)
    sentences = [found, *([void.sentence] if void.sentence else []), *others]
    return MaskClasses(table, code, " ".join(sentences))


def name_objects(masks: Sequence[MaskTally]) -> MaskClasses | None:
    """16-bit values as the numbers of objects; None for two of them, and for smeared borders."""
    nodata = judge_nodata(masks, named=(0,))
    tally = drop_values(merge_tallies([mask.tally for mask in masks]), nodata.ignored)
    if 0 not in tally.values or len(tally.values) <= 2:
        return None
    is_smear = (tally.solid == 0) & (tally.between > tally.counts // 2)
    if is_smear.sum() > MAX_PALETTE and is_smear.sum() > len(is_smear) // 2:
        return None
    table = ClassTable.from_names(("background", "object"), object_classes=(1,))
    note = (
        f"The masks have 16 bits and {len(tally.values)} values: 0 is background, the others "
        "number objects; if they are classes, name them in classes.json."
    )
    code = ValueCode(((0, 0),), ignored=nodata.ignored, object_class=1)
    return MaskClasses(table, code, " ".join([note, *nodata.sentences]))


def _make_table(values: Sequence[int]) -> ClassTable:
    if not values or list(values) == [IGNORE]:
        raise SegfitError(
            f"every pixel of the masks has the value {IGNORE}, which means ignore: label at least "
            "two classes"
        )
    if len(values) == 1:
        raise SegfitError(
            f"every labelled pixel of the masks has the value {values[0]}; segmentation needs at "
            "least 2 classes: label another class or the background"
        )
    names = tuple(f"class_{value}" for value in values)
    if len(values) == 2 and values[0] == 0:
        names = ("background", "foreground")
    return ClassTable.from_names(names, background=0 if values[0] == 0 else None)


def _make_code(
    indices: tuple[tuple[int, int], ...],
    ignored: tuple[int, ...],
    judged: Judged,
    *,
    strays: tuple[int, ...] = (),
) -> MaskCode:
    if judged.smeared.any():
        return SmearedCode((*indices, *((value, IGNORE) for value in ignored)))
    return ValueCode(indices, ignored=ignored, strays=strays)


def _check_ignored(ignored: Sequence[int | str], plain: Sequence[int]) -> tuple[int, ...]:
    """The values to be ignored, as far as masks have them; SegfitError for colors."""
    for entry in ignored:
        if not isinstance(entry, int):
            raise SegfitError(
                f"classes.json: ignore: these masks hold values, so ignore lists values such as "
                f"255 (given {entry!r})"
            )
    return tuple(value for value in plain if value in ignored)


def _judge_255(masks: Sequence[MaskTally], plain: Sequence[int]) -> Ignored:
    """Decide what 255 is beside other values; beside 0 only, it is foreground."""
    others = [value for value in plain if value != IGNORE]
    if others in ([], [0]):
        return Ignored()
    looks = [mask.void for mask in masks]
    having = [mask.name for mask in masks if mask.void is not None]
    pixels = sum(int(mask.tally.counts.sum()) for mask in masks)
    share = sum(look.pixels for look in looks if look is not None) / pixels
    where = (
        f"on {show_share(share)} of all pixels, in {len(having)} of "
        f"{count_noun(len(masks), 'mask')}: {list_first(having)}"
    )
    reason = decide_void(others, looks, where)
    if reason is None:
        return Ignored(
            (IGNORE,),
            f'255 is ignored ({where}); if it is a class, write {{"ignore": []}} into '
            "classes.json.",
        )
    return Ignored(
        (),
        f'255 is a class ({where}), since {reason}; to have it ignored, write {{"ignore": [255]}} '
        "into classes.json.",
    )


def _is_one_in_two_ways(masks: Sequence[MaskTally]) -> bool:
    """Whether foreground is 1 in some masks and 255, in areas, in others."""
    looks = [mask.void for mask in masks if mask.void is not None]
    has_both = any(mask.void is not None and 1 in mask.tally.values for mask in masks)
    in_lines = sum(look.in_lines for look in looks)
    return not has_both and 2 * in_lines < sum(look.pixels for look in looks)


def _describe_ones(masks: Sequence[MaskTally]) -> str:
    ones = [mask.name for mask in masks if 1 in mask.tally.values]
    whites = [mask.name for mask in masks if mask.void is not None]
    return (
        f"Foreground is 1 in {count_noun(len(ones), 'mask')} ({list_first(ones)}) and 255 in "
        f'{len(whites)} ({list_first(whites)}); if 255 is to be ignored, write {{"ignore": [255]}} '
        "into classes.json."
    )
