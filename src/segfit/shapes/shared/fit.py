"""A shape fitted to a region's outline, and how well it fits.

Shapes: ``N`` points of an outline. Frame: continuous image coordinates (x, y), pixel (row r,
column c) covers [c, c+1] × [r, r+1]; angles from the x axis, clockwise on the screen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely

from segfit.basics.arrays import Float64Array
from segfit.basics.geometry import Ring, measure_area, measure_length
from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.result.regions import Region

SPACING_PX = 1.0
"""Of the points that a shape is fitted to; a corner of the outline is not always one of them."""
FEWEST_POINTS, LEAST_POINTS = 6, 16
"""A fit needs so many points; a small region's outline gets so many."""
ON_EDGE_PX = 0.05
"""Points so close to the image's edge say where the image ends, not the object."""
PARAMETERS_SHOWN = 8


class FitError(SegfitError):
    """Why a shape cannot be fitted to a region; others may well be."""


@dataclass(frozen=True, eq=False)
class Outline:
    """What a shape is fitted to.

    ``rings``: the region's polygon, outer ring first, (N, 2) each. ``points``: (N, 2), evenly along
    the outer ring, without those on the image's edge. ``error_px``: (N,) their standard errors,
    or None where nobody knows them. ``is_cut``: whether the image's edge cuts the region.
    """

    rings: tuple[Ring, ...]
    points: Float64Array
    error_px: Float64Array | None = None
    is_cut: bool = False

    __repr__ = show_briefly

    @property
    def polygon(self) -> shapely.Geometry:
        """The region, holes included."""
        return to_geometry(self.rings)


@dataclass(frozen=True, eq=False)
class Fit:
    """A shape and its fitting error.

    ``shape``: its name. ``parameters``: by name; angles, in degrees, end in ``_deg``, those in
    ``counts`` say how many, and the others are lengths in pixels. ``standard_errors``: of the
    parameters, None where the shape has none. ``rings``: the shape as a polygon.
    ``rms_px`` and ``largest_px``: distance of the outline's points from the shape, root mean square
    and the largest. ``area_difference_px``: the shape's area less the region's. ``iou``: of both.
    ``inliers``: share of the points that the shape was fitted to; the others lie too far off, in a
    bite or on a spur. ``note``: what the user should know of it.
    """

    shape: str
    parameters: dict[str, float]
    standard_errors: dict[str, float] | None
    rings: tuple[Ring, ...]
    rms_px: float
    largest_px: float
    area_difference_px: float
    iou: float
    inliers: float = 1.0
    note: str = ""
    counts: frozenset[str] = frozenset()
    residuals: Float64Array = field(default_factory=lambda: np.zeros(0))

    def __repr__(self) -> str:
        """Shape, parameters and fitting error, on five lines at most."""
        shown = [f"{name} {value:.4g}" for name, value in self.parameters.items()]
        if len(shown) > PARAMETERS_SHOWN:
            shown[PARAMETERS_SHOWN:] = [f"and {len(shown) - PARAMETERS_SHOWN} more"]
        error = f"rms {self.rms_px:.3g} px, largest {self.largest_px:.3g} px, IoU {self.iou:.3f}"
        lines = [f"<Fit of {self.shape}", f"  {', '.join(shown)}", f"  {error}"]
        lines += [f"  {self.note}"] if self.note else []
        return "\n".join(lines) + ">"

    def is_length(self, name: str) -> bool:
        """Whether a parameter is in pixels."""
        return name not in self.counts and not name.endswith("_deg")


def open_outline(
    region: Region, image_shape: tuple[int, int] | None = None, *, spacing_px: float = SPACING_PX
) -> Outline:
    """The outline of a region, with points evenly along it.

    ``image_shape``: (H, W); where it is given, points on the image's edge are left out. Raises
    ``FitError`` where too few points are left.
    """
    ring = region.polygon[0]
    errors = None if region.vertex_error_px is None else region.vertex_error_px[0]
    spacing_px = min(spacing_px, measure_length(ring) / LEAST_POINTS)
    return outline_of(region.polygon, errors, image_shape, spacing_px=spacing_px)


