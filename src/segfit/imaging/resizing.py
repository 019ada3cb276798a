"""Windows of an image at another size, as if the whole of it had been resized.

Shapes: ``H, W`` the image; ``h, w`` a window of the resized one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from segfit.basics.arrays import UInt8Array
from segfit.imaging.pyramid import Pyramid
from segfit.imaging.raster.window import Window

ALIGNMENT_TRIES = 64
"""Places near a window's edge of which the one is taken where pixels of both sizes lie on each
other best."""


def read_resized(
    read: Callable[[Window], UInt8Array],
    shape: tuple[int, int],
    resized: tuple[int, int],
    window: Window,
) -> UInt8Array:
    """A window (h, w, 3) of an image that is resized.

    ``read``: gives a window of the image as it is. ``shape``: its (H, W); ``resized``: the size
    that ``window`` is a part of. Whatever is at hand of the image, the answer is the same.
    """
    if resized == shape:
        return read(window)
    rows = align_span(window.top, window.bottom, side=shape[0], resized=resized[0])
    columns = align_span(window.left, window.right, side=shape[1], resized=resized[1])
    (top, bottom, above, height), (left, right, before, width) = rows, columns
    crop = read(Window(left, top, right - left, bottom - top))
    enlarged = Pyramid(crop).resize(height, width)
    return enlarged[above : above + window.height, before : before + window.width]


def align_span(begin: int, end: int, *, side: int, resized: int) -> tuple[int, int, int, int]:
    """Pixels of an image's side that, resized by themselves, give the resized pixels [begin, end).

    A side of ``side`` pixels is ``resized`` pixels long when it is resized. Returns the first pixel
    and the one after the last, how many of their resized pixels come before ``begin``, and how many
    they are resized to. They begin and end where pixels of both lie on each other to a hundredth or
    so, or at the image's edge, so that the window's pixels are those of the whole image.
    """
    factor = resized / side
    grain = 1 << max(0, math.floor(math.log2(1 / factor)))  # of the halves that it is shrunk by
    pad = 2 * grain + math.ceil(2 / factor)

    def misfit(pixel: int) -> float:
        return abs(pixel * factor - round(pixel * factor))

    def choose(near: int, direction: int) -> int:
        tries = [near + direction * grain * number for number in range(ALIGNMENT_TRIES)]
        return min((one for one in tries if 0 < one < side), key=misfit, default=near)

    first = math.floor(begin / factor) // grain * grain - pad // grain * grain
    first = 0 if first <= 0 else choose(first, -1)
    last = -(-math.ceil(end / factor) // grain) * grain + -(-pad // grain) * grain
    last = side if last >= side else choose(last, 1)
    origin = round(first * factor)
    stop = resized if last == side else round(last * factor)
    return first, last, begin - origin, stop - origin
