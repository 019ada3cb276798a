"""A stack: planes along z, in time or of pages, each an image that is read by itself.

Shapes: ``H, W`` a plane; ``C`` its channels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

import numpy as np

from segfit.imaging.channels import Channels
from segfit.imaging.layout import Place
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS, check_megapixels
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.window import Window
from segfit.imaging.read import check_size
from segfit.imaging.rgb import Ranges
from segfit.imaging.stored import StoredImage

SAMPLED_PLANES = 16
SAMPLED_PX = 500_000
"""Of each plane, to find which values are shown black and white."""


class Stack:
    """The planes of a file, of which no more is in memory than what is read of one.

    ``axes``: how many planes lie along which axis, by its letter, in the file's order; none of a
    single plane. ``steps``: see ``Layout``. ``facts``: of a plane, without pixels. It is a context
    manager, which closes the file.
    """

    def __init__(self, raster: Raster) -> None:
        """A raster as a stack, which closes it."""
        layout = raster.layout
        self.raster = raster
        self.axes: Mapping[str, int] = {} if layout is None else layout.axes
        self.steps: Mapping[str, tuple[float, str]] = {} if layout is None else layout.steps
        self.facts: StoredImage = raster.facts if layout is None else layout.plane

    def __repr__(self) -> str:
        return f"<Stack of {self.raster!r}: {dict(self.axes)}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.raster.name

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of a plane."""
        return self.raster.shape

    def read(self, place: Place) -> StoredImage:
        """A plane as the image that ``read_image`` would read, if the file held no more."""
        height, width = self.shape
        return self._open(place).store(Window(0, 0, width, height))

    def find_ranges(self, channels: Channels | None) -> Ranges:
        """The values that are shown as 0 and 255, the same in all planes.

        So planes in which there is nothing stay dark; a choice of planes changes nothing in them.
        Raises ``SegfitError`` for channels that there are not, or that have to be chosen.
        """
        self.facts.choose(channels)
        if self.facts.values.dtype in (np.uint8, np.bool_):
            return ()
        places = [{}] if self.raster.layout is None else list(self.raster.layout.list_places())
        numbers = np.unique(np.linspace(0, len(places) - 1, SAMPLED_PLANES).astype(int))
        samples = [self._open(places[number]).sample(channels) for number in numbers]
        thinned = [one.values[:, :: -(-one.values.shape[1] // SAMPLED_PX)] for one in samples]
        whole = replace(samples[0], values=np.concatenate(thinned, axis=1))
        return whole.choose().find_ranges()

    def close(self) -> None:
        """Let go of the file."""
        self.raster.close()

    def _open(self, place: Place) -> Raster:
        layout = self.raster.layout
        if layout is None:
            return self.raster
        return self.raster.take_plane(layout.list_channels(place), self.facts)


def open_stack(path: str | os.PathLike[str]) -> Stack:
    """Open a file whose planes can be segmented one by one; close it, or use it in a ``with``.

    Raises ``SegfitError`` as ``open_raster``, for planes above 256 megapixels or with a side under
    8 px, and for stacks whose colors are neither grey nor red, green and blue.
    """
    stack = Stack(open_raster(path))
    check_megapixels(stack.name, *stack.shape, max_megapixels=DEFAULT_MAX_MEGAPIXELS)
    check_size(np.empty((*stack.shape, 0)), stack.name)
    return stack
