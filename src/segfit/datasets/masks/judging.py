"""Which of the values in masks are classes: those of areas and lines, not of smears and strays.

Values may be grey levels, indices or colors; they are points in one or three dimensions.

Shapes: ``U`` different values, ``D`` 1 or 3 dimensions.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array
from segfit.basics.text import count_noun, list_first
from segfit.classes import IGNORE
from segfit.datasets.masks.codes import AREA_SHARE, MAX_PALETTE, SMEARED_SHARE
from segfit.datasets.masks.tally import ValueTally
from segfit.errors import SegfitError

CROWDED_AREA_SHARE = 0.001
"""Among more than 32 values, a class has so much of all pixels within 3×3 equal ones."""
FAINT_SHARE = 0.25
"""Less of a value lies within 3×3 equal pixels where it is the ringing of a lossy file."""
FAINT_RATIO = 10
"""So many times more frequent is the value that such a ringing is about."""
BETWEEN_SHARE = 0.6
"""So much of a value lies between a lower and a higher one where it is a smeared border."""
BRIGHT = 170
"""The brightest values of anti-aliased strokes, which may be too thin for white."""
LINE_SHARE = 0.5
"""So much of a value is linked to equal pixels where it is a line."""
FEW_PX, FEW_MASKS, FEW_SHARE = 8, 2, 1e-5
"""Strays: values on so few pixels, or on such a share of them, in so few masks."""
MANY_MASKS = 10
"""Among so many masks, a tiny area in one or two is taken for a stray."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What becomes of each value (U,): ``classes``, of which ``lines`` are nowhere 3 px wide.

    ``smeared`` and ``strays`` are no classes: borders between them, and pixels set by mistake.
    """

    classes: BoolArray
    lines: BoolArray
    smeared: BoolArray
    strays: BoolArray


@dataclass(frozen=True)
class Look:
    """What is known of values before they are judged.

    ``reach``: how far from a value, in levels, ringing goes. ``masks``: how many there are.
    ``is_lossy``: whether all were compressed so. ``has_void``: whether 255 may mean ignore.
    ``show``: writes a value, by its place.
    """

    reach: float
    masks: int
    is_lossy: bool
    has_void: bool
    show: Callable[[int], int | str]


def judge_values(tally: ValueTally, points: Float64Array, look: Look) -> Judged:
    """Tell the values that are classes from those that are not.

    ``points`` (U, D): the values. Two values or fewer are classes. Raises SegfitError where values
    may be either, and where masks are mostly smeared.
    """
    every = np.ones(len(points), bool)
    if len(points) <= 2:
        return Judged(every, ~every, ~every, ~every)
    is_void = (points[:, 0] == IGNORE) & (points.shape[1] == 1) & look.has_void
    areas = (tally.solid > 0) & (tally.solid >= AREA_SHARE * tally.counts)
    # Many values may be as many classes or objects; where most have no areas, they are smears.
    crowded = len(points) > MAX_PALETTE and 2 * areas.sum() < len(points)
    if crowded:
        areas &= tally.solid >= CROWDED_AREA_SHARE * tally.counts.sum()
    areas |= is_void  # however thin it is, 255 is either void or a class
    firm, is_ringing = _drop_faint(tally, points, areas, look, crowded=crowded)
    firm = _keep_ends(firm, points)
    rest = ~firm
    mixed = rest & _find_mixed(tally, points, firm, look)
    is_index = points.shape[1] == 1 and bool((points[points[:, 0] < 255] <= 64).all())
    if crowded or is_ringing or look.is_lossy or (mixed.sum() >= 2 and not is_index):
        _check_smeared(tally, points, firm, look)
        return Judged(firm, ~every, rest, ~every)
    unsure = np.zeros_like(mixed) if is_index else mixed
    lines, strays = _divide_thin(tally, rest, unsure, look)
    is_few = (tally.counts < FEW_SHARE * tally.counts.sum()) & (tally.masks <= FEW_MASKS)
    if look.masks >= MANY_MASKS:
        tiny = firm & ~is_void & is_few
        firm, strays = firm & ~tiny, strays | tiny
    return Judged(firm | lines, lines, ~every, strays)


def _drop_faint(
    tally: ValueTally, points: Float64Array, areas: BoolArray, look: Look, *, crowded: bool
) -> tuple[BoolArray, bool]:
    """The areas (U,) without those that lossy compression made of others; and if it made any.

    In files that were saved anew it is known by its traces: about two or more plain values, far
    from each other, there are others, close to them in value and scattered.
    """
    certain = crowded or look.is_lossy
    order = np.argsort(-tally.counts, kind="stable")
    kept: list[int] = []
    ringing_about: dict[int, int] = {}
    for place in order:
        if not kept:
            kept += [int(place)] if areas[place] else []
            continue
        distances = np.linalg.norm(points[kept] - points[place], axis=1)
        nearest = int(distances.argmin())
        is_near = distances[nearest] <= look.reach
        is_faint = (
            tally.counts[place] * FAINT_RATIO <= tally.counts[kept[nearest]]
            and tally.solid[place] < FAINT_SHARE * tally.counts[place]
        )
        if is_near and (is_faint or (certain and areas[place])):
            ringing_about[int(place)] = kept[nearest]
        elif areas[place]:
            kept.append(int(place))
    about = np.array(sorted(set(ringing_about.values())), int)
    apart = len(about) > 1 and bool(
        np.linalg.norm(points[about] - points[about[0]], axis=1).max() > 3 * look.reach
    )
    if not (certain or apart):
        return areas, False
    firm = np.zeros(len(points), bool)
    firm[kept] = True
    return firm, apart


def _keep_ends(firm: BoolArray, points: Float64Array) -> BoolArray:
    """The same, or black and white where smeared strokes are too thin to have areas."""
    if firm.sum() > 1 or points.shape[1] > 1:
        return firm
    low, high = points[:, 0].min(), points[:, 0].max()
    if low > 0 or high < BRIGHT:
        return firm
    kept = firm.copy()
    kept[[points[:, 0].argmin(), points[:, 0].argmax()]] = True
    return kept


def _find_mixed(tally: ValueTally, points: Float64Array, firm: BoolArray, look: Look) -> BoolArray:
    """The values (U,) that look like mixtures of two others.

    Grey levels lie between these on the mask; colors lie between two plain ones in value.
    """
    if points.shape[1] == 1:
        return np.asarray(tally.between >= BETWEEN_SHARE * tally.counts)
    mixed = np.zeros(len(points), bool)
    plain = points[firm]
    for place, start in enumerate(plain):
        for end in plain[place + 1 :]:
            way = end - start
            along = ((points - start) @ way / (way @ way)).clip(0, 1)
            off = np.linalg.norm(points - start - along[:, np.newaxis] * way, axis=1)
            mixed |= (off <= look.reach / 3) & (along > 0) & (along < 1)
    return mixed


def _check_smeared(tally: ValueTally, points: Float64Array, firm: BoolArray, look: Look) -> None:
    """Raise SegfitError where too much lies between the plain values, or none do."""
    if not firm.any():
        off = np.ones(len(points), bool)
    else:
        distances = np.linalg.norm(points[:, np.newaxis] - points[firm], axis=2)
        off = distances.min(axis=1) > look.reach
    share = tally.counts[off].sum() / tally.counts.sum()
    if share <= SMEARED_SHARE and firm.sum() > 1:
        return
    if look.is_lossy:
        raise SegfitError(
            "the masks are saved with lossy compression, as JPEG is, which changes values, so that "
            f"the classes among {len(points)} values are not clear: save masks as PNG"
        )
    plain = list_first([str(look.show(place)) for place in np.flatnonzero(firm).tolist()]) or "none"
    raise SegfitError(
        f"the masks have {len(points)} different values, too many for classes that nobody named, "
        f"and {share:.0%} of their pixels lie off those that fill areas ({plain}): save masks as "
        "PNG, with a plain value or color for each class, or name the classes in classes.json, "
        '{"classes": [{"name": "background", "value": 0}, …]}, with "instances": true where the '
        "values number objects"
    )


def _divide_thin(
    tally: ValueTally, thin: BoolArray, mixed: BoolArray, look: Look
) -> tuple[BoolArray, BoolArray]:
    """Divide values without areas into lines and strays; SegfitError where one may be either."""
    few = (tally.masks <= FEW_MASKS) & (
        (tally.counts <= FEW_PX) | (tally.counts < FEW_SHARE * tally.counts.sum())
    )
    linked = tally.linked >= LINE_SHARE * tally.counts
    lines = thin & ~few & linked
    strays = thin & ~lines & (few | (tally.masks <= FEW_MASKS))
    unclear = (lines & mixed) | (thin & ~lines & ~strays)
    if unclear.any():
        _ask(tally, np.flatnonzero(unclear), look)
    return lines, strays


def _ask(tally: ValueTally, places: Int64Array, look: Look) -> None:
    values = [look.show(int(place)) for place in places]
    pixels, masks = int(tally.counts[places].sum()), int(tally.masks[places].max())
    one = len(values) == 1
    raise SegfitError(
        f"the masks have the {'value' if one else 'values'} {list_first(list(map(str, values)))} "
        f"on {count_noun(pixels, 'pixel')} in {count_noun(masks, 'mask')}, nowhere 3 px wide: "
        + ("it may be a class" if one else "they may be classes")
        + " of lines or dots, a smeared border, or a mistake; name all classes in classes.json, or "
        f'write {{"ignore": {json.dumps(values)}}} into it to have such pixels ignored'
    )
