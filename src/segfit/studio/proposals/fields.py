"""The parts in which an image is described, and those in which it is proposed."""

from __future__ import annotations

from segfit.studio.labels.blocks import Box, clip_box

WHOLE_PX = 24_000_000
FIELD_PX = 2048
NEAR_PX = 1024
"""So far around a stroke is found first."""
AT_ONCE_PX = 2_000_000
"""An image of so many pixels is found in one go."""


def list_fields(width: int, height: int) -> list[Box]:
    """The parts of an image that are described at once."""
    if width * height <= WHOLE_PX:
        return [(0, 0, width, height)]
    return [
        (left, top, min(left + FIELD_PX, width), min(top + FIELD_PX, height))
        for top in range(0, height, FIELD_PX)
        for left in range(0, width, FIELD_PX)
    ]


def list_parts(field: Box, near: Box | None, cell_px: int) -> list[Box]:
    """A field in parts that are found one after another: first what is near, then bands of it all.

    Their corners are on cells, and no band is found twice where a single one is enough.
    """
    left, top, right, bottom = field
    if near is None or (right - left) * (bottom - top) <= AT_ONCE_PX:
        return [field]
    x, y = (near[0] + near[2]) // 2, (near[1] + near[3]) // 2
    around = x - NEAR_PX - left, y - NEAR_PX - top, x + NEAR_PX - left, y + NEAR_PX - top
    inside = clip_box(around, width=right - left, height=bottom - top)
    step = 4 * cell_px
    first = (
        left + inside[0] // step * step,
        top + inside[1] // step * step,
        min(right, left + -(-inside[2] // step) * step),
        min(bottom, top + -(-inside[3] // step) * step),
    )
    rows = max(step, AT_ONCE_PX // (right - left) // step * step)
    bands = [(left, y, right, min(y + rows, bottom)) for y in range(top, bottom, rows)]
    return [first, *bands]
