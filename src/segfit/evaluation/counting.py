"""What each image of a data set adds to its report, counted wherever that is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from segfit.basics.progress import OnProgress, Spread
from segfit.errors import SegfitError

Counted = TypeVar("Counted")


def count_images(
    count: Callable[[int], Counted],
    total: int,
    *,
    spread: Spread,
    on_progress: OnProgress | None,
) -> list[Counted]:
    """What ``count`` gives for each of ``total`` images, by their numbers from 0, in their order.

    So sums over them are the same to the last bit, in whatever order ``spread`` ends them.
    ``count``: can be pickled where ``spread`` needs that. Raises ``SegfitError`` for no images.
    """
    if total == 0:
        raise SegfitError("the data set has no images: nothing can be evaluated")
    counted: dict[int, Counted] = {}
    for number, one in spread(count, total):
        counted[number] = one
        if on_progress is not None:
            on_progress(len(counted), total)
    return [counted[number] for number in range(total)]
