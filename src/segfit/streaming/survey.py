"""A first look at an image: where anything is, how bright it is, and how large objects are.

Shapes: ``h, w`` a window; ``P`` pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import find_objects

from segfit.basics.arrays import BoolArray
from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide, decide_labels
from segfit.classification.grouping import list_ways, radius_of
from segfit.imaging.contrast import count_levels, find_levels_of
from segfit.imaging.raster.window import Window
from segfit.streaming.scoring import ScoreGrid, WindowedImage

CONTENT_PX = 256
"""Sides of the squares of which each is known to hold something or nothing."""
MOST_COUNTED_PX = 128 << 20
"""Pixels whose levels are counted, evenly over what holds something."""
MOST_SAMPLES = 64
"""Of the classifier's windows, evenly over what holds something, by which objects are measured."""
LOOKBACK_SHARE = 1.5
"""A zone looks back so many times as far as the longest object of the sample is long."""
LEAST_LOOKBACK_PX, LOOKBACK_GRAIN_PX = 192, 32


@dataclass(frozen=True, eq=False)
class Content:
    """Which squares of an image, of ``CONTENT_PX`` a side from its top-left corner, hold anything.

    ``holds``: (rows, columns).
    """

    holds: BoolArray

    def is_empty(self, window: Window) -> bool:
        """Whether nothing is in a window of the image."""
        rows = slice(window.top // CONTENT_PX, -(-window.bottom // CONTENT_PX))
        columns = slice(window.left // CONTENT_PX, -(-window.right // CONTENT_PX))
        return not bool(self.holds[rows, columns].any())


@dataclass(frozen=True)
class Sizes:
    """Of objects in the sample: the radius of each class, in cells, and how long the longest is."""

    radii_cells: dict[int, float]
    longest_px: float

    @property
    def lookback_px(self) -> int:
        """How far a zone has to look back."""
        wanted = max(LEAST_LOOKBACK_PX, LOOKBACK_SHARE * self.longest_px)
        return math.ceil(wanted / LOOKBACK_GRAIN_PX) * LOOKBACK_GRAIN_PX


def find_shared_levels(image: WindowedImage, content: Content) -> tuple[int, int]:
    """The grey levels between which an image lies, see ``find_levels``, where it holds anything."""
    height, width = image.shape
    rows, columns = np.nonzero(content.holds)
    kept = min(len(rows), MOST_COUNTED_PX // CONTENT_PX**2)
    if kept == 0:
        return 0, 255
    counts = np.zeros(256)
    for index in np.linspace(0, len(rows) - 1, kept).round().astype(int).tolist():
        top, left = int(rows[index]) * CONTENT_PX, int(columns[index]) * CONTENT_PX
        window = Window(left, top, min(CONTENT_PX, width - left), min(CONTENT_PX, height - top))
        counts += count_levels(image.read(window))
    return find_levels_of(counts)


def measure_objects(grid: ScoreGrid, classes: ClassTable, decision: Decision) -> Sizes:
    """How large objects are, by a sample of the image."""
    if not grid.look.architecture.has_objects or not classes.object_classes:
        return Sizes({}, 0.0)
    windows = choose_evenly(grid.list_filled(), MOST_SAMPLES)
    lengths: dict[int, list[np.ndarray]] = {index: [] for index in classes.object_classes}
    for window in windows:
        scores = grid.read(window)
        labels = decide_labels(scores, decision, background=classes.background)
        for index in classes.object_classes:
            lengths[index].append(list_ways(labels, index, scores))
    radii = {index: radius_of(np.concatenate(own)) for index, own in lengths.items() if own}
    longest = 0.0
    for window in windows:
        found = decide(grid.read(window), decision, classes, radii_cells=radii)
        if found.objects is None:
            continue
        for box in find_objects(found.objects):
            if box is None:
                continue
            inside = all(
                side.start > 0 and side.stop < length
                for side, length in zip(box, found.shape, strict=True)
            )
            if inside:
                longest = max(longest, *(float(side.stop - side.start) for side in box))
    return Sizes(radii, longest)


def choose_evenly(windows: Sequence[Window], count: int) -> list[Window]:
    """So many of them, evenly in their order, or all."""
    if len(windows) <= count:
        return list(windows)
    places = np.linspace(0, len(windows) - 1, count).round().astype(int)
    return [windows[place] for place in places.tolist()]
