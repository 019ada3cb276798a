"""Scores of any window of an image: each part is shown to the classifier once, on one fixed grid.

Shapes: ``h, w`` a window of the score grid; ``P`` its planes.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np

from segfit.basics.arrays import BoolArray, Float32Array, UInt8Array
from segfit.classes import ClassTable
from segfit.classification.classify import (
    OBJECT_MAPS,
    WINDOW_OVERLAP_PX,
    WINDOW_PX,
    ScoreNetwork,
    score_cells,
)
from segfit.imaging.contrast import stretch_levels
from segfit.imaging.raster.window import Window
from segfit.imaging.resizing import read_resized
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.scaling import Scaling
from segfit.result.scores import Scores
from segfit.streaming.tiling import overlap, within

STEP_PX = WINDOW_PX - WINDOW_OVERLAP_PX
SKIPPED_PX = WINDOW_OVERLAP_PX // 2
"""Of a network window's top and left: these cells lie deeper in the window before."""
SETTLED_CELLS = 16
"""Windows of the grid begin at multiples of so many cells."""
SURE = 20.0
"""Logit of what nobody looked at, since there is nothing: sure to be background."""
KEPT_BYTES = 96 << 20


class WindowedImage(Protocol):
    """An image whose windows are read when they are asked for, such as a ``ShownRaster``."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        ...

    def read(self, window: Window) -> UInt8Array:
        """A window (h, w, 3) uint8 RGB."""
        ...

    def has_data(self, window: Window) -> BoolArray | None:
        """Where (h, w) anything was measured; None where it was all."""
        ...


@dataclass(frozen=True)
class Look:
    """How a classifier looks at an image that comes in windows.

    ``levels``: the grey levels that are spread over all, for a scaling that does; of the image.
    """

    network: ScoreNetwork
    architecture: ClassifierArchitecture
    scaling: Scaling
    classes: ClassTable
    levels: tuple[int, int] | None = None


class ScoreGrid:
    """The score grid over an image, computed where it is asked for.

    The classifier's windows lie where they lie over a whole image, and each is shown once: what
    was computed is kept, in memory or, beyond ``KEPT_BYTES``, as files in a folder, until
    ``forget_above`` says that it is not needed any more. Safe in threads. Sent to another process
    it begins anew there and has no folder: beyond that, it computes again.
    """

    def __init__(
        self,
        image: WindowedImage,
        look: Look,
        *,
        is_empty: Callable[[Window], bool],
        folder: Path | None,
    ) -> None:
        """``is_empty``: whether a window of the image is known to hold nothing."""
        self.image, self.look = image, look
        self.is_empty, self._folder = is_empty, folder
        self._working = look.scaling.working_size(*image.shape)
        self._stride = look.architecture.output_stride
        self._kept: OrderedDict[tuple[int, int], Float32Array] = OrderedDict()
        self._locks: dict[tuple[int, int], Lock] = {}
        self._lock = Lock()
        self._planes = 0

    def __reduce__(self) -> tuple[Any, ...]:
        return _begin_grid, (self.image, self.look, self.is_empty)

    @property
    def cell_px(self) -> tuple[float, float]:
        """Height and width of a cell, in image pixels."""
        high, wide = (
            self._stride * side / working
            for side, working in zip(self.image.shape, self._working, strict=True)
        )
        return high, wide

    def read(self, window: Window, *, features: bool = False) -> Scores:
        """The scores of a window of the image; with the features, which other networks look at."""
        outputs = self.look.architecture.outputs
        maps = OBJECT_MAPS if self.look.architecture.has_objects else 0
        (top, bottom), (left, right) = self._find_cells(window)
        grid: Float32Array | None = None
        for row in self._list_windows(top, bottom):
            for column in self._list_windows(left, right):
                part = self._get(row, column)[: None if features else outputs + maps]
                if grid is None:
                    grid = np.empty((len(part), bottom - top, right - left), np.float32)
                own = self._kept_cells(row, column)
                shared = overlap(own, Window(left, top, right - left, bottom - top))
                if shared is not None:
                    frame = Window(left, top, right - left, bottom - top)
                    grid[(slice(None), *within(shared, frame))] = part[
                        (slice(None), *within(shared, own))
                    ]
        assert grid is not None
        high, wide = self.cell_px
        return Scores(
            logits=grid[:outputs],
            image_shape=window.shape,
            covered_shape=(grid.shape[1] * high, grid.shape[2] * wide),
            features=grid[outputs + maps :] if len(grid) > outputs + maps else None,
            object_maps=grid[outputs : outputs + maps] if maps else None,
            origin_px=(window.left - left * wide, window.top - top * high),
            in_windows=True,
        )

    def list_filled(self) -> list[Window]:
        """The parts of the image that the classifier's windows answer for, where anything is."""
        high, wide = self.cell_px
        height, width = self.image.shape
        found = []
        cells = [-(-working // self._stride) for working in self._working]
        for row in self._list_windows(0, cells[0]):
            for column in self._list_windows(0, cells[1]):
                kept = self._kept_cells(row, column)
                top, left = math.ceil(kept.top * high), math.ceil(kept.left * wide)
                bottom = min(height, int(kept.bottom * high))
                right = min(width, int(kept.right * wide))
                window = Window(left, top, right - left, bottom - top)
                if not self.is_empty(window):
                    found.append(window)
        return found

    def forget_above(self, row_px: int) -> None:
        """Drop what lies wholly above a row of the image."""
        first = int(row_px / self.cell_px[0])
        with self._lock:
            for place in [one for one in self._kept if self._kept_cells(*one).bottom < first]:
                del self._kept[place]
            spilled = [] if self._folder is None else list(self._folder.glob("scores-*.npy"))
            for path in spilled:
                row, column = map(int, path.stem.split("-")[1:])
                if self._kept_cells(row, column).bottom < first:
                    path.unlink()

    def _find_cells(self, window: Window) -> list[tuple[int, int]]:
        """First cell and the one after the last, down and across, that a window looks at."""
        spans = ((window.top, window.bottom), (window.left, window.right))
        found = []
        for (begin, end), cell, working in zip(spans, self.cell_px, self._working, strict=True):
            cells = -(-working // self._stride)
            first = max(0, int(begin / cell) - 1) // SETTLED_CELLS * SETTLED_CELLS
            found.append((first, min(cells, math.ceil(end / cell) + 2)))
        return found

    def _list_windows(self, first: int, last: int) -> range:
        """Numbers of the network's windows along a side whose kept cells meet [first, last)."""
        step, skipped = STEP_PX // self._stride, SKIPPED_PX // self._stride
        return range(max(0, (first - skipped) // step), max(1, -(-(last - skipped) // step)))

    def _kept_cells(self, row: int, column: int) -> Window:
        """The cells that are taken from a network window, as a window of the grid."""
        spans = []
        for number, working in zip((row, column), self._working, strict=True):
            cells = -(-working // self._stride)
            step, skipped = STEP_PX // self._stride, SKIPPED_PX // self._stride
            begin = number * step + (skipped if number else 0)
            is_last = (number + 1) * STEP_PX >= working - WINDOW_OVERLAP_PX
            spans.append((begin, cells if is_last else (number + 1) * step + skipped))
        (top, bottom), (left, right) = spans
        return Window(left, top, right - left, bottom - top)

    def _get(self, row: int, column: int) -> Float32Array:
        with self._lock:
            lock = self._locks.setdefault((row, column), Lock())
        with lock:
            with self._lock:
                part = self._kept.get((row, column))
                if part is not None:
                    self._kept.move_to_end((row, column))
                    return part
            path = self._name_spilled(row, column)
            if path is not None and path.is_file():
                # No more of it is read than is asked for, and it stays there.
                return np.asarray(np.load(path, mmap_mode="r"))
            part = self._score(row, column)
            with self._lock:
                self._kept[row, column] = part
                while sum(map(_measure_bytes, self._kept.values())) > KEPT_BYTES:
                    self._spill(*self._kept.popitem(last=False))
            return part

    def _spill(self, place: tuple[int, int], part: Float32Array) -> None:
        path = self._name_spilled(*place)
        if (
            path is not None and not path.is_file() and _measure_bytes(part)
        ):  # what is empty is quickly made anew
            np.save(path, part)

    def _name_spilled(self, row: int, column: int) -> Path | None:
        return None if self._folder is None else self._folder / f"scores-{row}-{column}.npy"

    def _score(self, row: int, column: int) -> Float32Array:
        """The kept cells (P, h, w) of a network window."""
        height, width = self._working
        top, left = row * STEP_PX, column * STEP_PX
        bottom, right = min(height, top + WINDOW_PX), min(width, left + WINDOW_PX)
        kept = self._kept_cells(row, column)
        region = self._to_image(top, left, bottom, right)
        if self.is_empty(region):
            return self._make_empty(kept)
        working = read_resized(
            self.image.read,
            self.image.shape,
            self._working,
            Window(left, top, right - left, bottom - top),
        )
        if self.look.scaling.stretch:
            working = stretch_levels(working, self.look.levels)
        grid, stride, _ = score_cells(np.ascontiguousarray(working), self.look.network)
        assert stride == self._stride
        self._planes = len(grid)
        down, across = kept.top - top // stride, kept.left - left // stride
        return grid[:, down : down + kept.height, across : across + kept.width].copy()

    def _make_empty(self, kept: Window) -> Float32Array:
        """Cells of a window with nothing in it; one number a plane takes the place of all."""
        if not self._planes:
            side = max(64, self._stride * 32)
            blank = np.zeros((side, side, 3), np.uint8)
            self._planes = len(score_cells(blank, self.look.network)[0])
        planes = np.zeros((self._planes, 1, 1), np.float32)
        outputs = self.look.architecture.outputs
        background = self.look.classes.background
        assert background is not None
        planes[:outputs] = -SURE
        if outputs > 1:
            planes[background] = SURE
        return np.broadcast_to(planes, (self._planes, *kept.shape))

    def _to_image(self, top: int, left: int, bottom: int, right: int) -> Window:
        """The pixels of the image that working pixels are made from."""
        (height, width), (high, wide) = self.image.shape, self._working
        first_row, first_column = int(top * height / high), int(left * width / wide)
        last_row = min(height, math.ceil(bottom * height / high))
        last_column = min(width, math.ceil(right * width / wide))
        return Window(first_column, first_row, last_column - first_column, last_row - first_row)


def _begin_grid(image: WindowedImage, look: Look, is_empty: Callable[[Window], bool]) -> ScoreGrid:
    return ScoreGrid(image, look, is_empty=is_empty, folder=None)


def _measure_bytes(part: Float32Array) -> int:
    """The memory that cells take: of those of nothing, which are all alike, next to none."""
    return part.nbytes if part.strides[1] else 0
