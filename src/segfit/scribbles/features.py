"""Frozen features of every pixel: an encoder's, at strides 2 to 32, and simple filters.

Shapes: ``H, W`` an image; ``h, w`` the finest grid over it; ``D`` features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float32Array, Int32Array, Int64Array, UInt8Array
from segfit.basics.show import show_briefly
from segfit.imaging.read import check_size
from segfit.model.architecture import EncoderArchitecture
from segfit.model.archive import read_features
from segfit.model.precision import Precision
from segfit.model.shipped import find_model
from segfit.result.scores import Window
from segfit.runtime.devices import DeviceKind
from segfit.runtime.session import Session
from segfit.runtime.sessions import open_sessions
from segfit.scribbles.filters import describe_scales
from segfit.scribbles.regions import find_regions

SHIPPED = "features"
"""The shipped encoder."""
CELLS_PX = (1, 2, 4, 8, 16, 32)
COARSEST_PX = CELLS_PX[-1]
LIGHTNESS, COLORS = 0, 3
"""Place of the image's own lightness among the features, and how many it and the colors are."""
FILTERS, ENCODED = (11, 8, 8, 8, 8), (0, 16, 24, 40, 112)
"""Features of filters and, behind them, of the encoder at each of the strides from 1 to 16 px."""
TURNED_WORTH = 0.5
"""How much the filters count that are multiplied by an image's brightness."""
WIDER = slice(2, 4)
"""The encoder also looks at half of the image's resolution; of that its strides 8 and 16 are used,
which are 16 and 32 px of the image."""
WIDER_CHANNELS = 40
"""Those of stride 8, which end the next to last grid."""
WIDER_WORTH = 0.5
"""How much these count in the beginning: they look far, and a few strokes say little of far."""
WINDOW_PX, MARGIN_PX = 1024, 64
"""Larger images are described in windows, each of which looks so far beyond itself. The image is
continued by its mirror image, since an encoder that meets nothing there tells borders from the
rest."""
LARGEST_PX = {1: 3 << 20, 2: 24 << 20, 4: 96 << 20, 8: 192 << 20}
"""Most pixels of an image whose finest cells are so many pixels wide, so that its features take
less than 2 GB."""

Float16Array = NDArray[np.float16]


