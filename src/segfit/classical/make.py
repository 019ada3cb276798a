"""Methods by name, settings and hints as text.

Frame: image coordinates (x, y).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from segfit.classical import METHODS, HintedMethod
from segfit.classical.method import ClassicalMethod, ForegroundMethod
from segfit.errors import SegfitError
from segfit.imaging.read import read_image

MASK_LEVEL = 127
"""Grey levels above it are foreground in a rough mask."""


def make_method(name: str, settings: Mapping[str, Any] | None = None) -> ClassicalMethod:
    """A method with settings. Raises ``SegfitError`` for a name or setting that does not exist."""
    if name not in METHODS:
        raise SegfitError(f"unknown method {name!r}: choose {', '.join(METHODS)}")
    kind = METHODS[name]
    try:
        return kind(**(settings or {}))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        there_are = ", ".join(kind.model_fields) or "none"
        if first["type"] == "extra_forbidden":
            raise SegfitError(
                f"{name} has no setting {place}; its settings are {there_are}"
            ) from error
        raise SegfitError(f"{name}, {place}: {first['msg']}, given {first['input']!r}") from error


def list_hinted() -> list[str]:
    """Names of the methods that take a hint."""
    return [name for name, kind in METHODS.items() if issubclass(kind, HintedMethod)]


def list_comparable() -> list[str]:
    """Names of the methods whose answers labels can be compared with: foreground, by no hint."""
    return [
        name
        for name, kind in METHODS.items()
        if issubclass(kind, ForegroundMethod) and not issubclass(kind, HintedMethod)
    ]


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
        raise SegfitError(f"{text!r}: points are given as x,y x,y …")
    return points


def _parse_pairs(text: str) -> tuple[tuple[float, float], ...]:
    """Pairs from ``30,40 50,60``; none where any of them is not a pair."""
    groups = [_parse_numbers(part) for part in text.split()]
    pairs = tuple((group[0], group[1]) for group in groups if len(group) == 2)
    return pairs if len(pairs) == len(groups) else ()


def _parse_numbers(text: str) -> tuple[float, ...]:
    """Numbers joined by commas; none where any of them is not a number."""
    try:
        return tuple(float(number) for number in text.split(","))
    except ValueError:
        return ()
