"""Where to look at an image of any size so that all that is labelled is seen, and little else.

Frame: pixels of the full size; boxes are (left, top, right, bottom). Shapes: ``P`` polygons, ``B``
boxes, ``W`` windows.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.datasets.layers.layer import Geometries
from segfit.imaging.raster.window import Window

LARGEST_PX, SMALLEST_PX = 1024, 256
"""A window's sides at most; and what they are halved to at least where there are few windows."""
LEAST_WINDOWS = 5
"""So that a validation split has one."""
CONTEXT_PX = 32
"""What is seen at least around a polygon that lies in no area."""
OVERHANG_PX = 128
"""How far a polygon may reach beyond the box of an area, to be looked at in that alone."""
CELL_PX = 64
"""Polygons whose cells of this size meet are looked at together."""
LARGEST_SHARE = 0.1
"""Of all windows that stay together in a split; what lies together and is more is cut."""


@dataclass(frozen=True)
class PlannedWindow:
    """A window, and the number of what lies together with it."""

    window: Window
    patch: int


def find_patches(shape: tuple[int, int], areas: Geometries, others: Geometries) -> Int64Array:
    """Boxes (B, 4) that do not overlap and hold all that is labelled.

    ``areas``: each has a box that fits it. ``others``: polygons, which are looked at with some
    context around them; those in a box of an area need no other, nor do those that reach a little
    beyond it, and are cut off there. ``shape``: of the image.
    """
    fitting = _clip(_round_out(shapely.bounds(areas)), shape)
    boxes = merge_boxes(fitting)
    loose = shapely.bounds(others)
    if len(boxes) and len(loose):
        tree = shapely.STRtree(shapely.box(*boxes.T.astype(np.float64)))
        own, of_area = tree.query(shapely.box(*loose.T), predicate="intersects")
        beyond = (loose[own] - boxes[of_area]) * (-1, -1, 1, 1)
        inside = np.unique(own[(beyond <= OVERHANG_PX).all(axis=1)])
        loose = np.delete(loose, inside, axis=0)
    if len(loose):
        boxes = merge_boxes(np.concatenate([boxes, _gather(loose, shape)]))
    return boxes


def _gather(bounds: Float64Array, shape: tuple[int, int]) -> Int64Array:
    """Boxes (B, 4) around polygons whose cells, with their context, meet; ``bounds``: (P, 4)."""
    height, width = shape
    grid = -(-height // CELL_PX), -(-width // CELL_PX)
    middles, halves = (bounds[:, :2] + bounds[:, 2:]) / 2, (bounds[:, 2:] - bounds[:, :2]) / 2
    reach = np.maximum(halves + CONTEXT_PX, SMALLEST_PX / 2)
    wide = np.concatenate([middles - reach, middles + reach], axis=1)
    cells = _clip(_round_out(wide / CELL_PX), grid)
    # Ones are put at corners so that two cumulative sums count the boxes over each cell.
    steps = np.zeros((grid[0] + 1, grid[1] + 1), np.int32)
    left, top, right, bottom = cells.T
    corners = ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1))
    for rows, columns, sign in corners:
        np.add.at(steps, (rows, columns), sign)
    covered = steps.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0
    numbers, _ = ndimage.label(covered)
    found = [
        (columns.start, rows.start, columns.stop, rows.stop)
        for rows, columns in ndimage.find_objects(numbers)
    ]
    return _clip(np.array(found, np.int64).reshape(-1, 4) * CELL_PX, shape)


def merge_boxes(boxes: Int64Array) -> Int64Array:
    """Boxes (B, 4), those that overlap replaced by one around them, until none do, by position.

    >>> merge_boxes(np.array([[0, 0, 4, 4], [3, 3, 6, 6], [6, 0, 8, 4], [8, 0, 9, 9]])).tolist()
    [[0, 0, 6, 6], [6, 0, 8, 4], [8, 0, 9, 9]]
    """
    while len(boxes):
        shapes = shapely.box(*(boxes.T + np.array([[0.25], [0.25], [-0.25], [-0.25]])))
        pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects")
        graph = coo_array((np.ones(pairs.shape[1], np.int8), tuple(pairs)), (len(boxes),) * 2)
        count, part = connected_components(graph, directed=False)
        merged = np.empty((count, 4), np.int64)
        for side in range(4):
            found = ndimage.minimum if side < 2 else ndimage.maximum
            merged[:, side] = found(boxes[:, side], part, np.arange(count))
        if count == len(boxes):
            break
        boxes = merged
    return boxes[np.lexsort((boxes[:, 0], boxes[:, 1]))]


def cut_boxes(boxes: Int64Array, *, side_px: int) -> list[PlannedWindow]:
    """Boxes (B, 4), each cut evenly into windows of ``side_px`` at most."""
    return [
        PlannedWindow(window, patch)
        for patch, box in enumerate(boxes.tolist())
        for window in _cut_box(box, side_px)
    ]


def _cut_box(box: Sequence[int], side_px: int) -> Iterator[Window]:
    left, top, right, bottom = box
    across = np.linspace(left, right, math.ceil((right - left) / side_px) + 1).round().astype(int)
    down = np.linspace(top, bottom, math.ceil((bottom - top) / side_px) + 1).round().astype(int)
    for upper, lower in zip(down[:-1].tolist(), down[1:].tolist(), strict=True):
        for first, last in zip(across[:-1].tolist(), across[1:].tolist(), strict=True):
            yield Window(first, upper, last - first, lower - upper)


def group_windows(windows: Sequence[PlannedWindow], *, most: int) -> list[int]:
    """A number for each window: those of the same one stay together in a split.

    They are the windows of a patch, or a part of it, cut across its longer side into halves, where
    there are more than ``most``.
    """
    patches: dict[int, list[int]] = defaultdict(list)
    for place, one in enumerate(windows):
        patches[one.patch].append(place)
    numbers = [0] * len(windows)
    waiting = list(reversed(patches.values()))
    count = 0
    while waiting:
        places = waiting.pop()
        if len(places) > most:
            waiting += reversed(_halve(places, windows))
            continue
        for place in places:
            numbers[place] = count
        count += 1
    return numbers


def _halve(places: Sequence[int], windows: Sequence[PlannedWindow]) -> tuple[list[int], list[int]]:
    lefts = [windows[place].window.left for place in places]
    tops = [windows[place].window.top for place in places]
    is_wide = max(lefts) - min(lefts) >= max(tops) - min(tops)
    key = (lefts, tops) if is_wide else (tops, lefts)
    order = np.lexsort(key[::-1])
    ordered = [places[number] for number in order.tolist()]
    middle = len(ordered) // 2
    return ordered[:middle], ordered[middle:]


def _round_out(boxes: Float64Array) -> Int64Array:
    """The whole numbers (B, 4) around boxes."""
    low, high = np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])
    return np.concatenate([low, high], axis=1).astype(np.int64)


def _clip(boxes: Int64Array, shape: tuple[int, int]) -> Int64Array:
    """Boxes (B, 4) within (height, width)."""
    height, width = shape
    return np.asarray(boxes.clip(0, [width, height, width, height]))
