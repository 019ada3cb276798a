"""Hints as text: a rectangle, points, or the path of a rough mask.

Frame: image coordinates (x, y).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segfit.errors import SegfitError
from segfit.imaging.read import read_image

MASK_LEVEL = 127
"""Grey levels above it are foreground in a rough mask."""


def parse_hint(text: str) -> dict[str, Any]:
    """Settings from a hint: ``10,20,200,150``, points ``30,40 50,60``, or the path of a rough mask.

    >>> parse_hint("10,20,200,150")
    {'rectangle': (10.0, 20.0, 200.0, 150.0)}
    >>> parse_hint("30,40 50,60")
    {'points': ((30.0, 40.0), (50.0, 60.0))}
    """
    sides = _parse_numbers(text) if len(text.split()) == 1 else ()
    if len(sides) == 4:
        return {"rectangle": sides}
    points = _parse_pairs(text)
    if points:
        return {"points": points}
    if Path(text).is_file():
        return {"rough_mask": read_image(text).max(axis=2) > MASK_LEVEL}
    raise SegfitError(
        f"--foreground {text!r}: give a rectangle as left,top,right,bottom, points as x,y x,y …, "
        "or the path of a rough mask"
    )


def parse_points(text: str) -> tuple[tuple[float, float], ...]:
    """Points from ``30,40 50,60``."""
    points = _parse_pairs(text)
    if not points:
        raise SegfitError(f"{text!r} is not a list of points: give them as x,y x,y …")
    return points


def _parse_pairs(text: str) -> tuple[tuple[float, float], ...]:
    """Pairs from ``30,40 50,60``; none where any of them is not a pair."""
    groups = [_parse_numbers(word) for word in text.split()]
    pairs = tuple((group[0], group[1]) for group in groups if len(group) == 2)
    return pairs if len(pairs) == len(groups) else ()


def _parse_numbers(text: str) -> tuple[float, ...]:
    """Numbers joined by commas; none where any of them is not a number."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        return ()
