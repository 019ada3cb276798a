"""Rectangles of an image, and how they lie in a file that stores it turned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.imaging.orientation import UPRIGHT, turn_back

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
    corners = np.zeros((2, 2, 2), np.int64)  # the four corners, as points (x, y)
    corners[..., 0] = (window.left, window.right)
    corners[..., 1] = ((window.top,), (window.bottom,))
    height, width = shape
    # Turned like an image of 2×2 pixels is: the marks say which axis goes where, and which way.
    marks = np.array([[[0, 0], [width, 0]], [[0, height], [width, height]]])
    turned = turn_back(marks, orientation)
    along_x, along_y = turned[0, 1] - turned[0, 0], turned[1, 0] - turned[0, 0]
    origin = turned[0, 0]
    stored = [
        np.sort([((corner - origin) @ np.sign(axis)) for corner in (corners[0, 0], corners[1, 1])])
        for axis in (along_x, along_y)
    ]
    (left, right), (top, bottom) = stored
    return Window(int(left), int(top), int(right - left), int(bottom - top))
