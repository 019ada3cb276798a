"""Polygons with few corners.

Shapes: ``N`` points; ``C`` corners. Corners are where the lines along the sides meet, each line
fitted to all points of its side: so they are known better than the points are.
"""

from __future__ import annotations

import numpy as np
import shapely

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.errors import SegfitError
from segfit.shapes.shared.corners import (
    FEWEST_CORNERS,
    TOLERANCE_PX,
    check_tolerance,
    describe_polygon,
    find_corners,
    split_sides,
)
from segfit.shapes.shared.fit import Fit, FitError, Outline, require_area, turn_ring
from segfit.shapes.shared.least_squares import (
    GROSS,
    SMALLEST_SIGMA_PX,
    TO_SIGMA,
    measure_redundancy,
    measure_variance,
)
from segfit.shapes.shared.shape import Shape

MOST_CORNERS = 1000
BISECTIONS = 30
SIDE_MARGIN = 0.1
"""Of a side's points, the share at either end that corners may have rounded."""
FARTHEST_CORNER = 3.0
"""Where two lines meet further off than so many tolerances, the corner stays on the outline."""


def fit_polygon(
    outline: Outline, *, corners: int | None = None, tolerance_px: float | None = None
) -> Fit:
    """The polygon with at most so many corners, or one within a tolerance of the outline.

    It begins with Douglas and Peucker's; its sides are then fitted to the points along them.
    Raises ``FitError`` where no polygon with so few corners has an area.
    """
    require_area(outline)
    _check(corners, tolerance_px)
    if corners is None:
        tolerance = TOLERANCE_PX if tolerance_px is None else tolerance_px
        chosen = find_corners(outline.points, tolerance)
    else:
        chosen, tolerance = _find_so_many(outline.points, corners)
    if len(chosen) < FEWEST_CORNERS:
        raise FitError(
            f"a polygon within {tolerance:g} px of its outline has no area: give a lower tolerance"
        )
    ring, errors = _fit_sides(outline, chosen, reach_px=FARTHEST_CORNER * max(tolerance, 1.0))
    return describe_polygon("polygon", outline, ring, errors)


def _check(corners: int | None, tolerance_px: float | None) -> None:
    if corners is not None and tolerance_px is not None:
        raise SegfitError(
            "a polygon takes a number of corners or a tolerance, not both: give one of them"
        )
    if corners is not None and not FEWEST_CORNERS <= corners <= MOST_CORNERS:
        raise SegfitError(
            f"a polygon must have {FEWEST_CORNERS} to {MOST_CORNERS} corners, given {corners}"
        )
    if tolerance_px is not None:
        check_tolerance(tolerance_px)


def _find_so_many(points: Float64Array, corners: int) -> tuple[Int64Array, float]:
    """Indices of at most so many corners, rising, and the least tolerance that gives them."""
    low, high = 0.0, float(np.hypot(*np.ptp(points, axis=0)))
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if len(find_corners(points, middle)) > corners:
            low = middle
        else:
            high = middle
    chosen = find_corners(points, high)
    if len(chosen) < corners:  # a little less tolerance gave more than are wanted
        chosen = _drop_corners(points, find_corners(points, low), corners)
    if len(chosen) < FEWEST_CORNERS:
        raise FitError(f"no polygon of at most {corners} corners has an area")
    return chosen, high


def _drop_corners(points: Float64Array, chosen: Int64Array, corners: int) -> Int64Array:
    """Leave out corners until so many are left, those first that matter least by area."""
    while len(chosen) > corners:
        places = points[chosen]
        before, after = np.roll(places, 1, axis=0) - places, np.roll(places, -1, axis=0) - places
        areas = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
        chosen = np.delete(chosen, areas.argmin())
    return chosen


def _fit_sides(
    outline: Outline, chosen: Int64Array, *, reach_px: float
) -> tuple[Float64Array, Float64Array | None]:
    """Corners (C, 2) where the fitted sides meet, and their standard errors (C, 2)."""
    lines = [_fit_line(outline, side) for side in split_sides(len(outline.points), chosen)]
    corners, errors, is_known = [], [], True
    for number, index in enumerate(chosen.tolist()):
        before, after, first = lines[number - 1], lines[number], outline.points[index]
        meeting = None if before is None or after is None else _meet(before, after, first)
        if meeting is None or np.hypot(*(meeting[0] - first)) > reach_px:
            corners.append(first)
            errors.append(np.full(2, np.nan))
            is_known = False
        else:
            corners.append(meeting[0])
            errors.append(meeting[1])
    ring = np.array(corners)
    if not shapely.Polygon(ring).is_valid:
        return turn_ring(outline.points[chosen]), None
    is_turned = turn_ring(ring) is not ring
    all_errors = np.array(errors)
    return turn_ring(ring), (all_errors[::-1] if is_turned else all_errors) if is_known else None


Line = tuple[Float64Array, Float64Array, Float64Array]
"""A point on it, its unit normal, and the covariance of offset and angle about that point."""


def _fit_line(outline: Outline, side: Int64Array) -> Line | None:
    """The line along a side's points, far ones left out; None where there are too few."""
    margin = int(len(side) * SIDE_MARGIN)
    inner = side[margin : len(side) - margin] if len(side) - 2 * margin >= 3 else side
    if len(inner) < 3:
        return None
    points = outline.points[inner]
    weights = np.ones(len(inner))
    if outline.error_px is not None:
        weights = 1 / np.maximum(outline.error_px[inner], SMALLEST_SIGMA_PX) ** 2
    near = np.ones(len(inner), bool)
    for _ in range(3):
        share = weights * near / (weights * near).sum()
        middle = share @ points
        centred = points - middle
        normal = np.linalg.svd(centred * np.sqrt(share)[:, None], full_matrices=False)[2][1]
        across = centred @ normal
        sigma = max(TO_SIGMA * float(np.median(np.abs(across[near]))), SMALLEST_SIGMA_PX)
        near = np.abs(across) <= GROSS * sigma
        if near.sum() < 3:
            return None
    along = centred @ np.array([-normal[1], normal[0]])
    variance = measure_variance(across[near], parameters=2)
    variance = max(variance, SMALLEST_SIGMA_PX**2) * measure_redundancy(across[near])
    if outline.error_px is not None:
        variance = max(variance, 1 / float(weights[near].mean()))
    spread = max(float((along[near] ** 2).sum()), 1e-9)
    return middle, normal, np.array([variance / near.sum(), variance / spread])


def _meet(
    before: Line, after: Line, near: Float64Array
) -> tuple[Float64Array, Float64Array] | None:
    """Where two lines meet, (2,), and the standard errors of x and y there; None for parallels."""
    normals = np.stack([before[1], after[1]])
    if abs(np.linalg.det(normals)) < 0.05:
        return None
    place = np.linalg.solve(normals, [before[1] @ before[0], after[1] @ after[0]])
    tangents = np.stack([-normals[:, 1], normals[:, 0]], axis=1)
    away = np.array(
        [(place - line[0]) @ t for line, t in zip((before, after), tangents, strict=True)]
    )
    offset_variance = np.array([before[2], after[2]])
    across = offset_variance[:, 0] + away**2 * offset_variance[:, 1]
    inverse = np.linalg.inv(normals)
    return np.asarray(place, np.float64), np.asarray(np.sqrt((inverse**2) @ across), np.float64)


SHAPE = Shape(
    "polygon",
    "at most so many corners, or within a tolerance: where lines fitted to the sides meet",
    fit_polygon,
    place=31,
)
