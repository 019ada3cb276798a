"""What a region measures: a table's row.

Frame: continuous image coordinates (x, y), angles from the x axis, clockwise on the screen.
Lengths in pixels, areas in square pixels; all of the outline itself, not of its pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import shapely

from segfit.arrays import Float64Array, UInt8Array
from segfit.geometry import Ring, fill_polygon, measure_length
from segfit.result.regions import Region
from segfit.shapes.fit import to_geometry, to_rings

DIMENSIONS = {
    "area": 2, "x": 1, "y": 1, "perimeter": 1, "equivalent_diameter": 1, "major_axis": 1,
    "minor_axis": 1, "largest_feret": 1, "smallest_feret": 1, "error": 1,
}  # fmt: skip
"""By which power of a pixel's size measures go; the others are the same in any unit."""


def measure_region(region: Region) -> dict[str, float]:
    """Measures of a region's outline, by name.

    ``area``, ``perimeter`` (of the outer ring), ``x`` and ``y`` of the centroid,
    ``equivalent_diameter`` of the circle of the same area, ``major_axis`` and ``minor_axis`` of the
    ellipse of the same second moments, ``orientation_deg`` of the former (above −90, at most 90),
    ``circularity`` 4π area / perimeter², ``solidity`` (share of the convex hull that it fills),
    ``largest_feret`` and ``smallest_feret`` (widths between parallel lines), and ``error``, the
    mean standard error of the outline, NaN where nobody knows it.
    """
    rings = region.polygon
    area = region.area_px
    perimeter = measure_length(rings[0])
    centroid, covariance = _measure_moments(rings)
    values, vectors = np.linalg.eigh(covariance)
    minor, major = (4 * math.sqrt(max(value, 0.0)) for value in values.tolist())
    angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
    hull = to_rings(shapely.convex_hull(to_geometry(rings)))
    largest, smallest = _measure_feret(hull[0])
    error = region.error_px_mean
    return {
        "area": area,
        "x": float(centroid[0]),
        "y": float(centroid[1]),
        "perimeter": perimeter,
        "equivalent_diameter": 2 * math.sqrt(area / math.pi),
        "major_axis": major,
        "minor_axis": minor,
        "orientation_deg": 90 - (90 - angle) % 180,
        "circularity": 4 * math.pi * (area + _measure_holes(rings)) / perimeter**2,
        "solidity": area / float(shapely.Polygon(hull[0]).area),
        "largest_feret": largest,
        "smallest_feret": smallest,
        "error": math.nan if error is None else float(error),
    }


def measure_colors(region: Region, image: UInt8Array) -> dict[str, float]:
    """Mean and standard deviation of red, green and blue over the pixels in a region.

    ``image``: (H, W, 3) uint8. NaN where no pixel's centre lies in it.
    """
    left, top = (max(0, math.floor(side)) for side in region.bounds_xyxy[:2])
    right, bottom = (math.ceil(side) for side in region.bounds_xyxy[2:])
    window = image[top:bottom, left:right]
    rings = [ring - (left, top) for ring in region.polygon]
    inside = fill_polygon(rings, height=window.shape[0], width=window.shape[1])
    colors = window[inside].astype(np.float64)
    names = ("red", "green", "blue")
    if len(colors) == 0:
        return {f"{kind}_{name}": math.nan for name in names for kind in ("mean", "deviation")}
    measured: dict[str, float] = {}
    for name, mean, deviation in zip(
        names, colors.mean(axis=0).tolist(), colors.std(axis=0).tolist(), strict=True
    ):
        measured |= {f"mean_{name}": mean, f"deviation_{name}": deviation}
    return measured


def scale_measures(measures: Mapping[str, float], unit_per_px: float) -> dict[str, float]:
    """The same in another unit of length."""
    return {
        name: value * unit_per_px ** DIMENSIONS.get(name, 0) for name, value in measures.items()
    }


def _measure_holes(rings: tuple[Ring, ...]) -> float:
    return float(sum(shapely.Polygon(ring).area for ring in rings[1:]))


def _measure_moments(rings: tuple[Ring, ...]) -> tuple[Float64Array, Float64Array]:
    """Centroid (2,) and covariance (2, 2) of a polygon's area, by Green's theorem."""
    origin = rings[0].mean(axis=0)
    area, first, second = 0.0, np.zeros(2), np.zeros((2, 2))
    for ring in rings:  # those of holes go the other way round and are taken off
        here = ring - origin
        there = np.roll(here, -1, axis=0)
        cross = here[:, 0] * there[:, 1] - there[:, 0] * here[:, 1]
        area += float(cross.sum()) / 2
        first += cross @ (here + there) / 6
        products = (
            here[:, :, None] * here[:, None, :]
            + there[:, :, None] * there[:, None, :]
            + (here + there)[:, :, None] * (here + there)[:, None, :]
        )
        second += np.tensordot(cross, products, axes=1) / 24
    centre = first / area
    return origin + centre, second / area - np.outer(centre, centre)


def _measure_feret(hull: Ring) -> tuple[float, float]:
    """Largest and smallest width of a convex ring."""
    apart = hull[:, None] - hull[None]
    largest = float(np.hypot(apart[..., 0], apart[..., 1]).max())
    sides = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(*sides.T)
    normals = (
        np.stack([-sides[:, 1], sides[:, 0]], axis=1)[lengths > 0] / lengths[lengths > 0, None]
    )
    along = hull @ normals.T
    return largest, float(np.ptp(along, axis=0).min())
