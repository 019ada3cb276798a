"""The rotated rectangle nearest to an outline."""

from __future__ import annotations

import math

import numpy as np

from segfit.basics.arrays import BoolArray, Float64Array
from segfit.result.regions import OrientedBox, box_axes
from segfit.shapes.shared.fit import Fit, Outline, describe_fit, require_area
from segfit.shapes.shared.least_squares import solve
from segfit.shapes.shared.shape import Shape

NAMES = ("x", "y", "width", "height", "angle_deg")
SIDE_SHARE = 0.08
"""Share of the points that lie nearest to each other where a rectangle has a side."""
GUESSED_ANGLES = 24
CORNER_PX, CORNER_SHARE = 4.0, 0.1
"""How near to a corner points do not count: so far, or such a share of the shorter side."""


def fit_rectangle(outline: Outline) -> Fit:
    """The rectangle nearest to the outline by least squares; bites and spurs are left out.

    ``width`` lies along ``angle_deg``, which is above −45 and at most 45.
    """
    require_area(outline)
    begin = _guess(outline.points)
    reach = max(begin[2:4].max() / 2, 1.0)
    solution = solve(
        lambda p: rectangle_distances(p, outline.points),
        begin,
        error_px=outline.error_px,
        scales=np.array([1.0, 1.0, 1.0, 1.0, 1 / reach]),
        counted=_leave_out_corners(begin, outline.points),
    )
    x, y, width, height, angle = solution.parameters.tolist()
    errors = solution.standard_errors.copy()
    errors[4] = math.degrees(errors[4])
    angle_deg = 45 - (45 - math.degrees(angle)) % 180
    if angle_deg <= -45:  # a quarter turn swaps the sides
        angle_deg += 90
        width, height = height, width
        errors[[2, 3]] = errors[[3, 2]]
    box = OrientedBox((x, y), abs(width), abs(height), angle_deg)
    return describe_fit(
        "rectangle",
        outline,
        [box.corners],
        solution.residuals,
        parameters=to_parameters(box),
        standard_errors=dict(zip(NAMES, errors.tolist(), strict=True)),
        inliers=float(solution.is_inlier.mean()),
    )


def rectangle_distances(parameters: Float64Array, points: Float64Array) -> Float64Array:
    """Signed distances of points (N, 2) from the rectangle (x, y, width, height, angle)."""
    local = np.abs((points - parameters[:2]) @ box_axes(math.degrees(parameters[4])).T)
    beyond = local - np.abs(parameters[2:4]) / 2
    outside = np.hypot(*np.maximum(beyond, 0).T)
    return np.asarray(outside + np.minimum(beyond.max(axis=1), 0))


def _guess(points: Float64Array) -> Float64Array:
    """The rectangle near whose sides most of the points lie, of those at some angles."""
    best, least = np.zeros(5), np.inf
    for angle_deg in np.arange(GUESSED_ANGLES) * 90 / GUESSED_ANGLES:
        axes = box_axes(float(angle_deg))
        low, high = np.array([_find_sides(values) for values in axes @ points.T]).T
        parameters = np.array([*((low + high) / 2 @ axes), *(high - low), math.radians(angle_deg)])
        median = float(np.median(np.abs(rectangle_distances(parameters, points))))
        if median < least:
            best, least = parameters, median
    return best


def _leave_out_corners(parameters: Float64Array, points: Float64Array) -> BoolArray:
    """Whether points (N, 2) lie off the corners, where nobody knows which side they belong to.

    All do where a pair of sides has no others.
    """
    local = np.abs((points - parameters[:2]) @ box_axes(math.degrees(parameters[4])).T)
    off_sides = np.abs(local - np.abs(parameters[2:4]) / 2)
    reach = min(CORNER_PX, CORNER_SHARE * float(np.abs(parameters[2:4]).min()))
    counted = off_sides.max(axis=1) > reach
    ends = off_sides[counted].argmin(axis=1)
    if not {0, 1} <= set(ends.tolist()):  # a line a pixel wide has but corners at its ends
        return np.ones(len(points), bool)
    return np.asarray(counted)


def _find_sides(values: Float64Array) -> tuple[float, float]:
    """Where values crowd most, in their lower and in their upper half."""
    rising = np.sort(values)
    count = max(2, round(SIDE_SHARE * len(values)))
    middle = (rising[0] + rising[-1]) / 2
    places = []
    for half in (rising[rising <= middle], rising[rising > middle]):
        if len(half) < count:
            places.append(float(np.median(half)))
            continue
        widths = half[count - 1 :] - half[: len(half) - count + 1]
        first = int(widths.argmin())
        places.append(float(np.median(half[first : first + count])))
    return places[0], places[1]


def to_parameters(box: OrientedBox) -> dict[str, float]:
    """A rectangle's parameters by name, lengths in pixels."""
    values = (*box.center_xy, box.width, box.height, box.angle_deg)
    return dict(zip(NAMES, values, strict=True))


SHAPE = Shape("rectangle", "nearest to the outline by least squares", fit_rectangle, place=11)
