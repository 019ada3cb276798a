"""The pixels of a region, for formats whose polygons have no holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segfit.basics.arrays import BoolArray
from segfit.basics.geometry import fill_polygon
from segfit.basics.show import show_briefly
from segfit.result.regions import Region


@dataclass(frozen=True, eq=False)
class RegionMask:
    """Pixels (h, w) whose center is inside, of the window whose first pixel is (top, left)."""

    inside: BoolArray
    left: int
    top: int

    __repr__ = show_briefly


def mask_region(region: Region) -> RegionMask:
    """Fill a region within the smallest window of whole pixels around it."""
    left, top = (int(np.floor(value)) for value in region.bounds_xyxy[:2])
    right, bottom = (int(np.ceil(value)) for value in region.bounds_xyxy[2:])
    rings = [ring - (left, top) for ring in region.polygon]
    return RegionMask(fill_polygon(rings, height=bottom - top, width=right - left), left, top)
