"""Which planes of a stack are looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

from segfit.errors import SegfitError
from segfit.imaging.layout import Place, name_axis

ALL = "all"
_PART = re.compile(r"(?P<axis>[a-z]+)=(?:(?P<one>-?\d+)|(?P<start>-?\d+)?:(?P<stop>-?\d+)?)")
_FORMS = (
    "all, or numbers counted from 0 along an axis, such as z=3:10,t=0, which is z 3 to 9 at t 0"
)


def choose_places(
    sizes: Mapping[str, int], choice: str = ALL, *, name: str, last: str | None = None
) -> list[Place]:
    """The places of the planes that are chosen, in the file's order.

    ``sizes``: how many planes lie along which axis, by its letter; ``name``: of the file.
    ``choice``: all, or for some axes a number or a range as Python has it. ``last``: the axis along
    which neighbours follow each other, instead of the file's last. Raises ``SegfitError`` for
    another form, an axis that there is not, and for no planes.

    >>> choose_places({"T": 2, "Z": 3}, "z=1:", name="a.tif")[:2]
    [{'T': 0, 'Z': 1}, {'T': 0, 'Z': 2}]
    """
    spans = {name_axis(axis): range(size) for axis, size in sizes.items()}
    for axis, span in _parse(choice).items():
        if axis not in spans:
            has = f"planes along {' and '.join(spans)}" if spans else "a single plane"
            raise SegfitError(f"{name} has {has}, and none along {axis}: choose by --planes {ALL}")
        size = len(spans[axis])
        spans[axis] = spans[axis][span]
        if not spans[axis]:
            raise SegfitError(
                f"{name} has {axis} 0 to {size - 1}, so --planes {choice} is none of it: choose "
                "others"
            )
    by_letter = dict(zip(sizes, spans.values(), strict=True))
    ordered = sorted(sizes, key=lambda axis: axis == last)
    places = product(*(by_letter[axis] for axis in ordered))
    named = (dict(zip(ordered, numbers, strict=True)) for numbers in places)
    return [{axis: place[axis] for axis in sizes} for place in named]


def check_choice(choice: str) -> None:
    """Raise ``SegfitError`` for a choice of another form."""
    _parse(choice)


def _parse(choice: str) -> dict[str, slice]:
    """The range that is chosen of each axis that is named."""
    text = choice.replace(" ", "").lower()
    spans: dict[str, slice] = {}
    for part in text.split(",") if text != ALL else ():
        match = _PART.fullmatch(part)
        if match is None or match["axis"] in spans:
            raise SegfitError(f"planes {choice!r}: give {_FORMS}")
        spans[match["axis"]] = _to_slice(match)
    return spans


def _to_slice(match: re.Match[str]) -> slice:
    if match["one"] is None:
        start, stop = match["start"], match["stop"]
        return slice(int(start) if start else None, int(stop) if stop else None)
    number = int(match["one"])
    return slice(number, None if number == -1 else number + 1)
