"""Regions of an image as objects: outline, box, size and error.

Frame: continuous image coordinates (x, y), pixel (row r, column c) covers [c, c+1] × [r, r+1].
Shapes: ``N`` points of a ring.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property, partial
from typing import Generic, TypeVar

import cv2
import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array, Int64Array, UInt8Array
from segfit.basics.geometry import Ring, measure_area, measure_length
from segfit.basics.show import show_briefly
from segfit.classes import ClassTable
from segfit.partition import Partition, trace_rings

EDGE_REACH_PX = 0.5
"""Points this close to a box's edge say how well its place is known."""


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """A rotated rectangle.

    ``center_xy``: in image coordinates. ``width`` in pixels along the direction ``angle_deg``,
    which is above −45 and at most 45, from the x axis clockwise on the screen; ``height`` across.
    ``error_px``: (4,) standard errors of the top, right, bottom and left edge's places, named as
    before it was rotated; None where nobody knows them, NaN for an edge of which nobody does.
    """

    center_xy: tuple[float, float]
    width: float
    height: float
    angle_deg: float
    error_px: Float64Array | None = None

    __repr__ = show_briefly

    @property
    def corners(self) -> Float64Array:
        """Top left, top right, bottom right and bottom left, as before it was rotated, (4, 2)."""
        halves = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (self.width / 2, self.height / 2)
        return np.asarray(self.center_xy + halves @ box_axes(self.angle_deg))


Answer = TypeVar("Answer")


@dataclass(frozen=True, eq=False)
class Known(Generic[Answer]):
    """What was to be computed when it is asked for, and is known already; it can be pickled."""

    answer: Answer

    def __call__(self) -> Answer:
        """The answer."""
        return self.answer


FindBoxes = Callable[[], Mapping[int, OrientedBox]]
"""Boxes that a network moved, by their regions' numbers; a region may have none."""


@dataclass(frozen=True, eq=False)
class Region:
    """Pixels of one class that are joined by their sides, and of one object where objects touch.

    ``label``: index of its class, ``name``: that class's name. ``object_number``: from 1, as
    ``Segmentation.objects`` has it; None for a class without objects. ``score``: mean probability
    of the class over the region, times how tightly an object's pixels meet where a network leads
    them to its centre; None where nobody knows it. ``polygon``: rings (N, 2) float64, not closed;
    the outer one first, clockwise on the screen, and then holes, the other way round; no ring
    touches itself, two of them may touch by a corner. Where a neighbour shares the border it has
    the very same points. ``vertex_error_px``: their standard errors, (N,) for each ring, NaN where
    unknown, or None where nobody knows any. ``moved_box``: the box that a network moved; gives None
    where it has none.
    """

    label: int
    name: str
    object_number: int | None
    score: float | None
    polygon: tuple[Ring, ...]
    vertex_error_px: tuple[Float64Array, ...] | None = None
    moved_box: Callable[[], OrientedBox | None] | None = None

    def __repr__(self) -> str:
        """Class, number, size and how well its outline is known, in one line."""
        number = "" if self.object_number is None else f" {self.object_number}"
        known = "" if self.error_px_mean is None else f", outline ± {self.error_px_mean:.2f} px"
        sure = "" if self.score is None else f", score {self.score:.2f}"
        return f"<Region {self.name}{number}: {self.area_px:.1f} px²{known}{sure}>"

    def __getstate__(self) -> dict[str, object]:
        """The fields, for pickling: a box that a network moves is moved now."""
        state: dict[str, object] = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.moved_box is not None:
            state["moved_box"] = Known(self.box)
        return state

    @cached_property
    def area_px(self) -> float:
        """Area in pixels, holes taken off."""
        return sum(measure_area(ring) for ring in self.polygon)

    @cached_property
    def perimeter_px(self) -> float:
        """Length of all rings, those of holes and along the image's edge included."""
        return sum(measure_length(ring) for ring in self.polygon)

    @cached_property
    def bounds_xyxy(self) -> tuple[float, float, float, float]:
        """Smallest and largest x and y: (left, top, right, bottom)."""
        left, top = self.polygon[0].min(axis=0).tolist()
        right, bottom = self.polygon[0].max(axis=0).tolist()
        return left, top, right, bottom

    @cached_property
    def box(self) -> OrientedBox:
        """The rectangle of least area around it, or the one that the model's network moved.

        Of the former, an edge's error is the mean of the outline's points that lie within half a
        pixel of it.
        """
        moved = None if self.moved_box is None else self.moved_box()
        if moved is not None:
            return moved
        errors = None if self.vertex_error_px is None else self.vertex_error_px[0]
        return fit_box(self.polygon[0], errors)

    @property
    def error_px_mean(self) -> float | None:
        """Mean of the known errors of its vertices, in pixels."""
        known = self._known_errors
        return float(known.mean()) if known.size else None

    @property
    def error_px_worst(self) -> float | None:
        """Largest of the known errors of its vertices, in pixels."""
        known = self._known_errors
        return float(known.max()) if known.size else None

    @cached_property
    def _known_errors(self) -> Float64Array:
        errors = np.concatenate(self.vertex_error_px or [np.empty(0)])
        return np.asarray(errors[np.isfinite(errors)])


