"""Regions as rows: polygons in the coordinates of a layer, and what is known of each.

Shapes: ``P`` regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.basics.arrays import Float64Array
from segfit.basics.show import show_briefly
from segfit.classes import ClassTable
from segfit.formats.layers.ground import Ground, find_ground
from segfit.formats.layers.rings import (
    Rings,
    make_polygons,
    measure_areas,
    measure_lengths,
    stack_rings,
)
from segfit.imaging.raster.placement import Placement
from segfit.imaging.scale import Scale
from segfit.result.regions import Region


@dataclass(frozen=True)
class Frame:
    """Where a layer's regions are, what they are measured by, and what their classes are."""

    classes: ClassTable
    placement: Placement | None
    ground: Ground | None

    @property
    def crs(self) -> str | None:
        """The layer's coordinate reference system as WKT; None where nobody knows it."""
        return None if self.placement is None else self.placement.crs

    def to_layer(self, rings: Rings) -> Rings:
        """Rings of the image as those of the layer: on the map, or as they are without one."""
        if self.placement is None:
            return rings
        return rings.moved_to(self.placement.to_map(rings.points))


def find_frame(classes: ClassTable, placement: Placement | None, scale: Scale) -> Frame:
    """A layer's frame; raises ``SegfitError`` for what ``find_ground`` does."""
    return Frame(classes, placement, find_ground(placement, scale))


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of a layer: ``rings`` in its coordinates, and columns (P,) by their names."""

    rings: Rings
    columns: Mapping[str, NDArray[Any]]

    __repr__ = show_briefly

    def __len__(self) -> int:
        return len(self.rings.polygon_starts) - 1

    @property
    def polygons(self) -> NDArray[Any]:
        """The polygons as shapely has them (P,), outer rings counter-clockwise."""
        return make_polygons(self.rings)


def describe_regions(regions: Sequence[Region], frame: Frame, *, first_id: int) -> Batch:
    """Rows of regions, numbered from ``first_id``; NaN, or None for ``object``, where unknown."""
    pixels = stack_rings([region.polygon for region in regions])
    rings = frame.to_layer(pixels)
    columns = {
        "id": np.arange(first_id, first_id + len(regions), dtype=np.int64),
        "object": np.array([region.object_number for region in regions], dtype=object),
        "class": np.array([region.name for region in regions], dtype=object),
        "class_id": np.array([region.label for region in regions], np.int32),
        "score": np.array([region.score for region in regions], np.float64),
        "area_px": measure_areas(pixels),
        "perimeter_px": measure_lengths(pixels),
        "error_px": find_errors(regions),
    }
    if frame.ground is not None:
        areas, lengths = frame.ground.measure(pixels, rings)
        columns |= {
            f"area_{frame.ground.unit}2": areas,
            f"perimeter_{frame.ground.unit}": lengths,
        }
    return Batch(rings, columns)


def find_errors(regions: Sequence[Region]) -> Float64Array:
    """Mean of the known errors of each region's vertices (P,), NaN where there are none."""
    means = [region.error_px_mean for region in regions]
    return np.array(means, np.float64)  # None becomes NaN
