"""Layers laid over their images: polygons in pixels, valid, and within the image.

Frame: pixels of an image's full size, (x, y), y down. Shapes: ``P`` polygons; ``N`` points.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely

from segfit.basics.arrays import BoolArray, Float64Array
from segfit.basics.show import show_briefly
from segfit.basics.text import count_noun
from segfit.datasets.layers.layer import DrawnLayer, Geometries, keep_areal
from segfit.errors import SegfitError
from segfit.formats.layers.extra import import_geo
from segfit.imaging.raster.raster import Raster


@dataclass(frozen=True, eq=False)
class PlacedLayer:
    """The polygons of a layer that lie on its image.

    ``names``, ``is_object``: see ``DrawnLayer``. ``note``: by what they were brought there, empty
    where nothing was to be done. ``faults``: how many polygons were mended or left out, and why.
    """

    polygons: Geometries
    names: Any
    is_object: BoolArray
    note: str = ""
    faults: Counter[str] = field(default_factory=Counter)

    __repr__ = show_briefly


REPAIRED = "not valid, and repaired"
OUTSIDE = "outside the image, left out"
FLAT = "of no area, left out"
NOWHERE = "at places that the image's map does not have, left out"
NAMELESS = "without a class, left out"


def place_layer(layer: DrawnLayer, raster: Raster) -> PlacedLayer:
    """Bring a layer's polygons to the pixels of its image.

    Those that cross themselves are made valid; those outside the image, without a class, and where
    their coordinates mean nothing are left out. Raises SegfitError where it cannot be told where
    the layer lies, where nothing of it lies on the image, and where it has no polygon of a class.
    """
    if len(layer.polygons) == 0:
        others = ", ".join(
            f"{count_noun(count, 'feature')} {kind}"
            for kind, count in sorted(layer.left_out.items())
        )
        raise SegfitError(f"{layer.file} has no polygons ({others or 'it is empty'}): draw some")
    polygons, note = _to_pixels(layer, raster)
    faults: Counter[str] = Counter()
    bounds = shapely.bounds(polygons)
    is_somewhere = np.isfinite(bounds).all(axis=1)
    polygons = np.where(is_somewhere, polygons, shapely.Polygon())
    crooked = ~shapely.is_valid(polygons)
    if crooked.any():
        mended, has_area, _ = keep_areal(shapely.make_valid(polygons[crooked]))
        polygons[crooked] = np.where(has_area, mended, shapely.Polygon())
    height, width = raster.shape
    left, top, right, bottom = shapely.bounds(polygons).T
    is_empty = is_somewhere & np.isnan(left)
    is_inside = (left < width) & (right > 0) & (top < height) & (bottom > 0)  # not for NaN
    has_name = np.array([name != "" for name in layer.names], np.bool_)
    faults[REPAIRED] = int((crooked & ~is_empty).sum())
    faults[FLAT] = int(is_empty.sum())
    faults[NOWHERE] = int((~is_somewhere).sum())
    faults[OUTSIDE] = int((is_somewhere & ~is_empty & ~is_inside).sum())
    faults[NAMELESS] = int((is_inside & ~has_name).sum())
    if not is_inside.any():
        raise SegfitError(_describe_outside(layer, raster, bounds[is_somewhere]))
    kept = is_inside & has_name
    if not kept.any():
        raise SegfitError(
            f"no polygon of {layer.file} has a class ({layer.source}): give them classes"
        )
    return PlacedLayer(polygons[kept], layer.names[kept], layer.is_object[kept], note, +faults)


def _to_pixels(layer: DrawnLayer, raster: Raster) -> tuple[Geometries, str]:
    """The polygons in pixels of the image, and by what they were brought there."""
    placement, file = raster.placement, layer.file
    if layer.is_in_pixels:
        return layer.polygons, ""
    if placement is None:
        if layer.crs is None:
            return _turn_up(layer)
        raise SegfitError(
            f"{file} lies on the map ({_name_system(layer)}), and {raster.name} does not: save the "
            "image as a GeoTIFF, or put its world file beside it; a layer that is drawn in pixels "
            "has no reference system (in QGIS: Layer → Set CRS of Layer → No CRS)"
        )
    if layer.crs is None and placement.crs is not None:
        raise SegfitError(
            f"{file} names no coordinate reference system, and {raster.name} lies on the map: "
            "assign it the one that it was drawn in (in QGIS: Layer → Set CRS of Layer, then "
            "export it)"
        )
    convert, note = None, ""
    if layer.crs is not None and placement.crs is not None:
        convert, note = _find_conversion(layer, placement.crs, raster.name)
    elif layer.crs is not None:
        note = f"{raster.name} names no reference system, and is taken to be in {file.name}'s"

    def move(points: Float64Array) -> Float64Array:
        return placement.to_image(points if convert is None else convert(points))

    return shapely.transform(layer.polygons, move), note


def _turn_up(layer: DrawnLayer) -> tuple[Geometries, str]:
    """Pixels as they are, or turned where all y are negative, as QGIS shows images off the map."""
    bounds = shapely.bounds(layer.polygons)
    if not (bounds[:, 1].min() < 0 and bounds[:, 3].max() <= 0):
        return layer.polygons, ""
    turned = shapely.transform(layer.polygons, lambda points: points * (1, -1))
    return turned, f"{layer.file.name} has negative y, and is read as QGIS shows images, y upwards"


def _find_conversion(layer: DrawnLayer, crs: str, image: str) -> tuple[Any, str]:
    """What brings points (N, 2) of the layer to the image's map, None where it is the same one."""
    pyproj = import_geo("pyproj")
    try:
        own, other = pyproj.CRS.from_user_input(layer.crs), pyproj.CRS.from_wkt(crs)
        if own.equals(other, ignore_axis_order=True):
            return None, ""
        transformer = pyproj.Transformer.from_crs(own, other, always_xy=True)
    except pyproj.exceptions.ProjError as error:
        raise SegfitError(
            f"the reference systems of {layer.file} and {image} do not go together ({error}): "
            "reproject the layer to that of the image"
        ) from error

    def convert(points: Float64Array) -> Float64Array:
        return np.stack(transformer.transform(points[:, 0], points[:, 1]), axis=1)

    return convert, f"{_name(own)} → {_name(other)}"


def _name(system: Any) -> str:
    authority = system.to_authority()
    return ":".join(authority) if authority else str(system.name)


def _name_system(layer: DrawnLayer) -> str:
    pyproj = import_geo("pyproj")
    try:
        return _name(pyproj.CRS.from_user_input(layer.crs))
    except pyproj.exceptions.CRSError:
        return "in a system that is not known"


def _describe_outside(layer: DrawnLayer, raster: Raster, bounds: Float64Array) -> str:
    height, width = raster.shape
    if len(bounds) == 0:
        reason = "its coordinates are of no place on the image's map"
    else:
        left, top = bounds[:, :2].min(axis=0)
        right, bottom = bounds[:, 2:].max(axis=0)
        reason = (
            f"they lie at x {left:,.0f} to {right:,.0f} and y {top:,.0f} to {bottom:,.0f} px of an "
            f"image of {width:,}×{height:,} px"
        )
    return (
        f"all {len(layer.polygons)} polygons of {layer.file} lie outside {raster.name}: {reason}; "
        "check that they belong together, and the layer's reference system"
    )