def collect_regions(
    partition: Partition,
    classes: ClassTable,
    scores: Float64Array | None,
    find_boxes: FindBoxes | None = None,
) -> tuple[Region, ...]:
    """Regions of every class but the background, in the partition's order.

    ``scores``: (R,) of all the partition's regions, NaN where unknown, or None. Regions whose label
    is not a class (``IGNORE``) are left out. ``find_boxes``: called when a box is first needed.
    """
    regions = []
    numbers = number_regions(partition, classes).tolist()
    labels = partition.labels.tolist()
    for index in np.flatnonzero(are_in_results(partition.labels, classes)).tolist():
        label = labels[index]
        rings = trace_rings(partition, index)
        errors = partition.error_px
        score = math.nan if scores is None else float(scores[index])
        regions.append(
            Region(
                label=label,
                name=classes.names[label],
                object_number=numbers[index] or None,
                score=None if math.isnan(score) else score,
                polygon=tuple(partition.points[ring] for ring in rings),
                vertex_error_px=None if errors is None else tuple(errors[ring] for ring in rings),
                moved_box=None if find_boxes is None else partial(_pick_box, find_boxes, index),
            )
        )
    return tuple(regions)


def are_in_results(labels: UInt8Array, classes: ClassTable) -> BoolArray:
    """Whether regions of these labels are in results, (R,): of a class, not of the background."""
    found = labels < len(classes)
    if classes.background is not None:
        found &= labels != classes.background
    return np.asarray(found)


def number_regions(partition: Partition, classes: ClassTable) -> Int64Array:
    """Numbers from 1 of the regions that are objects, 0 for the others, (R,)."""
    is_object = np.isin(partition.labels, classes.object_classes)
    return np.asarray(np.cumsum(is_object) * is_object, np.int64)


def _pick_box(find_boxes: FindBoxes, region: int) -> OrientedBox | None:
    return find_boxes().get(region)


def fit_box(points: Ring, error_px: Float64Array | None = None) -> OrientedBox:
    """Rectangle of least area around points (N, 2) with errors (N,): see ``Region.box``."""
    # Single precision is enough for the angle, once the points lie about the origin.
    _, _, angle_deg = cv2.minAreaRect((points - points.mean(axis=0)).astype(np.float32))
    angle_deg = 45 - (45 - float(angle_deg)) % 90  # a quarter turn only swaps the sides
    axes = box_axes(angle_deg)
    along = points @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    center, (width, height) = (low + high) / 2 @ axes, (high - low).tolist()
    edge_errors = None
    if error_px is not None:
        to_edges = np.stack(
            [
                along[:, 1] - low[1],
                high[0] - along[:, 0],
                high[1] - along[:, 1],
                along[:, 0] - low[0],
            ]
        )
        near = (to_edges <= EDGE_REACH_PX) & np.isfinite(error_px)
        count = near.sum(axis=1)
        total = np.where(near, error_px, 0.0).sum(axis=1)
        edge_errors = np.divide(total, count, out=np.full(4, np.nan), where=count > 0)
    return OrientedBox((float(center[0]), float(center[1])), width, height, angle_deg, edge_errors)


def box_axes(angle_deg: float) -> Float64Array:
    """Directions of a rotated box's width and height as rows, (2, 2)."""
    angle = math.radians(angle_deg)
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
