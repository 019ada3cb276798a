"""Where the pixels of a window lie in a file that stores the image turned."""

from __future__ import annotations

import numpy as np
import pytest

from segfit.imaging.orientation import turn_upright
from segfit.imaging.raster.window import Window, find_stored_window, turn_shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_stored_window_turned_is_the_window(orientation: int) -> None:
    stored = np.arange(77).reshape(7, 11)
    upright = turn_upright(stored, orientation)
    assert turn_shape(stored.shape, orientation) == upright.shape
    height, width = upright.shape
    for top, left in np.ndindex(height, width):
        for tall, wide in [
            (1, 1),
            (height - top, 1),
            (1, width - left),
            (height - top, width - left),
        ]:
            there = find_stored_window(Window(left, top, wide, tall), upright.shape, orientation)
            part = stored[there.top : there.bottom, there.left : there.right]
            expected = upright[top : top + tall, left : left + wide]
            np.testing.assert_array_equal(turn_upright(part, orientation), expected)
