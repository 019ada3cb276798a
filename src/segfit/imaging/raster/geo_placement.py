"""Where an open file of GDAL's lies on the map, and how large its pixels are there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from segfit.imaging.raster.placement import Placement, Transform
from segfit.imaging.scale import Scale
from segfit.imaging.tiff_metadata import make_scale

if TYPE_CHECKING:
    from rasterio import DatasetReader
    from rasterio.crs import CRS

UNKNOWN_UNITS = frozenset({"", "unknown", "unnamed"})
ASSIGN = "assign one, such as with rio edit-info --crs EPSG:25832 FILE"


def find_placement(name: str, data: DatasetReader) -> tuple[Placement | None, list[str]]:
    """Where the image lies, None where the file does not say it; and what of it is not used."""
    if data.transform.is_identity:
        points, _ = data.gcps
        if points or data.rpcs:
            kind = "ground control points" if points else "rational polynomial coefficients"
            return None, [
                f"{name} lies on the map by {kind}, which are not used: results are in pixels "
                "(rio warp IN.tif OUT.tif --dst-crs EPSG:… resamples it to a map)"
            ]
        return None, []
    a, b, c, d, e, f = (float(value) for value in tuple(data.transform)[:6])
    if not 0 < abs(a * e - b * d) < math.inf:
        return None, [f"{name} has a transform that gives pixels no area, which is not used"]
    return _place(name, (a, b, c, d, e, f), data.crs), []


def find_map_scale(placement: Placement | None) -> tuple[Scale | None, str]:
    """The size of a pixel in metres, where the map has a unit of length; and why it is not used."""
    if placement is None:
        return None, ""
    if placement.is_geographic:
        return None, "the image's coordinates are degrees, in which no length is measured"
    if placement.metres_per_unit is None:
        return None, placement.area_note
    if not placement.is_rectangular:
        return None, "pixels are skewed on the map"
    across, down = (side * placement.metres_per_unit for side in placement.pixel_sides)
    return make_scale(across, down, "m", origin="CRS")


def _place(name: str, transform: Transform, crs: CRS | None) -> Placement:
    """A transform with what the coordinate reference system says of it."""
    from rasterio.enums import WktVersion
    from rasterio.errors import CRSError

    if not crs:
        note = f"{name} names no coordinate reference system, so areas are not in m²: {ASSIGN}"
        return Placement(transform, area_note=note)
    try:
        wkt = crs.to_wkt(version=WktVersion.WKT2_2019)
    except CRSError:  # what only the older form can say
        wkt = crs.wkt
    unit, factor = crs.units_factor
    if crs.is_geographic:
        return Placement(transform, wkt, is_geographic=True, unit=unit)
    if unit.lower() in UNKNOWN_UNITS or not factor > 0:
        note = (
            f"the coordinate reference system of {name} has no unit of length, so areas are not in "
            f"m²: {ASSIGN}"
        )
        return Placement(transform, wkt, area_note=note)
    return Placement(transform, wkt, unit=unit, metres_per_unit=float(factor))
