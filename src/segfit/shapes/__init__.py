"""Shapes fitted to regions: each module one shape; and what regions measure.

A module of this folder that has a ``SHAPE`` is a shape: to add one is to add its file. What several
of them share is in ``shared``; a table's columns are in ``measure`` and ``rows``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from segfit.basics.discovery import collect
from segfit.errors import SegfitError
from segfit.shapes.measure import MEASURES, measure_intensities, measure_region, scale_measures
from segfit.shapes.shared.fit import Fit, FitError, Outline, open_outline, outline_of
from segfit.shapes.shared.shape import FitOutline, Shape, put_in_order

SHAPES: dict[str, Shape] = {
    shape.name: shape for shape in put_in_order(collect(__name__, "SHAPE", Shape))
}
"""What ``segfit fit --shape`` can name."""


NO_SHAPE = "none"
"""In the place of a shape's name: regions are measured only, which takes a fraction of the time."""


def make_fit(name: str, settings: Mapping[str, Any] | None = None) -> FitOutline | None:
    """A fit by its name in ``SHAPES``, with those of the settings that are not None.

    None for ``NO_SHAPE``. Raises ``SegfitError`` for an unknown name, and for a setting that the
    shape does not have.
    """
    given = {key: value for key, value in (settings or {}).items() if value is not None}
    if name == NO_SHAPE:
        if given:
            raise SegfitError(f"without a shape there is no {', '.join(given)}: leave it out")
        return None
    if name not in SHAPES:
        raise SegfitError(f"unknown shape {name!r}: choose {', '.join(SHAPES)}, {NO_SHAPE}")
    shape = SHAPES[name]
    unknown = sorted(given.keys() - set(shape.settings))
    if unknown:
        raise SegfitError(
            f"shape {name} has no setting {', '.join(unknown)}; it has "
            f"{', '.join(shape.settings) or 'none'}"
        )
    return partial(shape.fit, **given)


__all__ = [
    "MEASURES",
    "NO_SHAPE",
    "SHAPES",
    "Fit",
    "FitError",
    "Outline",
    "Shape",
    "make_fit",
    "measure_intensities",
    "measure_region",
    "open_outline",
    "outline_of",
    "scale_measures",
]