def outline_of(
    rings: Sequence[Ring],
    error_px: Float64Array | None = None,
    image_shape: tuple[int, int] | None = None,
    *,
    spacing_px: float = SPACING_PX,
) -> Outline:
    """The same of rings, with standard errors (N,) of the outer one's points."""
    if error_px is not None and not np.isfinite(error_px).any():
        error_px = None
    points, errors = _spread_points(rings[0], error_px, spacing_px)
    is_cut = False
    if image_shape is not None:
        height, width = image_shape
        x, y = points.T
        inside = (x > ON_EDGE_PX) & (x < width - ON_EDGE_PX)
        inside &= (y > ON_EDGE_PX) & (y < height - ON_EDGE_PX)
        is_cut = not inside.all()
        points = points[inside]
        errors = None if errors is None else errors[inside]
    if len(points) < FEWEST_POINTS:
        raise FitError(
            f"only {len(points)} points of its outline are known, since the others lie on the "
            f"image's edge: a fit needs {FEWEST_POINTS}"
        )
    return Outline(tuple(rings), points, errors, is_cut)


def _spread_points(
    ring: Ring, error_px: Float64Array | None, spacing_px: float
) -> tuple[Float64Array, Float64Array | None]:
    closed = np.vstack([ring, ring[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    count = max(FEWEST_POINTS, round(along[-1] / spacing_px))
    at = (np.arange(count) + 0.5) * along[-1] / count
    points = np.stack([np.interp(at, along, column) for column in closed.T], axis=1)
    if error_px is None:
        return points, None
    known = np.isfinite(error_px)
    filled = np.where(known, error_px, np.median(error_px[known]))
    return points, np.interp(at, along, np.append(filled, filled[0]))


def describe_fit(
    shape: str,
    outline: Outline,
    rings: Sequence[Ring],
    residuals: Float64Array,
    *,
    parameters: dict[str, float],
    counts: Mapping[str, int] | None = None,
    standard_errors: dict[str, float] | None = None,
    inliers: float = 1.0,
    note: str = "",
) -> Fit:
    """A fit with its fitting error. ``residuals``: (N,) distances of the outline's points.

    ``counts``: parameters that say how many of something the shape has.
    """
    numbers = {name: float(count) for name, count in (counts or {}).items()}
    drawn, region = to_geometry(rings), outline.polygon
    union = shapely.union(drawn, region).area
    notes = [note] if note else []
    if outline.is_cut:
        notes.append("the image's edge cuts the region: its outline there was left out")
    return Fit(
        shape=shape,
        parameters=numbers | parameters,
        standard_errors=standard_errors,
        rings=tuple(rings),
        rms_px=float(np.sqrt(np.mean(residuals**2))),
        largest_px=float(np.abs(residuals).max()),
        area_difference_px=float(drawn.area - region.area),
        iou=float(shapely.intersection(drawn, region).area / union) if union else 0.0,
        inliers=inliers,
        note="; ".join(notes),
        counts=frozenset(numbers),
        residuals=residuals,
    )


def to_geometry(rings: Sequence[Ring]) -> shapely.Geometry:
    """Rings, the outer one first, as a valid geometry of shapely."""
    return shapely.make_valid(shapely.Polygon(rings[0], list(rings[1:])))


def to_rings(geometry: shapely.Geometry) -> tuple[Ring, ...]:
    """The largest polygon of a geometry as rings: outer one clockwise on the screen, then holes.

    Empty for a geometry without any area.
    """
    pieces = shapely.get_parts(shapely.get_parts(geometry))
    polygons = [piece for piece in pieces if piece.geom_type == "Polygon"]
    if not polygons:
        return ()
    largest = max(polygons, key=lambda polygon: polygon.area)
    outer = turn_ring(np.asarray(largest.exterior.coords)[:-1], clockwise=True)
    holes = [turn_ring(np.asarray(hole.coords)[:-1], clockwise=False) for hole in largest.interiors]
    return (outer, *holes)


def turn_ring(ring: Ring, *, clockwise: bool = True) -> Ring:
    """The ring in the wanted direction, as seen on the screen."""
    return ring if (measure_area(ring) > 0) == clockwise else ring[::-1]


def measure_distances(points: Float64Array, ring: Ring) -> Float64Array:
    """Distance of points (N, 2) from a closed ring, (N,)."""
    line = shapely.LinearRing(ring)
    return np.asarray(shapely.distance(shapely.points(points), line))


def require_area(outline: Outline) -> None:
    """Raise ``FitError`` for points that lie on one line."""
    centred = outline.points - outline.points.mean(axis=0)
    smallest = float(np.linalg.svd(centred, compute_uv=False)[-1]) / math.sqrt(len(centred))
    if smallest < 1e-6:
        raise FitError(
            "its outline's points lie on one line: only a region with an area can be fitted"
        )
