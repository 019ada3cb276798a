"""TIFF: names of channels and the size of a pixel, from OME, ImageJ, GDAL or the own tags."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from segfit.imaging.channels import COLOR_NAMES, name_channels
from segfit.imaging.scale import Scale

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

RGB = 2
INCH, CENTIMETER = 2, 3
MICROMETERS_PER = {INCH: 25_400.0, CENTIMETER: 10_000.0}
USUAL_DPI = (72, 96)
"""What programs write where nobody measured anything."""
SQUARE = 0.01
"""Sides of a pixel may differ by this share."""
UNITS = {"micron": "um", "microns": "um", "micrometer": "um", "inch": "in", "inches": "in"}
UNITS |= {"nanometer": "nm", "millimeter": "mm", "centimeter": "cm", "meter": "m"}
UNITS |= {"second": "s", "seconds": "s", "sec": "s", "millisecond": "ms", "minute": "min"}
NO_UNITS = frozenset({"", "pixel", "pixels", "px", "none", "null"})


def list_names(file: TiffFile, count: int) -> tuple[str, ...]:
    """Names of the channels, all different; empty where the file has not one for each."""
    found = _list_ome_names(file) or _list_imagej_names(file) or _list_gdal_names(file)
    repeated = len(found) // max(1, count)
    if repeated > 1 and found == found[:count] * repeated:  # the same names in every plane
        found = found[:count]
    return tidy_names(found, count)


def tidy_names(found: Sequence[str], count: int) -> tuple[str, ...]:
    """Names that a file gives, made different from each other; empty if not one a channel."""
    if len(found) != count or not any(found):
        return ()
    named = [name or f"c{number}" for number, name in enumerate(found)]
    return tuple(
        f"{name} {number}" if named.count(name) > 1 else name for number, name in enumerate(named)
    )


def name_planes(sizes: Mapping[str, int], *, photometric: int) -> tuple[str, ...]:
    """Names by axis and number, such as "z0 c1", where there are no others; ``sizes``: by axis."""
    wide = {axis: size for axis, size in sizes.items() if size > 1}
    samples = wide.get("S", 0)
    if photometric == RGB and list(wide) == ["S"] and samples >= 3:
        return (*COLOR_NAMES, *(f"extra {number + 1}" for number in range(samples - 3)))
    if len(wide) <= 1 and set(wide) <= {"S", "C"}:
        return name_channels(math.prod(wide.values()))
    letters = {"I": "page ", "Q": "page ", "S": "c"}
    names = [[f"{letters.get(a, a.lower())}{n}" for n in range(size)] for a, size in wide.items()]
    return tuple(" ".join(parts) for parts in itertools.product(*names))


def find_scale(file: TiffFile, page: TiffPage) -> tuple[Scale | None, str]:
    """The size of a pixel, where the file says it; and why one that it says is not used."""
    for origin, find in (("OME", _find_ome_size), ("ImageJ", _find_imagej_size)):
        found = find(file, page)
        if found is not None:
            return make_scale(*found, origin=origin)
    unit = page.tags.valueof(296, INCH)
    per_unit = _read_resolution(page)
    if per_unit is None or unit not in MICROMETERS_PER or file.is_imagej:
        return None, ""
    size = MICROMETERS_PER[unit]
    if round(per_unit[0] * 25_400 / size) in USUAL_DPI or per_unit[0] <= 1:
        return None, ""
    return make_scale(size / per_unit[0], size / per_unit[1], "um", origin="TIFF resolution")


def make_scale(across: float, down: float, unit: str, *, origin: str) -> tuple[Scale | None, str]:
    """The size of a pixel from its two sides; and, where they differ, that it is not used."""
    unit = UNITS.get(unit.lower(), unit.replace("µ", "u").replace("μ", "u"))
    if not (0 < across < math.inf and 0 < down < math.inf):
        return None, ""
    if abs(across - down) > SQUARE * max(across, down):
        return None, f"pixels of {across:.6g}×{down:.6g}{unit} ({origin}) are not square"
    return Scale(across, unit, origin), ""


def find_steps(file: TiffFile) -> dict[str, tuple[float, str]]:
    """How far neighbouring planes are apart along z, and in time, by axis: so many of a unit."""
    pixels = _find_ome_pixels(file)
    if pixels is not None:
        given = {
            "Z": (pixels.get("PhysicalSizeZ"), pixels.get("PhysicalSizeZUnit", "µm")),
            "T": (pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s")),
        }
    else:
        metadata = file.imagej_metadata or {}
        unit, seconds = _read_imagej_unit(file), str(metadata.get("tunit", "s"))
        given = {"Z": (metadata.get("spacing"), unit), "T": (metadata.get("finterval"), seconds)}
    return tidy_steps(given)


def tidy_steps(given: Mapping[str, tuple[Any, str]]) -> dict[str, tuple[float, str]]:
    """Those of some steps that are a length or a time, in the units' short names."""
    steps = {}
    for axis, (value, unit) in given.items():
        try:
            step = float(value)
        except (TypeError, ValueError):
            continue
        unit = UNITS.get(unit.strip().lower(), unit.strip().replace("µ", "u").replace("μ", "u"))
        if 0 < step < math.inf and unit.lower() not in (*NO_UNITS, "reference frame"):
            steps[axis] = step, unit
    return steps


