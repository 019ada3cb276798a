"""Polygons drawn over a map or a slide become a model, and this becomes polygons again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from commands import run
from shapely import box

from layer_files import UTM, write_layer, write_map, write_qupath
from segfit.model.archive import read_model
from tiny_training import TINY

SIDE = 420


def draw(random: np.random.Generator, count: int) -> list[Any]:
    """Roofs at places of their own, all over the image."""
    corners = random.permutation(36)[:count]
    return [
        box(x, y, x + int(wide), y + int(high))
        for x, y, wide, high in zip(
            10 + 70 * (corners % 6), 10 + 70 * (corners // 6),
            random.integers(25, 50, count), random.integers(25, 50, count), strict=True,
        )
    ]  # fmt: skip


def render(random: np.random.Generator, roofs: list[Any], bands: int) -> Any:
    """12 bits in 16: roofs are bright."""
    values = random.normal(600, 50, (bands, SIDE, SIDE))
    for roof in roofs:
        left, top, right, bottom = map(int, roof.bounds)
        values[:, top:bottom, left:right] += 1800
    return values.clip(0, 4095).astype(np.uint16)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_map_with_a_geopackage(tmp_path: Path, random: np.random.Generator) -> None:
    roofs = draw(random, 18)
    write_map(
        tmp_path / "land" / "ortho.tif", render(random, roofs, 4), tiled=True,
        blockxsize=128, blockysize=128, names=("red", "green", "blue", "nir"),
        photometric="minisblack",
    )  # fmt: skip
    drawn = [("roof", roof) for roof in roofs] + [("extent", box(0, 0, SIDE, SIDE))]
    write_layer(tmp_path / "land" / "ortho.gpkg", drawn, to="EPSG:4326")
    model = tmp_path / "land.segfit"
    trained = run(
        "train", tmp_path / "land", "-o", model, "--steps", 60, *TINY, "--channels", "3,0,1"
    )
    assert trained.exit_code == 0, trained.output
    assert "Coordinates were transformed, EPSG:4326 → EPSG:32633" in trained.output
    card = read_model(model).card
    assert (card.channels, card.channel_names) == ((3, 0, 1), ("nir", "red", "green"))
    evaluated = run("evaluate", model, tmp_path / "land", "--split", "val")
    assert evaluated.exit_code == 0, evaluated.output

    unseen = draw(random, 12)
    write_map(
        tmp_path / "new.tif", render(random, unseen, 4), names=("red", "green", "blue", "nir"),
        photometric="minisblack",
    )  # fmt: skip
    out = tmp_path / "out"
    predicted = run("predict", model, tmp_path / "new.tif", "-o", out, "--format", "gpkg")
    assert predicted.exit_code == 0, predicted.output
    found = geopandas.read_file(out / "new.gpkg", layer="regions")
    assert found.crs == UTM
    found = found[found["class"] == "roof"]
    write_layer(tmp_path / "truth.gpkg", [("roof", roof) for roof in unseen])
    truth = geopandas.read_file(tmp_path / "truth.gpkg")
    common = shapely.union_all(found.geometry).intersection(shapely.union_all(truth.geometry))
    together = shapely.union_all(found.geometry).union(shapely.union_all(truth.geometry))
    assert common.area / together.area > 0.8


def test_a_slide_with_qupath_s_objects(tmp_path: Path, random: np.random.Generator) -> None:
    cells = draw(random, 24)
    values = (render(random, cells, 3) >> 4).astype(np.uint8)
    folder = tmp_path / "data" / "slides"
    write_map(folder / "slide.tif", values, crs=None, transform=None, photometric="rgb")
    drawn: list[Any] = [("detection", "Cell", cell) for cell in cells]
    drawn.append(("annotation", "Region*", box(0, 0, SIDE, SIDE)))
    write_qupath(folder / "slide.geojson", drawn)
    model = tmp_path / "cells.segfit"
    trained = run("train", tmp_path / "data", "-o", model, "--steps", 60, *TINY)
    assert trained.exit_code == 0, trained.output
    assert "objects are told apart of Cell" in trained.output
    out = tmp_path / "out"
    predicted = run("predict", model, folder / "slide.tif", "-o", out, "--format", "qupath,numbers")
    assert predicted.exit_code == 0, predicted.output
    assert (out / "slide_qupath.geojson").is_file()
    read_again = tmp_path / "again"
    write_map(read_again / "slide.tif", values, crs=None, transform=None, photometric="rgb")
    (out / "slide_qupath.geojson").rename(read_again / "slide_qupath.geojson")
    measured = run("evaluate", model, read_again)
    assert measured.exit_code == 0, measured.output
    assert "Cell" in measured.output
