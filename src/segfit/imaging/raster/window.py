"""Rectangles of an image, and how they lie in a file that stores it turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.imaging.orientation import UPRIGHT, turn_upright

TURNED_ON_ITS_SIDE = (5, 6, 7, 8)
"""EXIF orientations by which height and width change places."""


@dataclass(frozen=True)
class Window:
    """A rectangle of an image, in whole pixels of one of its levels."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.top + self.height

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


def turn_shape(shape: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Height and width of an upright image, from those that are stored, or the other way."""
    return shape[::-1] if orientation in TURNED_ON_ITS_SIDE else shape


def find_stored_window(window: Window, shape: tuple[int, int], orientation: int) -> Window:
    """Where the pixels of an upright image's window are stored; ``shape``: of the upright image.

    >>> find_stored_window(Window(0, 0, 2, 1), (10, 20), 6)  # its top is stored as the left edge
    Window(left=0, top=18, width=1, height=2)
    """
    if orientation == UPRIGHT:
        return window
    stored = turn_shape(shape, orientation)
    corners = np.ix_([window.top, window.bottom - 1], [window.left, window.right - 1])
    # Where each pixel of the upright image is stored: views, which take no memory.
    rows, columns = (
        turn_upright(np.broadcast_to(numbers, stored), orientation)[corners]
        for numbers in np.ogrid[: stored[0], : stored[1]]
    )
    left, top = int(columns.min()), int(rows.min())
    return Window(left, top, int(columns.max()) - left + 1, int(rows.max()) - top + 1)
