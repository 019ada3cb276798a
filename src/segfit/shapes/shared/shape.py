"""What a shape is: a name, what it is for, and a function that fits it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from segfit.shapes.shared.fit import Fit, Outline

FitOutline = Callable[[Outline], Fit]


@dataclass(frozen=True)
class Shape:
    """A shape that can be fitted to an outline.

    ``name``: what ``--shape`` names. ``purpose``: what it is, in a few words. ``fit``: fits it with
    its usual settings, which are the function's keywords; raises ``FitError`` where it cannot.
    ``place``: where it stands in lists: 0 the one that chooses, from 10 on rectangles, 20 round
    ones, 30 with corners, 40 free ones.
    """

    name: str
    purpose: str
    fit: FitOutline
    place: int

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the settings that ``fit`` takes."""
        parameters = inspect.signature(self.fit).parameters.values()
        return tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


def put_in_order(shapes: Iterable[Shape]) -> list[Shape]:
    """Shapes as people read lists of them."""
    return sorted(shapes, key=lambda shape: (shape.place, shape.name))
