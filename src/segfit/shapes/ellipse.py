"""Ellipses.

Shapes: ``N`` points. Distances are exact ones, along the normal, negative inside.
"""

from __future__ import annotations

import math

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.shapes.shared.fit import Fit, FitError, Outline, describe_fit, require_area
from segfit.shapes.shared.least_squares import search_consensus, solve
from segfit.shapes.shared.shape import Shape

CORNERS = 180
"""Of the polygon that a round shape is given as."""
CLOSEST_STEPS = 8
LONGEST_RATIO = 50.0


def fit_ellipse(outline: Outline) -> Fit:
    """The ellipse nearest to the outline by least squares; bites and spurs are left out.

    Of an ellipse that is nearly a circle the angle's standard error is large.
    """
    require_area(outline)
    begin = search_consensus(
        outline.points,
        6,
        _ellipse_through,
        ellipse_distances,
        first=_ellipse_of_moments(outline.points),
    )
    solution = solve(
        lambda p: ellipse_distances(p, outline.points),
        begin,
        error_px=outline.error_px,
        scales=np.array([1.0, 1.0, 1.0, 1.0, 1 / max(begin[2:4].max(), 1.0)]),
    )
    x, y, first, second, angle = solution.parameters.tolist()
    errors = solution.standard_errors
    first, second = abs(first), abs(second)
    if first < second:
        first, second, angle = second, first, angle + math.pi / 2
        errors = errors[[0, 1, 3, 2, 4]]
    if second <= 0 or first / second > LONGEST_RATIO:
        raise FitError("its outline is almost straight: an ellipse would have no width")
    angle_deg = 90 - (90 - math.degrees(angle)) % 180
    values = (x, y, first, second, angle_deg)
    names = ("x", "y", "major_radius", "minor_radius", "angle_deg")
    in_units = [*errors[:4].tolist(), min(math.degrees(errors[4]), 90.0)]
    return describe_fit(
        "ellipse",
        outline,
        [ellipse_points(x, y, first, second, math.radians(angle_deg))],
        solution.residuals,
        parameters=dict(zip(names, values, strict=True)),
        standard_errors=dict(zip(names, in_units, strict=True)),
        inliers=float(solution.is_inlier.mean()),
    )


def ellipse_distances(parameters: Float64Array, points: Float64Array) -> Float64Array:
    """Signed distances of points (N, 2) from the ellipse (x, y, radius, other radius, angle).

    The nearest point is found by going from one circle of curvature to the next (Adrian Stephens'
    iteration), which cannot run away as Newton's can.
    """
    x, y, a, b, angle = parameters
    a, b = max(abs(a), 1e-9), max(abs(b), 1e-9)
    cos, sin = math.cos(angle), math.sin(angle)
    dx, dy = points[:, 0] - x, points[:, 1] - y
    px, py = np.abs(dx * cos + dy * sin), np.abs(dy * cos - dx * sin)
    tx = ty = np.full(len(points), math.sqrt(0.5))
    for _ in range(CLOSEST_STEPS):
        ex, ey = (a * a - b * b) * tx**3 / a, (b * b - a * a) * ty**3 / b
        radius = np.hypot(a * tx - ex, b * ty - ey)
        way = np.maximum(np.hypot(px - ex, py - ey), 1e-12)
        tx = np.clip(((px - ex) * radius / way + ex) / a, 0, 1)
        ty = np.clip(((py - ey) * radius / way + ey) / b, 0, 1)
        length = np.maximum(np.hypot(tx, ty), 1e-12)
        tx, ty = tx / length, ty / length
    distance = np.hypot(px - a * tx, py - b * ty)
    inside = (px / a) ** 2 + (py / b) ** 2 < 1
    return np.asarray(np.where(inside, -distance, distance))


def _ellipse_through(sample: Float64Array) -> Float64Array | None:
    """The ellipse next to six points, by its equation's least squares, or None."""
    centre, scale = sample.mean(axis=0), max(float(sample.std()), 1e-9)
    x, y = ((sample - centre) / scale).T
    design = np.stack([x * x, x * y, y * y, x, y, np.ones_like(x)], axis=1)
    a, b, c, d, e, f = np.linalg.svd(design)[2][-1].tolist()
    if 4 * a * c - b * b <= 1e-9:
        return None
    matrix = np.array([[a, b / 2], [b / 2, c]])
    middle = np.linalg.solve(2 * matrix, [-d, -e])
    level = -(f + (d * middle[0] + e * middle[1]) / 2)
    values, vectors = np.linalg.eigh(matrix)
    if (level / values <= 0).any():
        return None
    radii = np.sqrt(level / values) * scale
    angle = math.atan2(vectors[1, 0], vectors[0, 0])
    return np.array([*(middle * scale + centre), *radii, angle])


def _ellipse_of_moments(points: Float64Array) -> Float64Array:
    centre = points.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov((points - centre).T))
    radii = np.sqrt(2 * np.maximum(values, 1e-6))
    return np.array([*centre, radii[1], radii[0], math.atan2(vectors[1, 1], vectors[0, 1])])


def ellipse_points(x: float, y: float, first: float, second: float, angle: float) -> Float64Array:
    """Points of an ellipse, (CORNERS, 2), clockwise on the screen; its angle in radians.

    They lie so little outside that the polygon has the ellipse's area.
    """
    step = 2 * math.pi / CORNERS
    grow = math.sqrt(step / math.sin(step))
    turn = np.arange(CORNERS) * step
    along, across = first * grow * np.cos(turn), second * grow * np.sin(turn)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.stack([x + along * cos - across * sin, y + along * sin + across * cos], axis=1)


SHAPE = Shape("ellipse", "nearest to the outline by least squares", fit_ellipse, place=21)
