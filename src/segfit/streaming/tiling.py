"""How an image is divided, and which tile has the say where tiles overlap.

A tile is looked at with what lies around it. Its *zone* reaches back over the tiles above and to
the left, which came before it, and a little beyond it below and to the right; what earlier zones
have decided, later ones take over, so that all agree on every pixel. What lies wholly within a
tile's *own* part of its zone, away from the cut, is the tile's to finish, unless an earlier tile's
own part holds it, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray, Int64Array
from segfit.imaging.raster.window import Window

Place = tuple[int, int]
"""A tile's row and column."""


@dataclass(frozen=True)
class Tiling:
    """Square tiles over an image, in pixels.

    ``shape``: (H, W) of the image. ``tile_px``: sides of a tile; those at the right and at the
    bottom may be smaller. ``lookback_px``: how far a zone reaches over earlier tiles: further than
    any object is wide. ``context_px``: how far it reaches beyond the tile, so that outlines near
    the cut see what lies around them. ``margin_px``: how far beyond the zone scores are looked at,
    since what a pixel belongs to may depend on pixels so far away.
    """

    shape: tuple[int, int]
    tile_px: int
    lookback_px: int
    context_px: int
    margin_px: int

    @property
    def rows(self) -> int:
        """Tiles from top to bottom."""
        return max(1, -(-self.shape[0] // self.tile_px))

    @property
    def columns(self) -> int:
        """Tiles from left to right."""
        return max(1, -(-self.shape[1] // self.tile_px))

    def list_places(self) -> Iterator[Place]:
        """All tiles, row by row: none needs one that comes later."""
        for row in range(self.rows):
            for column in range(self.columns):
                yield row, column

    def tile(self, place: Place) -> Window:
        """The tile itself; all of them together are the image."""
        return self._around(place, back=0, ahead=0)

    def zone(self, place: Place) -> Window:
        """What is decided and outlined with a tile."""
        return self._around(place, back=self.lookback_px, ahead=self.context_px)

    def seen(self, place: Place) -> Window:
        """What is looked at for a tile."""
        return self._around(place, back=self.lookback_px, ahead=self.context_px + self.margin_px)

    def is_within(self, place: Place, bounds: Int64Array) -> BoolArray:
        """Whether boxes (N, 4) of left, top, right and bottom lie within a tile's own part, (N,).

        That is its zone without the context; what touches a cut side of it does not.
        """
        own = self._around(place, back=self.lookback_px, ahead=0)
        inside = np.ones(len(bounds), bool)
        for low, high, begin, end, side in (
            (0, 2, own.left, own.right, self.shape[1]),
            (1, 3, own.top, own.bottom, self.shape[0]),
        ):
            inside &= bounds[:, low] > begin if begin > 0 else bounds[:, low] >= 0
            inside &= bounds[:, high] <= (end if end < side else side)
        return inside

    def _around(self, place: Place, *, back: int, ahead: int) -> Window:
        (top, bottom), (left, right) = (
            (max(0, number * self.tile_px - back), min(side, (number + 1) * self.tile_px + ahead))
            for number, side in zip(place, self.shape, strict=True)
        )
        return Window(left, top, right - left, bottom - top)


def overlap(first: Window, second: Window) -> Window | None:
    """What two windows share; None where that is nothing."""
    left, top = max(first.left, second.left), max(first.top, second.top)
    right, bottom = min(first.right, second.right), min(first.bottom, second.bottom)
    return Window(left, top, right - left, bottom - top) if left < right and top < bottom else None


def within(window: Window, frame: Window) -> tuple[slice, slice]:
    """Rows and columns of a window in the array of a frame that holds it."""
    top, left = window.top - frame.top, window.left - frame.left
    return slice(top, top + window.height), slice(left, left + window.width)
