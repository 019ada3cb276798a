"""What Label Studio draws made into pixels: polygons, brush strokes, rectangles and ellipses.

Coordinates are in percent of the image's width and height.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel

from segfit.basics.arrays import BoolArray, Float64Array, UInt8Array
from segfit.basics.geometry import fill_polygon
from segfit.datasets.painting import check_points, fill_ellipse
from segfit.errors import SegfitError

GEOMETRY = ("points", "rle", "radiusX", "width")
"""What the value of a region that covers pixels has, one of these."""


class Region(BaseModel):
    """An entry of a result: what is drawn and its labels, or one of the two, or neither."""

    id: str | None = None
    type: str = ""
    original_width: int | None = None
    original_height: int | None = None
    image_rotation: float = 0
    value: dict[str, Any] = {}

    @property
    def is_drawn(self) -> bool:
        """Whether it covers pixels: a key point has no width to speak of."""
        is_point = self.type.startswith("keypoint")
        return not is_point and any(key in self.value for key in GEOMETRY)

    @property
    def labels(self) -> tuple[str, ...]:
        """Its classes, which the value has under a key of the kind ``polygonlabels``."""
        found = [value for key, value in self.value.items() if key.endswith("labels")]
        return tuple(str(label) for label in found[0]) if found else ()


def fill_region(region: Region, *, height: int, width: int, where: str) -> BoolArray:
    """Pixels (H, W) of a drawn region; SegfitError, which begins with ``where``, if it is wrong."""
    if region.image_rotation:
        raise SegfitError(
            f"{where} was drawn on the image turned by {region.image_rotation:g}°: turn the image "
            "itself, or draw it upright"
        )
    if (region.original_height or height, region.original_width or width) != (height, width):
        raise SegfitError(
            f"{where} was drawn on {region.original_height}×{region.original_width} px but the "
            f"image is {height}×{width}: give the image that was drawn on"
        )
    value = region.value
    try:
        if "rle" in value:
            return fill_strokes(value["rle"], height=height, width=width)
        scale = np.array([width, height]) / 100
        if "points" in value:
            points = np.array(value["points"], dtype=np.float64).reshape(-1, 2) * scale
            return _fill(points, height=height, width=width, where=where)
        corner = np.array([value["x"], value["y"]], dtype=np.float64) * scale
        turned = np.radians(float(value.get("rotation", 0)))
        if "radiusX" in value:
            radii = np.array([value["radiusX"], value["radiusY"]], dtype=np.float64) * scale
            reach = np.array([corner - radii, corner + radii])
            check_points(reach, height=height, width=width, where=where)
            return fill_ellipse(corner, radii, turned, height=height, width=width)
        size = np.array([value["width"], value["height"]], dtype=np.float64) * scale
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SegfitError(
            f"{where} cannot be read ({type(error).__name__}: {error}): export it again"
        ) from None
    return _fill(turn_rectangle(corner, size, turned), height=height, width=width, where=where)


def turn_rectangle(corner: Float64Array, size: Float64Array, turned: float) -> Float64Array:
    """Corners (4, 2) of a rectangle that is ``turned`` about its first, clockwise in radians."""
    along = np.array([np.cos(turned), np.sin(turned)]) * size[0]
    down = np.array([-np.sin(turned), np.cos(turned)]) * size[1]
    return np.array([corner, corner + along, corner + along + down, corner + down])


def fill_strokes(rle: list[int], *, height: int, width: int) -> BoolArray:
    """Pixels (H, W) of brush strokes: the run lengths hold RGBA, and alpha is the mask.

    ValueError where they are not those of an image of this size.
    """
    values = decode_runs(rle, count=height * width * 4)
    return values.reshape(height, width, 4)[..., 3] > 0


def decode_runs(rle: list[int], *, count: int) -> UInt8Array:
    """Decode Label Studio's run lengths, those of ``@thi.ng/rle-pack``, to ``count`` bytes.

    A stream of bits: the number of values (32), their width less one (5), four widths of counts
    less one (4 each); then, until all values are there, a bit that says whether one value is
    repeated, which of the four widths its count less one has (2), the count, and the value or so
    many values. Raises ValueError where the data are not those of so many bytes.
    """
    bits = "".join(f"{byte:08b}" for byte in bytes(rle))
    place = 0

    def read(width: int) -> int:
        nonlocal place
        place += width
        if place > len(bits):
            raise ValueError("its run lengths end too early")
        return int(bits[place - width : place], 2)

    total = read(32)
    if total != count:
        raise ValueError(f"its run lengths are of {total // 4} px, the image has {count // 4}")
    width = read(5) + 1
    count_widths = [read(4) + 1 for _ in range(4)]
    values = np.zeros(count, np.uint8)
    done = 0
    while done < count:
        repeated = read(1)
        end = done + read(count_widths[read(2)]) + 1
        if end > count:
            raise ValueError("its run lengths hold more values than they say")
        values[done:end] = (
            read(width) & 255 if repeated else [read(width) & 255 for _ in range(done, end)]
        )
        done = end
    return values


def _fill(points: Float64Array, *, height: int, width: int, where: str) -> BoolArray:
    if len(points) < 3:
        raise SegfitError(f"{where} has {len(points)} points and needs 3: draw it again")
    check_points(points, height=height, width=width, where=where)
    return fill_polygon([points], height=height, width=width)
