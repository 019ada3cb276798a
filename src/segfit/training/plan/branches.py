"""Branches of a classifier's decoder: read from text, or chosen by how large objects are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.model.architecture import Branch

AUTO = "auto"
"""Stands for what ``choose_branches`` chooses."""
BRANCH_FORM = "CLASS,CLASS@1/STRIDE, with xWIDTH behind it if wanted, joined by ;"
STRIDES: Mapping[str, Literal[2, 4, 8]] = {"2": 2, "4": 4, "8": 8}
WIDTH = 64
FINE_WIDTH = 48
"""Four times as many cells as at twice the stride: narrower, so that it costs less than that."""
SMALL_CELLS = 6.0
"""Classes whose objects are narrower than so many cells of 4 working pixels see every second."""


def parse_branches(text: str, classes: ClassTable) -> tuple[Branch, ...]:
    """Read "eyes,mouth@1/2x48; hair,skin@1/4"; nothing for an empty text.

    Every class but the background must be in one branch. Raises ``SegfitError`` for what cannot be
    read, for classes that there are not or that are left out or named twice, and for a model of
    background and foreground, whose one score cannot be divided.
    """
    if not text.strip():
        return ()
    if classes.is_binary:
        raise SegfitError(
            f"branches are for several classes, and {classes.names[1]} is the only one beside the "
            "background: leave them out"
        )
    branches = [_parse_branch(part.strip(), classes) for part in text.split(";") if part.strip()]
    named = [index for branch in branches for index in branch.classes]
    twice = sorted({classes.names[index] for index in named if named.count(index) > 1})
    lacking = [
        name
        for index, name in enumerate(classes.names)
        if index not in named and index != classes.background
    ]
    if twice or lacking:
        wrong = f"{', '.join(twice)} twice" if twice else f"no {', '.join(lacking)}"
        raise SegfitError(f"branches {text!r} have {wrong}: each class belongs to one of them")
    return tuple(branches)


def choose_branches(widths_px: Mapping[str, float]) -> str:
    """Branches by the width of each class's objects, in working pixels: small ones see finer.

    Empty where all are small or none is. The background is not to be among the classes. Raises
    ``SegfitError`` for names with signs that branches are written with.
    """
    unfit = [name for name in widths_px if set(name) & set(",;@")]
    if unfit:
        raise SegfitError(
            f"branches cannot name the class {unfit[0]!r}, since , ; and @ divide them: rename it"
        )
    small = [name for name, width_px in widths_px.items() if width_px < 4 * SMALL_CELLS]
    large = [name for name in widths_px if name not in small]
    if not small or not large:
        return ""
    return f"{','.join(small)}@1/2x{FINE_WIDTH}; {','.join(large)}@1/4x{WIDTH}"


def _parse_branch(text: str, classes: ClassTable) -> Branch:
    match = re.fullmatch(r"(.+)@1/(\d+)(?:x(\d+))?", text)
    if match is None or match[2] not in STRIDES or int(match[3] or WIDTH) < 1:
        raise SegfitError(
            f"branch {text!r} cannot be read: write {BRANCH_FORM}; strides are {', '.join(STRIDES)}"
        )
    names = [name.strip() for name in match[1].split(",")]
    unknown = [name for name in names if name not in classes.names]
    if unknown:
        raise SegfitError(
            f"branches: no class {', '.join(unknown)}; classes are {', '.join(classes.names)}"
        )
    indices = tuple(classes.names.index(name) for name in names)
    return Branch(indices, STRIDES[match[2]], int(match[3] or WIDTH))
