"""Many polygons as a few arrays, so that thousands are measured at once.

Shapes: ``P`` polygons, ``R`` rings of all of them, ``N`` points of all rings, the first point of a
ring again at its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float64Array, Int64Array
from segfit.basics.geometry import Ring
from segfit.basics.show import show_briefly


@dataclass(frozen=True, eq=False)
class Rings:
    """The rings of polygons: ``points`` (N, 2), where rings begin and end, and where polygons do.

    ``ring_starts``: (R + 1,) places in ``points``; ``polygon_starts``: (P + 1,) rings. The first
    ring of a polygon is its outer one; holes go round the other way.
    """

    points: Float64Array
    ring_starts: Int64Array
    polygon_starts: Int64Array

    __repr__ = show_briefly

    def moved_to(self, points: Float64Array) -> Rings:
        """The same rings with other points (N, 2)."""
        return replace(self, points=points)


def stack_rings(polygons: Sequence[Sequence[Ring]]) -> Rings:
    """Stack polygons, each its rings (n, 2), the outer one first, none of them closed."""
    rings = [ring for polygon in polygons for ring in polygon]
    closed = chain.from_iterable((ring, ring[:1]) for ring in rings)
    return Rings(
        points=np.concatenate([np.empty((0, 2)), *closed]),
        ring_starts=_find_starts([len(ring) + 1 for ring in rings]),
        polygon_starts=_find_starts([len(polygon) for polygon in polygons]),
    )


def measure_areas(rings: Rings) -> Float64Array:
    """Area of each polygon (P,), holes taken off, by the shoelace formula."""
    # Small numbers keep their digits: coordinates of a map have seven before the point.
    lengths = np.diff(rings.ring_starts)
    x, y = (rings.points - np.repeat(rings.points[rings.ring_starts[:-1]], lengths, axis=0)).T
    twice = np.zeros(len(x))
    twice[:-1] = x[:-1] * y[1:] - x[1:] * y[:-1]
    twice[rings.ring_starts[1:] - 1] = 0  # from the last point of a ring to the next ring's first
    return np.abs(_sum_polygons(rings, twice)) / 2


def measure_lengths(rings: Rings) -> Float64Array:
    """Length of each polygon's rings (P,), those of holes included."""
    return sum_sides(rings, *np.diff(rings.points, axis=0).T)


def sum_sides(rings: Rings, across: Float64Array, down: Float64Array) -> Float64Array:
    """Length of each polygon's rings (P,) from how far each point (N − 1,) is from the next."""
    sides = np.zeros(len(rings.points))
    sides[:-1] = np.hypot(across, down)
    sides[rings.ring_starts[1:] - 1] = 0
    return _sum_polygons(rings, sides)


def make_polygons(rings: Rings) -> NDArray[Any]:
    """The polygons as shapely has them (P,), outer rings counter-clockwise by their numbers."""
    import shapely

    polygons = shapely.from_ragged_array(
        shapely.GeometryType.POLYGON, rings.points, (rings.ring_starts, rings.polygon_starts)
    )
    return np.asarray(shapely.orient_polygons(polygons, exterior_cw=False))


def _find_starts(counts: Sequence[int]) -> Int64Array:
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _sum_polygons(rings: Rings, values: Float64Array) -> Float64Array:
    """Sums (P,) of values (N,) of points."""
    if len(rings.polygon_starts) == 1:
        return np.empty(0)
    of_rings = np.add.reduceat(values, rings.ring_starts[:-1])
    return np.asarray(np.add.reduceat(of_rings, rings.polygon_starts[:-1]))
