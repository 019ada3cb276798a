"""Where to look at an image of any size, so that it costs no more than one of a few megapixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from segfit.imaging.raster.window import Window

SAMPLED_PX = 8_000_000
"""An image of no more pixels is looked at whole."""
LEAST_SAMPLED_PX = 500_000
"""An overview of fewer pixels says too little of the values in the image."""
BLOCK_PX = 256


def choose_sample(levels: Sequence[tuple[int, int]]) -> tuple[int, list[Window]]:
    """The level that is looked at, and where; ``levels``: (height, width), the full size first.

    The whole image where it has ``SAMPLED_PX`` at most, else the largest overview that has no more;
    where there is none, blocks of ``BLOCK_PX`` at regular distances, of the smallest larger one.

    >>> choose_sample([(20000, 20000), (2500, 2500)])
    (1, [Window(left=0, top=0, width=2500, height=2500)])
    """
    for number, (height, width) in enumerate(levels):
        if height * width <= SAMPLED_PX and (number == 0 or height * width >= LEAST_SAMPLED_PX):
            return number, [Window(0, 0, width, height)]
    number = max(place for place, (h, w) in enumerate(levels) if h * w > SAMPLED_PX)
    return number, list(_spread_blocks(*levels[number]))


def _spread_blocks(height: int, width: int) -> Iterator[Window]:
    """Blocks at regular distances, from edge to edge, of ``SAMPLED_PX`` together at most."""
    tall, wide = min(BLOCK_PX, height), min(BLOCK_PX, width)
    count = SAMPLED_PX // (tall * wide)
    across = max(1, min(width // wide, count, round((count * width / height) ** 0.5)))
    down = max(1, min(height // tall, count // across))
    for top in np.linspace(0, height - tall, down).astype(int).tolist():
        for left in np.linspace(0, width - wide, across).astype(int).tolist():
            yield Window(left, top, wide, tall)
