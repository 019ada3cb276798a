#!/usr/bin/env python
"""Draw the pictures of the how-tos for QGIS, QuPath and ImageJ from the files themselves.

    python recipes/make_layer_images.py

Each picture is drawn from a file that segfit wrote and another library reads: geopandas the
GeoPackage, in the colors that its style has for QGIS; shapely QuPath's GeoJSON; roifile the ROIs.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas
import matplotlib.pyplot as plt
import numpy as np
import roifile
import shapely
from PIL import Image
from pyproj import CRS

import segfit
from segfit.basics.files import write_file
from segfit.classes import ClassTable
from segfit.formats.layers import open_layer
from segfit.imaging.raster.placement import Placement
from segfit.partition import LabelGrid, partition_of
from segfit.result.regions import collect_regions

REPOSITORY = Path(__file__).parents[1]
NUCLEI = REPOSITORY / "src" / "segfit" / "demo_data" / "nuclei" / "val" / "images"
OUTPUT = REPOSITORY / "docs" / "images" / "layers"
LAND = ClassTable.from_names(
    ("field", "wood", "water", "roof"), background=None, object_classes=(3,),
    colors=((221, 204, 119), (17, 119, 51), (68, 119, 170), (204, 102, 119)),
)  # fmt: skip
SEED, SIDES_PX, SITES = 4, (320, 480), 60
DPI = 100


def main() -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        save(draw_map(Path(folder) / "land.gpkg"), "qgis")
        image = sorted(NUCLEI.iterdir())[0]
        result = segfit.load("nuclei")(image)
        result.save(Path(folder) / "a_qupath.geojson", format="qupath")
        result.save(Path(folder) / "a_rois.zip", format="imagej")
        save(draw_objects(result.image, Path(folder) / "a_qupath.geojson"), "qupath")
        save(draw_rois(result.image, Path(folder) / "a_rois.zip"), "imagej")


def draw_map(path: Path) -> Any:
    """A land of fields, a wood, a lake and roofs as a GeoPackage, and what it looks like."""
    rng = np.random.default_rng(SEED)
    sites = rng.uniform((0, 0), SIDES_PX, (SITES, 2))
    rows, columns = np.indices(SIDES_PX)
    nearest = np.argmin(
        [(rows - row) ** 2 + (columns - column) ** 2 for row, column in sites], axis=0
    )
    labels = rng.choice([0, 0, 1, 2], SITES)[nearest].astype(np.uint8)
    objects = np.zeros(SIDES_PX, np.int32)
    for number, (row, column) in enumerate(
        rng.uniform((20, 20), np.subtract(SIDES_PX, 40), (18, 2)), 1
    ):
        height, width = rng.integers(9, 22, 2)
        place = np.s_[int(row) : int(row) + height, int(column) : int(column) + width]
        labels[place], objects[place] = 3, number
    partition = partition_of(LabelGrid(labels, objects))
    placement = Placement(
        (0.5, 0, 392_000, 0, -0.5, 5_820_000), CRS.from_epsg(32633).to_wkt(), unit="metre",
        metres_per_unit=1.0,
    )  # fmt: skip
    with open_layer(path, classes=LAND, placement=placement) as layer:
        layer.write(collect_regions(partition, LAND, None))
    table = geopandas.read_file(path, layer="regions")
    colors = read_colors(path)
    figure, axes = plt.subplots(figsize=(7.2, 4.6), layout="constrained")
    for name, part in table.groupby("class"):
        color = np.array(colors[str(name)]) / 255
        part.plot(ax=axes, facecolor=color, edgecolor=color[:3], linewidth=1)
        axes.plot([], [], "s", color=color[:3], label=f"{name}, {part['area_m2'].sum():,.0f} m²")
    axes.set_title(f"{path.name}, {table.crs.name}", fontsize=10)
    axes.ticklabel_format(style="plain", useOffset=False)
    axes.tick_params(labelsize=7)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def read_colors(path: Path) -> Mapping[str, tuple[int, ...]]:
    """The fill (red, green, blue, alpha) of every class, from the style in a GeoPackage."""
    with closing(sqlite3.connect(path)) as package:
        ((style,),) = package.execute("SELECT styleQML FROM layer_styles")
    root = ElementTree.fromstring(style.partition("\n")[2])
    fills = {
        symbol.attrib["name"]: tuple(map(int, prop.attrib["v"].split(",")))
        for symbol in root.iter("symbol")
        for prop in symbol.iter("prop")
        if prop.attrib["k"] == "color"
    }
    return {one.attrib["value"]: fills[one.attrib["symbol"]] for one in root.iter("category")}


def draw_objects(image: np.ndarray, path: Path) -> Any:
    """QuPath's objects over their image, each with its class's color."""
    figure, axes = open_image(image, path)
    for feature in json.loads(path.read_text("utf-8"))["features"]:
        color = np.array(feature["properties"]["classification"]["color"]) / 255
        polygon = shapely.geometry.shape(feature["geometry"])
        for ring in (polygon.exterior, *polygon.interiors):
            axes.plot(*ring.xy, color=color, linewidth=1.2)
    return figure


def draw_rois(image: np.ndarray, path: Path) -> Any:
    """ImageJ's ROIs over their image, with their numbers."""
    figure, axes = open_image(image, path)
    for roi in roifile.roiread(path):
        color = [value / 255 for value in roi.stroke_color[1:]]
        for ring in roi.coordinates(multi=True):
            axes.plot(*np.append(ring, ring[:1], axis=0).T, color=color, linewidth=1.2)
        axes.annotate(
            roi.name.split()[0], ((roi.left + roi.right) / 2, (roi.top + roi.bottom) / 2),
            color="white", fontsize=6, ha="center", va="center",
        )  # fmt: skip
    return figure


def open_image(image: np.ndarray, path: Path) -> tuple[Any, Any]:
    height, width = image.shape[:2]
    figure, axes = plt.subplots(figsize=(6, 6 * height / width + 0.3), layout="constrained")
    axes.imshow(image, extent=(0, width, height, 0))
    axes.set_axis_off()
    axes.set_title(path.name, fontsize=10)
    return figure, axes


def save(figure: Any, name: str) -> None:
    drawn = BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI)
    plt.close(figure)
    data = BytesIO()
    Image.open(drawn).convert("RGB").save(data, "webp", quality=82, method=6)
    write_file(OUTPUT / f"{name}.webp", data.getvalue(), force=True)


if __name__ == "__main__":
    main()
