"""Polygons with right angles only.

Shapes: ``N`` points; ``C`` corners.
"""

from __future__ import annotations

import math

import numpy as np
import shapely

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.shapes.shared.corners import (
    FEWEST_CORNERS,
    TOLERANCE_PX,
    check_tolerance,
    describe_polygon,
    find_corners,
    split_sides,
)
from segfit.shapes.shared.fit import Fit, FitError, Outline, require_area, turn_ring
from segfit.shapes.shared.shape import Shape


def fit_orthogonal(outline: Outline, *, tolerance_px: float = TOLERANCE_PX) -> Fit:
    """A polygon with right angles only, as buildings and panels have them.

    Sides lie along one direction, that of most of the outline, or across it.
    """
    require_area(outline)
    check_tolerance(tolerance_px)
    chosen = find_corners(outline.points, tolerance_px)
    if len(chosen) < FEWEST_CORNERS:
        raise FitError("its outline has no sides: give a smaller tolerance")
    angle = _find_direction(outline.points[chosen])
    cos, sin = math.cos(angle), math.sin(angle)
    rotated = outline.points @ np.array([[cos, -sin], [sin, cos]])  # the direction becomes x
    offsets, axes = _level_sides(rotated, chosen, tolerance_px)
    if len(offsets) < 4:
        raise FitError("its outline does not have two sides across each other: fit another shape")
    corners = np.array(
        [
            (offsets[i], offsets[i - 1]) if axes[i] == 0 else (offsets[i - 1], offsets[i])
            for i in range(len(offsets))
        ]
    )
    ring = turn_ring(corners @ np.array([[cos, sin], [-sin, cos]]))
    if not shapely.Polygon(ring).is_valid:
        raise FitError("its sides would cross each other: give a smaller tolerance")
    return describe_polygon("orthogonal", outline, ring, None, angle_deg=math.degrees(angle))


def _find_direction(corners: Float64Array) -> float:
    """Direction of most of a polygon's length, modulo right angles: radians from −45° to 45°."""
    steps = np.roll(corners, -1, axis=0) - corners
    lengths, angles = np.hypot(*steps.T), np.arctan2(steps[:, 1], steps[:, 0])
    return float(np.angle(np.sum(lengths**2 * np.exp(4j * angles)))) / 4


def _level_sides(
    points: Float64Array, chosen: Int64Array, tolerance_px: float
) -> tuple[list[float], list[int]]:
    """Sides along x and y in turn: where each lies, and the axis (0: x is constant)."""
    sides: list[tuple[int, Float64Array]] = []
    for side in split_sides(len(points), chosen):
        across = np.abs(points[side[-1]] - points[side[0]])
        axis = 0 if across[0] < across[1] else 1
        values = points[side]
        if sides and sides[-1][0] == axis:
            values = np.concatenate([sides.pop()[1], values])
        sides.append((axis, values))
    if len(sides) > 1 and sides[0][0] == sides[-1][0]:
        sides[0] = (sides[0][0], np.concatenate([sides.pop()[1], sides[0][1]]))
    while len(sides) > 4:  # a step lower than the tolerance is none
        lengths = [float(np.ptp(values[:, 1 - axis])) for axis, values in sides]
        shortest = int(np.argmin(lengths))
        if lengths[shortest] >= max(2 * tolerance_px, 1.0):
            break
        sides = sides[shortest:] + sides[:shortest]
        before, after = sides.pop(), sides[1]
        sides = [(after[0], np.concatenate([before[1], after[1]])), *sides[2:]]
    return [float(np.median(values[:, axis])) for axis, values in sides], [
        axis for axis, _ in sides
    ]


SHAPE = Shape("orthogonal", "right angles only: buildings, panels", fit_orthogonal, place=32)
