"""Corners of outlines, and polygons that are described by theirs.

Shapes: ``N`` points; ``C`` corners.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.errors import SegfitError
from segfit.shapes.shared.fit import Fit, Outline, describe_fit, measure_distances

TOLERANCE_PX = 1.5
FEWEST_CORNERS = 3


def check_tolerance(tolerance_px: float) -> None:
    """Raise ``SegfitError`` for a tolerance that is not above 0."""
    if not 0 < tolerance_px < math.inf:
        raise SegfitError(f"a polygon's tolerance must be above 0 px, given {tolerance_px}")


def find_corners(points: Float64Array, tolerance_px: float) -> Int64Array:
    """Indices of points (N, 2) that are the corners of Douglas and Peucker's polygon, rising."""
    centre = points.mean(axis=0)
    kept = cv2.approxPolyDP((points - centre).astype(np.float32)[:, None], tolerance_px, True)
    found = np.hypot(*((points - centre)[:, None] - kept[:, 0]).T).argmin(axis=1)
    return np.unique(found)


def split_sides(count: int, chosen: Int64Array) -> list[Int64Array]:
    """Indices of the points along each side, from its corner to the next."""
    return [
        np.arange(begin, begin + (end - begin) % count + 1) % count
        for begin, end in zip(chosen.tolist(), np.roll(chosen, -1).tolist(), strict=True)
    ]


def describe_polygon(
    shape: str,
    outline: Outline,
    ring: Float64Array,
    errors: Float64Array | None,
    *,
    angle_deg: float | None = None,
) -> Fit:
    """A fit of a polygon's corners (C, 2), with their standard errors (C, 2) where known."""
    names = [f"{axis}{number}" for number in range(1, len(ring) + 1) for axis in "xy"]
    parameters = dict(zip(names, ring.ravel().tolist(), strict=True))
    if angle_deg is not None:
        parameters["angle_deg"] = angle_deg
    return describe_fit(
        shape,
        outline,
        [ring],
        measure_distances(outline.points, ring),
        parameters=parameters,
        counts={"corners": len(ring)},
        standard_errors=None
        if errors is None
        else dict(zip(names, errors.ravel().tolist(), strict=True)),
    )