@dataclass(frozen=True, eq=False)
class PixelFeatures:
    """What is known of each pixel of an image: several grids over it, the finest first.

    ``grids``: (h, w, D) float16 each. ``cells_px``: width of their cells in pixels of the image,
    powers of two. All begin at the image's top-left corner and reach as far, to a multiple of 32 px
    at or beyond its other corner. ``image_shape``: (H, W). What lies between the cells of a grid is
    interpolated. ``mean``: (D,) float32 of each feature over the image; what counts is how far a
    pixel is from it, since images differ in exposure and color more than what they show does.
    ``worth``: (D,) float32, how freely a learner uses each feature. ``filters``: (F,) which of them
    are those of filters. A grid for each stride takes a tenth of the memory that all features of
    every pixel would.
    """

    grids: tuple[Float16Array, ...]
    cells_px: tuple[int, ...]
    image_shape: tuple[int, int]
    mean: Float32Array
    worth: Float32Array
    filters: Int64Array

    __repr__ = show_briefly

    @property
    def cell_px(self) -> int:
        """Width of the finest cells, in pixels of the image."""
        return self.cells_px[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the finest grid that the image touches."""
        height, width = self.image_shape
        return -(-height // self.cell_px), -(-width // self.cell_px)

    @property
    def size(self) -> int:
        """How many features a pixel has, (D + F), see ``sample``."""
        return len(self.mean) + len(self.filters)

    @property
    def worths(self) -> Float32Array:
        """How freely a learner uses each of the features of ``sample``, (D + F,)."""
        return np.concatenate([self.worth, TURNED_WORTH * self.worth[self.filters]])

    @property
    def brightness(self) -> np.float32:
        """How much lighter or darker than grey the image is, −1 to 1."""
        return np.float32(2 * self.mean[LIGHTNESS] - 1)

    @property
    def nbytes(self) -> int:
        """Bytes that they take."""
        return sum(grid.nbytes for grid in self.grids)

    @cached_property
    def contrast(self) -> float:
        """Variance of the image's lightness, which counts from 0 to 1."""
        rows, columns = self.shape
        return float(self.grids[0][:rows, :columns, LIGHTNESS].astype(np.float32).var())

    @cached_property
    def regions(self) -> Int32Array:
        """Regions of one color, numbered from 0, on a coarser grid over the image."""
        rows, columns = self.shape
        colors = self.grids[0][:rows, :columns, :COLORS].astype(np.float32)
        return find_regions(colors, cell_px=self.cell_px)

    def show(self, window: Window) -> Float32Array:
        """Lightness in a window of the finest grid, (h, w) float32."""
        return np.ascontiguousarray(self.grids[0][(*window, LIGHTNESS)], np.float32)

    def sample(self, points: NDArray[np.integer]) -> Float32Array:
        """How far the features of pixels are from the image's mean, (N, D + F) float32.

        Those of filters come twice: behind all others they are multiplied by the image's
        brightness, since what is lighter than its ground in dark images may be darker in bright
        ones.
        ``points``: (N, 2) rows and columns.
        """
        parts = []
        for grid, cell_px in zip(self.grids, self.cells_px, strict=True):
            at = (points.astype(np.float32) + np.float32(0.5)) / np.float32(cell_px) - 0.5
            limits = np.array(grid.shape[:2]) - 1
            at = np.clip(at, 0, limits)
            first = np.floor(at).astype(np.int64)
            second = np.minimum(first + 1, limits)
            share = (at - first).astype(np.float32)[..., None]
            (top, left), (bottom, right) = first.T, second.T
            down, across = share.transpose(1, 0, 2)
            upper = grid[top, left] * (1 - across) + grid[top, right] * across
            lower = grid[bottom, left] * (1 - across) + grid[bottom, right] * across
            parts.append(upper * (1 - down) + lower * down)
        rows = np.concatenate(parts, axis=1) - self.mean
        return np.concatenate([rows, rows[:, self.filters] * self.brightness], axis=1)

    def fold(self, weights: Float32Array) -> Float32Array:
        """Weights of the grids' features (K, D) that do for this image what (K, D + F) do."""
        count = len(self.mean)
        folded = weights[:, :count].copy()
        folded[:, self.filters] += self.brightness * weights[:, count:]
        return folded


def do_nothing() -> None:
    """What happens between two steps where nobody wants to know of them."""


class FeatureExtractor:
    """Describes the pixels of images; in any number of threads at once.

    ``digest``: names the encoder and the filters; what was fitted to the features of one extractor
    is for those of the same digest.
    """

    def __init__(self, session: Session, digest: str) -> None:
        self._session = session
        self.digest = digest

    def describe(
        self, image: UInt8Array, *, on_step: Callable[[], None] = do_nothing
    ) -> PixelFeatures:
        """Features of an image, (H, W, 3) uint8 RGB, large ones in windows.

        Their finest cells are 1 px up to 3 megapixels, 2 px up to 25, 4 px up to 100, 8 px up to
        200 and 16 px beyond that: finer features are then means over a cell. A part of a very large
        image in fine cells is ``replace(describe(part), mean=describe(image).mean)``.
        ``on_step``: called before each step, of which a window has four; what it raises ends the
        work. Raises ``SegfitError`` for a side under 8 px.
        """
        check_size(image, "the image")
        height, width = image.shape[:2]
        cell_px = choose_cell(height * width)
        covered = height + -height % COARSEST_PX, width + -width % COARSEST_PX
        cells_px = tuple(px for px in CELLS_PX if px >= cell_px)
        grids: list[Float16Array] = []
        for rows, columns in list_windows(covered):
            part = image[np.ix_(list_mirrored(rows, height), list_mirrored(columns, width))]
            planes = self._describe_window(part, cell_px, on_step)
            for index, (plane, px) in enumerate(zip(planes, cells_px, strict=True)):
                if len(grids) <= index:
                    shape = covered[0] // px, covered[1] // px, len(plane)
                    grids.append(np.empty(shape, np.float16))
                skip = MARGIN_PX // px
                kept = plane[:, skip : plane.shape[1] - skip, skip : plane.shape[2] - skip]
                grids[index][
                    rows.start // px : rows.stop // px, columns.start // px : columns.stop // px
                ] = kept.transpose(1, 2, 0)
        means = [
            np.mean(grid[: -(-height // px), : -(-width // px)], axis=(0, 1), dtype=np.float32)
            for grid, px in zip(grids, cells_px, strict=True)
        ]
        return PixelFeatures(
            tuple(grids), cells_px, (height, width), np.concatenate(means), *list_kinds(grids)
        )

    def _describe_window(
        self, window: UInt8Array, cell_px: int, on_step: Callable[[], None]
    ) -> list[Float32Array]:
        """Features of a part of an image at each kept stride, (D, h, w)."""
        on_step()
        filters = describe_scales(window)
        on_step()
        encoded = self._session.run({"images": window[None]})
        half = cv2.resize(window, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        on_step()
        wider = self._session.run({"images": np.asarray(half, np.uint8)[None]})[WIDER]
        on_step()
        levels = [[filters[0]]]
        levels += [[own, taps[0]] for own, taps in zip(filters[1:], encoded, strict=True)]
        levels[-1].append(wider[0][0])
        levels.append([wider[1][0]])
        planes = [np.concatenate(level) for level in levels]
        while planes[0].shape[1] > window.shape[0] // cell_px:
            finest, coarser, *others = planes
            planes = [np.concatenate([_halve(finest), coarser]), *others]
        return planes


def list_kinds(grids: Sequence[Float16Array]) -> tuple[Float32Array, Int64Array]:
    """How freely each feature of grids (h, w, D) is used, (D,), and which are filters', (F,)."""
    worths = [np.ones(grid.shape[2], np.float32) for grid in grids]
    worths[-2][-WIDER_CHANNELS:] = worths[-1][:] = WIDER_WORTH
    ends = np.cumsum([count + encoded for count, encoded in zip(FILTERS, ENCODED, strict=True)])
    begins = [0, *ends[:-1].tolist()]
    places = [np.arange(start, start + n) for start, n in zip(begins, FILTERS, strict=True)]
    return np.concatenate(worths), np.concatenate(places).astype(np.int64)


def _halve(planes: Float32Array) -> Float32Array:
    """Means of 2×2 cells of planes (D, h, w)."""
    count, height, width = planes.shape
    blocks = planes.reshape(count, height // 2, 2, width // 2, 2)
    return np.asarray(blocks.mean(axis=(2, 4)), np.float32)


def choose_cell(pixels: int) -> int:
    """Width of the finest cells of an image of so many pixels."""
    return next((cell for cell, most in LARGEST_PX.items() if pixels <= most), 16)


def list_mirrored(side: slice, length: int) -> Int64Array:
    """Places of a window and its margins on a side, which goes on as its mirror image."""
    at = np.arange(side.start - MARGIN_PX, side.stop + MARGIN_PX) % (2 * length)
    return np.asarray(np.minimum(at, 2 * length - 1 - at), np.int64)


def list_windows(shape: tuple[int, int]) -> Iterator[Window]:
    """Windows that cover a grid of pixels, none much smaller than another."""
    rows, columns = (_divide(side) for side in shape)
    return ((row, column) for row in rows for column in columns)


def _divide(side_px: int) -> list[slice]:
    """A side, a multiple of 32, in spans of up to ``WINDOW_PX`` that are multiples of it, too."""
    count = -(-side_px // WINDOW_PX)
    cells = np.linspace(0, side_px // COARSEST_PX, count + 1).round().astype(int).tolist()
    return [slice(start * COARSEST_PX, stop * COARSEST_PX) for start, stop in pairwise(cells)]


def open_features(
    *,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> FeatureExtractor:
    """Open the shipped encoder; ``backend``, ``device``, …: as ``load`` takes them."""
    model = read_features(find_model(SHIPPED))
    sessions = open_sessions(
        model, backend=backend, device=device, threads=threads, precision=precision
    )
    return FeatureExtractor(sessions[EncoderArchitecture.NAME], f"{model.digest}-{EDITION}")


EDITION = "3"
"""Of the filters and of what is made of features: what was fitted to others no longer holds."""
