"""Regions drawn by hand: two squares that share a border, and a ring with a hole."""

from __future__ import annotations

import numpy as np

from segfit.classes import ClassTable
from segfit.imaging.raster.placement import Placement
from segfit.result.regions import Region

CLASSES = ClassTable.from_names(
    ("ground", "roof", "Straße & <Weg>"), colors=(None, (200, 30, 40), (10, 120, 250)),
    object_classes=(1,),
)  # fmt: skip
UTM33, WEB, WGS84 = 32633, 3857, 4326


def square(left, top, side, *, is_hole=False):
    """Clockwise on the screen, as outer rings go; a hole the other way round."""
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)
    ring = corners * side + np.array([left, top])
    return ring[::-1].copy() if is_hole else ring


LEFT = Region(1, "roof", 1, 0.75, (square(10, 20, 10),), (np.array([0.1, 0.2, 0.3, np.nan]),))
RIGHT = Region(1, "roof", 2, None, (square(20, 20, 10),), (np.full(4, np.nan),))
RING = Region(2, "Straße & <Weg>", None, 0.5, (square(40, 20, 20), square(44, 24, 4, is_hole=True)))
REGIONS = (LEFT, RIGHT, RING)
AREAS_PX = (100, 100, 400 - 16)
PERIMETERS_PX = (40, 40, 80 + 16)


def place(code, transform):
    """A placement in a system of EPSG, or of WKT; None for no system."""
    import pyproj

    if code is None:
        return Placement(transform)
    system = pyproj.CRS.from_user_input(code)
    unit = system.axis_info[0]
    metres = (
        None if system.is_geographic or unit.unit_name == "unknown" else unit.unit_conversion_factor
    )
    return Placement(
        transform, system.to_wkt(), system.is_geographic, unit.unit_name, metres_per_unit=metres
    )
