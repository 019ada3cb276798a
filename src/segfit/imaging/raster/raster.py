"""An image of any size: what one needs to know of it, and its pixels window by window.

Shapes: ``H, W`` the image; ``h, w`` a window; ``C`` channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from segfit.basics.arrays import BoolArray
from segfit.errors import SegfitError
from segfit.imaging.channels import Channels
from segfit.imaging.layout import Layout
from segfit.imaging.orientation import UPRIGHT, turn_upright
from segfit.imaging.raster.placement import Placement
from segfit.imaging.raster.sample import choose_sample
from segfit.imaging.raster.window import Window, find_stored_window, turn_shape
from segfit.imaging.scale import Scale
from segfit.imaging.stored import StoredImage, Values, looks_like_alpha
from segfit.imaging.tiff import blank_nodata


class WindowReader(Protocol):
    """A file that gives the pixels of a window, as it stores them; several threads may ask it.

    ``has_gaps``: whether ``find_covered`` may give anything but None.
    """

    has_gaps: bool

    def read(self, window: Window, *, level: int, channels: Sequence[int]) -> Values:
        """The values (h, w, C) of these channels; the value for "nothing" where there are none."""

    def find_covered(self, window: Window, *, level: int) -> BoolArray | None:
        """The pixels (h, w) that the file has anything for; None where that is all of them."""

    def close(self) -> None:
        """Let go of the file."""


class Raster:
    """An image of any size, upright, whose windows are read when they are asked for.

    ``facts``: all but its pixels, of which it has none: (0, 0, C) of the type that is read.
    ``levels``: (height, width) of the image and of its overviews, the full size first. ``nodata``:
    the value that stands for "nothing was measured here". ``placement``: where it lies on the map.
    ``notes``: what of the file is left out, a sentence each. ``layout``: along what axes its
    channels lie, None for those of a single plane. Several threads may read it. It is a
    context manager, which closes the file.
    """

    def __init__(
        self,
        facts: StoredImage,
        reader: WindowReader,
        levels: Sequence[tuple[int, int]],
        *,
        nodata: float | None = None,
        placement: Placement | None = None,
        notes: Sequence[str] = (),
        orientation: int = UPRIGHT,
        layout: Layout | None = None,
    ) -> None:
        """``levels`` and the reader's windows are as stored, turned by ``orientation`` (EXIF)."""
        self.facts = facts
        self.levels = tuple(turn_shape(shape, orientation) for shape in levels)
        self.nodata = nodata
        self.placement = placement
        self.notes = tuple(notes)
        self.layout = layout
        self._reader = reader
        self._orientation = orientation

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<Raster {self.name}, {width}×{height} px, {len(self.levels)} levels>"

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
        return self.facts.name

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.levels[0]

    @property
    def names(self) -> tuple[str, ...]:
        """The channels' names."""
        return self.facts.names

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """The type of a value."""
        return self.facts.values.dtype

    @property
    def bits(self) -> int:
        """How many bits of a value are used."""
        return self.facts.bits

    @property
    def is_color(self) -> bool:
        """Whether three channels are the colors of one photograph."""
        return self.facts.is_color

    @property
    def alpha(self) -> int | None:
        """The channel that says how opaque a pixel is."""
        return self.facts.alpha

    @property
    def scale(self) -> Scale | None:
        """The size of a pixel, where the file says it."""
        return self.facts.scale

    @property
    def scale_note(self) -> str:
        """Why the size of a pixel that the file says is not used."""
        return self.facts.scale_note

    @cached_property
    def has_alpha(self) -> bool:
        """Whether what the file calls alpha is alpha: what is not sure is judged by a sample."""
        if self.alpha is None or self.facts.is_sure:
            return self.alpha is not None
        return looks_like_alpha(self.sample((self.alpha,)).values)

    @property
    def may_lack_data(self) -> bool:
        """Whether ``has_data`` may be False anywhere."""
        marked = self.nodata is not None or self.dtype.kind == "f"
        return marked or self._reader.has_gaps or self.has_alpha

    def read(
        self, window: Window, *, level: int = 0, channels: Sequence[int] | None = None
    ) -> Values:
        """The values (h, w, C) as stored, of all channels or of those that are listed.

        Raises ``SegfitError`` for a window that does not lie within the level, and where the file
        turns out to be damaged.
        """
        stored = self._find_stored(window, level)
        wanted = range(len(self.names)) if channels is None else channels
        values = self._reader.read(stored, level=level, channels=wanted)
        return np.asarray(turn_upright(values, self._orientation))

    def store(
        self, window: Window, *, level: int = 0, channels: Channels | None = None
    ) -> StoredImage:
        """A window as the image that ``read_image`` would read, if the file held no more.

        ``channels``: those that are shown; None for all. Raises ``SegfitError`` as ``read``, and
        for channels that there are not.
        """
        facts = self.facts if channels is None else self.facts.choose(channels)
        values = self.read(window, level=level, channels=channels)
        return replace(facts, values=blank_nodata(values, self.nodata))

    def sample(self, channels: Channels | None = None) -> StoredImage:
        """Pixels from all over the image, in one row, (1, N, C), always the same.

        All of them where they are few, else those of an overview or of blocks at regular distances,
        see ``choose_sample``.
        """
        level, windows = choose_sample(self.levels)
        parts = [self.store(window, level=level, channels=channels) for window in windows]
        rows = [part.values.reshape(1, -1, len(part.names)) for part in parts]
        return replace(parts[0], values=np.concatenate(rows, axis=1))

    def has_data(self, window: Window, *, level: int = 0) -> BoolArray:
        """Where (h, w) anything was measured.

        Not where the file has nothing, where alpha is 0, and where all channels beside it are
        "nothing was measured here": NaN, or ``nodata``.
        """
        stored = self._find_stored(window, level)
        covered = self._reader.find_covered(stored, level=level)
        found = np.ones(window.shape, np.bool_)
        if covered is not None:
            found &= turn_upright(covered, self._orientation)
        if self.alpha is not None and self.has_alpha:
            found &= self.read(window, level=level, channels=[self.alpha])[..., 0] > 0
        if self.nodata is not None or self.dtype.kind == "f":
            colors = [place for place in range(len(self.names)) if place != self.alpha]
            found &= self._find_measured(self.read(window, level=level, channels=colors))
        return found

    def take_plane(self, channels: Sequence[int], facts: StoredImage) -> Raster:
        """Some of the channels as an image by itself, which is open as long as this one.

        ``facts``: of that image.
        """
        return Raster(
            facts,
            _Taken(self._reader, channels),
            [turn_shape(shape, self._orientation) for shape in self.levels],
            nodata=self.nodata,
            placement=self.placement,
            notes=self.notes,
            orientation=self._orientation,
        )

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()

    def _find_measured(self, values: Values) -> BoolArray:
        lacking = np.zeros(values.shape, np.bool_)
        if self.nodata is not None:
            lacking |= values == self.nodata
        if values.dtype.kind == "f":
            lacking |= np.isnan(values)
        return np.asarray(~lacking.all(axis=2))

    def _find_stored(self, window: Window, level: int) -> Window:
        height, width = self.levels[level]
        is_within = 0 <= window.left < window.right <= width
        if not (is_within and 0 <= window.top < window.bottom <= height):
            raise SegfitError(
                f"{window} does not lie within level {level} of {self.name}, {width}×{height} px: "
                "give one that does, and has pixels"
            )
        return find_stored_window(window, (height, width), self._orientation)


class _Taken:
    """Some of the channels of a reader, which others close."""

    def __init__(self, reader: WindowReader, channels: Sequence[int]) -> None:
        self.has_gaps = reader.has_gaps
        self._reader, self._channels = reader, channels

    def read(self, window: Window, *, level: int, channels: Sequence[int]) -> Values:
        taken = [self._channels[channel] for channel in channels]
        return self._reader.read(window, level=level, channels=taken)

    def find_covered(self, window: Window, *, level: int) -> BoolArray | None:
        return self._reader.find_covered(window, level=level)

    def close(self) -> None:
        pass
