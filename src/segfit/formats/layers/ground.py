"""How large regions really are: on the ground, or on the slide.

Frame: coordinates of a map (x, y), or of the image where there is none. Shapes: see ``rings``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.errors import SegfitError
from segfit.formats.layers.extra import import_geo
from segfit.formats.layers.rings import Rings, measure_areas, measure_lengths, sum_sides
from segfit.imaging.raster.placement import Placement
from segfit.imaging.scale import PIXELS, Scale

METRES = "m"


class Ground(Protocol):
    """Measures regions in a unit of length."""

    @property
    def unit(self) -> str:
        """The unit, as the names of columns end."""
        ...

    def measure(self, pixels: Rings, mapped: Rings) -> tuple[Float64Array, Float64Array]:
        """Areas (P,) and lengths of the rings (P,), NaN where a map has no such place.

        ``pixels``: in image coordinates; ``mapped``: the same in those of the map.
        """
        ...


def find_ground(placement: Placement | None, scale: Scale) -> Ground | None:
    """What regions are measured by: the map, else the size of a pixel; None where neither is known.

    Raises ``SegfitError`` where the extra ``geo`` is needed and not installed, and for a reference
    system that cannot be understood.
    """
    earth = find_earth(placement)
    if placement is not None and earth is not None:
        return open_earth(earth, placement)
    if placement is not None and placement.metres_per_unit is not None:
        return FlatGround(METRES, placement.metres_per_unit)
    return None if scale.unit == PIXELS else ScaledGround(scale.unit, scale.unit_per_px)


def find_earth(placement: Placement | None) -> Any:
    """A map's system as pyproj has it, where it lies on the earth and says its unit; else None."""
    if placement is None or placement.crs is None:
        return None
    system = read_system(placement.crs)
    has_unit = placement.is_geographic or placement.metres_per_unit is not None
    return system if has_unit and system.geodetic_crs is not None else None


def read_system(wkt: str) -> Any:
    """A coordinate reference system as pyproj has it."""
    pyproj = import_geo("pyproj")
    try:
        return pyproj.CRS.from_wkt(wkt)
    except pyproj.exceptions.CRSError as error:
        raise SegfitError(
            f"the map's coordinate reference system cannot be understood ({error}): give the image "
            "one that is known, for example with gdal_edit.py -a_srs EPSG:32633"
        ) from error


@dataclass(frozen=True)
class ScaledGround:
    """Pixels of a size that is known."""

    unit: str
    unit_per_px: float

    def measure(self, pixels: Rings, mapped: Rings) -> tuple[Float64Array, Float64Array]:
        """Areas and lengths: see ``Ground.measure``."""
        return (
            measure_areas(pixels) * self.unit_per_px**2,
            measure_lengths(pixels) * self.unit_per_px,
        )


@dataclass(frozen=True)
class FlatGround:
    """A map of a site or a workpiece, which lies nowhere on the earth."""

    unit: str
    metres_per_unit: float

    def measure(self, pixels: Rings, mapped: Rings) -> tuple[Float64Array, Float64Array]:
        """Areas and lengths: see ``Ground.measure``."""
        return (
            measure_areas(mapped) * self.metres_per_unit**2,
            measure_lengths(mapped) * self.metres_per_unit,
        )


@dataclass(frozen=True)
class GeographicGround:
    """Longitudes and latitudes on an ellipsoid, between which sides are straight lines.

    ``radians_per_unit``: of the map's numbers. ``semi_major_m`` and ``eccentricity2``: the
    ellipsoid's larger half axis, and the square of its eccentricity.
    """

    radians_per_unit: float
    semi_major_m: float
    eccentricity2: float
    unit: str = METRES

    def measure(self, pixels: Rings, mapped: Rings) -> tuple[Float64Array, Float64Array]:
        """Areas and lengths: see ``Ground.measure``.

        Areas by the cylindrical equal-area projection, lengths by the radii of curvature at each
        side's middle. J. P. Snyder, Map Projections – A Working Manual (1987), equations 3-12, 4-20
        and 10-13 to 10-15.
        """
        longitudes, latitudes = mapped.points.T * self.radians_per_unit
        middles = (latitudes[1:] + latitudes[:-1]) / 2
        narrowing = 1 - self.eccentricity2 * np.sin(middles) ** 2
        along_parallel = self.semi_major_m / np.sqrt(narrowing) * np.cos(middles)
        along_meridian = self.semi_major_m * (1 - self.eccentricity2) / narrowing**1.5
        lengths = sum_sides(
            mapped, along_parallel * np.diff(longitudes), along_meridian * np.diff(latitudes)
        )
        flat = np.stack([longitudes, self._find_heights(latitudes)], axis=1)
        return measure_areas(mapped.moved_to(flat)) * self.semi_major_m**2, lengths

    def _find_heights(self, latitudes: Float64Array) -> Float64Array:
        """Heights on an equal-area cylinder around an ellipsoid whose larger half axis is 1."""
        sines = np.sin(latitudes)
        if self.eccentricity2 == 0:
            return np.asarray(sines)
        eccentricity = np.sqrt(self.eccentricity2)
        curved = sines / (1 - self.eccentricity2 * sines**2)
        curved += np.arctanh(eccentricity * sines) / eccentricity
        return np.asarray(curved * (1 - self.eccentricity2) / 2)


@dataclass(frozen=True)
class ProjectedGround:
    """A map in a projection, whose own areas may be far from the truth: 2.5 times in web maps.

    ``to_equal_area``: pyproj's transformer to an equal-area projection of the same ellipsoid.
    """

    to_equal_area: Any
    unit: str = METRES

    def measure(self, pixels: Rings, mapped: Rings) -> tuple[Float64Array, Float64Array]:
        """Areas and lengths: see ``Ground.measure``. A thousandth of a length is lost in 570 km."""
        flat = mapped.moved_to(transform_points(self.to_equal_area, mapped.points))
        return measure_areas(flat), measure_lengths(flat)


def open_earth(system: Any, placement: Placement) -> Ground:
    """What measures on the earth's ellipsoid, from a system as pyproj has it."""
    from pyproj.crs import ProjectedCRS
    from pyproj.crs.coordinate_operation import LambertAzimuthalEqualAreaConversion

    pyproj = import_geo("pyproj")
    geodetic, ellipsoid = system.geodetic_crs, system.get_geod()
    degrees = geodetic.axis_info[0].unit_conversion_factor
    if system.is_geographic:
        return GeographicGround(degrees, ellipsoid.a, ellipsoid.es)
    corner = placement.to_map(np.zeros((1, 2)))
    to_geodetic = pyproj.Transformer.from_crs(system, geodetic, always_xy=True)
    ((longitude, latitude),) = np.degrees(transform_points(to_geodetic, corner) * degrees)
    if not np.isfinite([longitude, latitude]).all():  # of an image of the whole earth from space
        longitude, latitude = 0.0, 0.0
    around = LambertAzimuthalEqualAreaConversion(float(latitude), float(longitude))
    equal_area = ProjectedCRS(conversion=around, geodetic_crs=geodetic)
    return ProjectedGround(pyproj.Transformer.from_crs(system, equal_area, always_xy=True))


def transform_points(transformer: Any, points: Float64Array) -> Float64Array:
    """Points (N, 2) in another system, (N, 2), NaN where it has no such place."""
    moved = np.stack(transformer.transform(points[:, 0], points[:, 1]), axis=1)
    return np.where(np.isfinite(moved), moved, np.nan)