def _read_resolution(page: TiffPage) -> tuple[float, float] | None:
    """Pixels in a unit of length, across and down."""
    found = []
    for tag in (282, 283):
        value = page.tags.valueof(tag)
        if not isinstance(value, tuple) or len(value) != 2 or not value[0] or not value[1]:
            return None
        found.append(value[0] / value[1])
    return found[0], found[1]


def _find_ome_pixels(file: TiffFile) -> Any:
    """The element Pixels of a file's first image, or None."""
    if not file.is_ome or not file.ome_metadata:
        return None
    try:
        root = ElementTree.fromstring(file.ome_metadata)
    except ElementTree.ParseError:
        return None
    return root.find(".//{*}Image/{*}Pixels")


def _find_ome_size(file: TiffFile, page: TiffPage) -> tuple[float, float, str] | None:
    pixels = _find_ome_pixels(file)
    sizes = [] if pixels is None else [pixels.get(f"PhysicalSize{axis}") for axis in "XY"]
    if not all(sizes):
        return None
    try:
        across, down = (float(size) for size in sizes)
    except ValueError:
        return None
    unit = pixels.get("PhysicalSizeXUnit", "µm")
    return None if unit in ("pixel", "reference frame") else (across, down, unit)


def _find_imagej_size(file: TiffFile, page: TiffPage) -> tuple[float, float, str] | None:
    per_unit, unit = _read_resolution(page), _read_imagej_unit(file)
    if per_unit is None or unit.lower() in NO_UNITS:
        return None
    return 1 / per_unit[0], 1 / per_unit[1], unit


def _read_imagej_unit(file: TiffFile) -> str:
    unit = str((file.imagej_metadata or {}).get("unit", ""))
    return unit.encode("latin-1", "replace").decode("unicode_escape").strip()


def _list_ome_names(file: TiffFile) -> list[str]:
    pixels = _find_ome_pixels(file)
    if pixels is None:
        return []
    names = []
    for channel in pixels.findall("{*}Channel"):
        samples = int(channel.get("SamplesPerPixel", 1))
        name = (channel.get("Name") or "").strip()
        colors = COLOR_NAMES if samples == 3 and not name else ("",) * samples
        names += [f"{name}{color}" for color in colors]
    return names


def _list_imagej_names(file: TiffFile) -> list[str]:
    labels = (file.imagej_metadata or {}).get("Labels") or []
    return [str(label).splitlines()[0].strip() if label else "" for label in labels]


def _list_gdal_names(file: TiffFile) -> list[str]:
    text = file.pages.first.tags.valueof(42112)
    if not isinstance(text, str):
        return []
    pattern = r'<Item name="DESCRIPTION" sample="(\d+)" role="description">([^<]*)</Item>'
    found = {int(sample): name for sample, name in re.findall(pattern, text)}
    return [found.get(number, "") for number in range(max(found, default=-1) + 1)]
