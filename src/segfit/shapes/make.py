"""Fits by name and settings."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from segfit.errors import SegfitError
from segfit.shapes import SHAPES
from segfit.shapes.fit import Fit, Outline


def make_fit(name: str, settings: Mapping[str, Any] | None = None) -> Callable[[Outline], Fit]:
    """A fit by its name in ``SHAPES``, with those of the settings that are not None.

    Raises ``SegfitError`` for an unknown name, and for a setting that the shape does not have.
    """
    if name not in SHAPES:
        raise SegfitError(f"unknown shape {name!r}: choose {', '.join(SHAPES)}")
    fit = SHAPES[name]
    given = {key: value for key, value in (settings or {}).items() if value is not None}
    known = inspect.signature(fit).parameters.keys() - {"outline"}
    unknown = given.keys() - known
    if unknown:
        raise SegfitError(
            f"shape {name} has no setting {', '.join(sorted(unknown))}; it has "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    return partial(fit, **given)
