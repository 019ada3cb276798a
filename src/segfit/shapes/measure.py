"""What a region measures: the columns of a table, each one entry of ``MEASURES``.

Those of a channel's values come once for every channel, with its name.

Frame: continuous image coordinates (x, y), angles from the x axis, clockwise on the screen.
Lengths in pixels, areas in square pixels; all of the outline itself, not of its pixels.
Shapes: ``P`` pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import shapely
from numpy.typing import NDArray

from segfit.basics.arrays import Float64Array
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

    @property
    def error_worst(self) -> float:
        """Largest standard error of the outline's points."""
        error = self.region.error_px_worst
        return math.nan if error is None else float(error)


OUTLINE_MEASURES: tuple[Measure[OutlineFacts], ...] = (
    Measure("area", "holes taken off", lambda facts: facts.area, 2),
    Measure("x", "of the centroid", lambda facts: float(facts.moments[0][0]), 1),
    Measure("y", "of the centroid", lambda facts: float(facts.moments[0][1]), 1),
    Measure("left", "smallest x", lambda facts: facts.region.bounds_xyxy[0], 1),
    Measure("top", "smallest y", lambda facts: facts.region.bounds_xyxy[1], 1),
    Measure("right", "largest x", lambda facts: facts.region.bounds_xyxy[2], 1),
    Measure("bottom", "largest y", lambda facts: facts.region.bounds_xyxy[3], 1),
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
    Measure("error_worst", "the largest of the same", lambda facts: facts.error_worst, 1),
)
"""Measures of a region's outline."""


INTENSITY_MEASURES: tuple[Measure[NDArray[Any]], ...] = (
    Measure(
        "mean", "of the values of a channel, as the file has them", lambda values: values.mean()
    ),
    Measure("median", "of the same", np.median),
    Measure("integrated", "their sum", lambda values: values.sum()),
    Measure("std", "their standard deviation", lambda values: values.std()),
)
"""Statistics of the values (P,) of one channel over the pixels in a region, without NaN."""

MEASURES: tuple[Measure[OutlineFacts] | Measure[NDArray[Any]], ...] = (
    *OUTLINE_MEASURES,
    *INTENSITY_MEASURES,
)
"""All columns of measures; to add one is to add its entry above."""
DIMENSIONS = {measure.name: measure.dimension for measure in OUTLINE_MEASURES}
"""Of those that depend on a pixel's size."""


def measure_region(region: Region) -> dict[str, float]:
    """Measures of a region's outline, by name; NaN for what nobody knows."""
    facts = OutlineFacts(region)
    return {measure.name: measure.find(facts) for measure in OUTLINE_MEASURES}


def measure_intensities(region: Region, channels: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """Statistics of an image's channels, (H, W) each, over the pixels whose centre a region holds.

    By the measure's and the channel's name, such as ``mean_DAPI``, in the units of the values. NaN
    where there is no pixel, or none that was measured: values that are not finite do not count.
    """
    if not channels:
        return {}
    height, width = next(iter(channels.values())).shape
    left, top = (max(0, math.floor(side)) for side in region.bounds_xyxy[:2])
    right, bottom = region.bounds_xyxy[2:]
    window = np.s_[top : min(math.ceil(bottom), height), left : min(math.ceil(right), width)]
    rings = [ring - (left, top) for ring in region.polygon]
    rows, columns = next(iter(channels.values()))[window].shape
    inside = fill_polygon(rings, height=rows, width=columns)
    found = {}
    for name, values in channels.items():
        measured = values[window][inside].astype(np.float64)
        measured = measured[np.isfinite(measured)]
        for measure in INTENSITY_MEASURES:
            value = float(measure.find(measured)) if measured.size else math.nan
            found[f"{measure.name}_{name}"] = value
    return found


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
