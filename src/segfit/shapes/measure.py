"""What a region measures: the columns of a table, each one entry of ``MEASURES``.

Frame: continuous image coordinates (x, y), angles from the x axis, clockwise on the screen.
Lengths in pixels, areas in square pixels; all of the outline itself, not of its pixels.
Shapes: ``P`` pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
import shapely

from segfit.basics.arrays import Float64Array, UInt8Array
from segfit.basics.geometry import Ring, fill_polygon, measure_length
from segfit.result.regions import Region
from segfit.shapes.shared.fit import to_geometry, to_rings

Subject = TypeVar("Subject")


@dataclass(frozen=True)
class Measure(Generic[Subject]):
    """A column of a table.

    ``meaning``: what it is, in a few words. ``find``: finds it in a subject. ``dimension``: by
    which power of a pixel's size it goes; 0 for what is the same in any unit.
    """

    name: str
    meaning: str
    find: Callable[[Subject], float]
    dimension: int = 0


@dataclass(frozen=True, eq=False)
class OutlineFacts:
    """What measures of a region's outline are made from, each found once."""

    region: Region

    @property
    def area(self) -> float:
        """Of the region, holes taken off."""
        return self.region.area_px

    @cached_property
    def perimeter(self) -> float:
        """Of the outer ring."""
        return measure_length(self.region.polygon[0])

    @cached_property
    def moments(self) -> tuple[Float64Array, Float64Array]:
        """Centroid (2,) and covariance (2, 2)."""
        return _measure_moments(self.region.polygon)

    @cached_property
    def axes(self) -> tuple[float, float, float]:
        """Major and minor axis of the ellipse of the same moments, and the former's angle."""
        values, vectors = np.linalg.eigh(self.moments[1])
        minor, major = (4 * math.sqrt(max(value, 0.0)) for value in values.tolist())
        angle = math.degrees(math.atan2(vectors[1, 1], vectors[0, 1]))
        return major, minor, 90 - (90 - angle) % 180

    @cached_property
    def hull(self) -> Ring:
        """Convex hull, a ring (N, 2)."""
        return to_rings(shapely.convex_hull(to_geometry(self.region.polygon)))[0]

    @cached_property
    def feret(self) -> tuple[float, float]:
        """Largest and smallest width between parallel lines."""
        return _measure_feret(self.hull)

    @property
    def circularity(self) -> float:
        """1 for a disc, less for all else; holes do not count."""
        filled = self.area + _measure_holes(self.region.polygon)
        return 4 * math.pi * filled / self.perimeter**2

    @property
    def error(self) -> float:
        """Mean standard error of the outline."""
        error = self.region.error_px_mean
        return math.nan if error is None else float(error)


OUTLINE_MEASURES: tuple[Measure[OutlineFacts], ...] = (
    Measure("area", "holes taken off", lambda facts: facts.area, 2),
    Measure("x", "of the centroid", lambda facts: float(facts.moments[0][0]), 1),
    Measure("y", "of the centroid", lambda facts: float(facts.moments[0][1]), 1),
    Measure("perimeter", "of the outer ring", lambda facts: facts.perimeter, 1),
    Measure(
        "equivalent_diameter",
        "of the circle of the same area",
        lambda facts: 2 * math.sqrt(facts.area / math.pi),
        1,
    ),
    Measure(
        "major_axis", "of the ellipse of the same second moments", lambda facts: facts.axes[0], 1
    ),
    Measure("minor_axis", "of the same ellipse", lambda facts: facts.axes[1], 1),
    Measure(
        "orientation_deg",
        "of the major axis, above −90 and at most 90",
        lambda facts: facts.axes[2],
    ),
    Measure(
        "circularity",
        "4π area / perimeter², holes filled: 1 for a disc",
        lambda facts: facts.circularity,
    ),
    Measure(
        "solidity",
        "share of the convex hull that it fills",
        lambda facts: facts.area / float(shapely.Polygon(facts.hull).area),
    ),
    Measure(
        "largest_feret", "largest width between parallel lines", lambda facts: facts.feret[0], 1
    ),
    Measure(
        "smallest_feret", "smallest width between parallel lines", lambda facts: facts.feret[1], 1
    ),
    Measure(
        "error",
        "mean standard error of the outline, where it is known",
        lambda facts: facts.error,
        1,
    ),
)
"""Measures of a region's outline."""


@dataclass(frozen=True, eq=False)
class PixelFacts:
    """What statistics of the image are made from: ``colors`` (P, 3), 0 to 255, of a region."""

    colors: Float64Array

    @cached_property
    def means(self) -> list[float]:
        """Of red, green and blue."""
        return [float(mean) for mean in self.colors.mean(axis=0)]

    @cached_property
    def deviations(self) -> list[float]:
        """Standard deviations of red, green and blue."""
        return [float(deviation) for deviation in self.colors.std(axis=0)]


IMAGE_MEASURES: tuple[Measure[PixelFacts], ...] = (
    Measure("mean_red", "mean of red", lambda facts: facts.means[0]),
    Measure("deviation_red", "standard deviation of red", lambda facts: facts.deviations[0]),
    Measure("mean_green", "mean of green", lambda facts: facts.means[1]),
    Measure("deviation_green", "standard deviation of green", lambda facts: facts.deviations[1]),
    Measure("mean_blue", "mean of blue", lambda facts: facts.means[2]),
    Measure("deviation_blue", "standard deviation of blue", lambda facts: facts.deviations[2]),
)
"""Statistics of the image over the pixels in a region; colors go from 0 to 255."""

MEASURES: tuple[Measure[OutlineFacts] | Measure[PixelFacts], ...] = (
    *OUTLINE_MEASURES,
    *IMAGE_MEASURES,
)
"""All columns of measures; to add one is to add its entry above."""
DIMENSIONS = {measure.name: measure.dimension for measure in MEASURES}


def measure_region(region: Region) -> dict[str, float]:
    """Measures of a region's outline, by name; NaN for what nobody knows."""
    facts = OutlineFacts(region)
    return {measure.name: measure.find(facts) for measure in OUTLINE_MEASURES}


def measure_colors(region: Region, image: UInt8Array) -> dict[str, float]:
    """Statistics of an image (H, W, 3) uint8 over the pixels in a region, by name.

    NaN where no pixel's centre lies in it.
    """
    left, top = (max(0, math.floor(side)) for side in region.bounds_xyxy[:2])
    right, bottom = (math.ceil(side) for side in region.bounds_xyxy[2:])
    window = image[top:bottom, left:right]
    rings = [ring - (left, top) for ring in region.polygon]
    inside = fill_polygon(rings, height=window.shape[0], width=window.shape[1])
    colors = window[inside].astype(np.float64)
    if len(colors) == 0:
        return {measure.name: math.nan for measure in IMAGE_MEASURES}
    facts = PixelFacts(colors)
    return {measure.name: measure.find(facts) for measure in IMAGE_MEASURES}


def scale_measures(measures: Mapping[str, float], unit_per_px: float) -> dict[str, float]:
    """The same in another unit of length."""
    return {name: value * unit_per_px ** DIMENSIONS[name] for name, value in measures.items()}


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
