"""Layers and tiled images of images of any size, by ``segfit predict``."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import tifffile
from typer.testing import CliRunner

import segfit
from segfit.basics import files
from segfit.batch.large import LARGE_FORMATS, predict_large, sort_formats
from segfit.batch.record import Recording
from segfit.cli.app import app
from segfit.errors import SegfitError
from segfit.segmenter import AdjustedSegmenter

DEMO_DATA = Path(segfit.__file__).parent / "demo_data"
NUCLEI = sorted((DEMO_DATA / "nuclei" / "val" / "images").glob("fluorescence*"))[0]


@pytest.fixture(scope="module")
def on_a_map(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nuclei as if they were islands of half a metre a pixel; nothing is known of a corner."""
    image = cv2.imread(str(NUCLEI))[:200, :220]
    image = np.maximum(image, 1)
    image[:60, :80] = 0
    path = tmp_path_factory.mktemp("map") / "islands.tif"
    height, width = image.shape[:2]
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=3, dtype="uint8", nodata=0,
        crs="EPSG:32633", transform=rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_000_000),
    ) as file:  # fmt: skip
        file.write(np.moveaxis(image, 2, 0))
    return path


@pytest.fixture(scope="module")
def results(on_a_map: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("results")
    names = list(LARGE_FORMATS)
    predict_large(AdjustedSegmenter(segfit.load("nuclei")), [on_a_map], output, names)
    return output


def test_layers_agree_and_lie_on_the_map(results: Path, on_a_map: Path) -> None:
    layers = [
        geopandas.read_file(results / "islands.gpkg", layer="regions"),
        geopandas.read_file(results / "islands.fgb"),
        geopandas.read_parquet(results / "islands.parquet"),
    ]
    for layer in layers:
        assert layer.crs.to_epsg() == 32633
        assert len(layer) == len(layers[0]) > 5
        assert layer.geometry.is_valid.all()
        left, top = 500_000, 5_000_000
        assert layer.total_bounds[0] >= left
        assert layer.total_bounds[3] <= top
        assert layer.total_bounds[2] <= left + 110
        # Nothing was found where nothing is known.
        assert not layer.geometry.intersects(shapely.box(left, top - 29, left + 39, top)).any()


def test_images_have_the_layers_regions(results: Path) -> None:
    layer = geopandas.read_file(results / "islands.gpkg", layer="regions")
    with rasterio.open(results / "islands_labels.tif") as file:
        labels = file.read(1)
        assert file.crs.to_epsg() == 32633
    with rasterio.open(results / "islands_numbers.tif") as file:
        numbers = file.read(1)
    assert (labels[:60, :80] == 255).all()
    assert set(np.unique(labels)) == {0, 1, 255}
    assert np.array_equal(numbers > 0, labels == 1)
    assert set(np.unique(numbers)) == set(range(len(layer) + 1))
    pixels = np.bincount(numbers.ravel())[1:]
    assert np.abs(layer.area_px.to_numpy() - pixels).max() < 0.15 * pixels.max()


def test_a_model_that_looks_at_an_image_as_a_whole_writes_them_too(
    tiny_model: Path, tmp_path: Path
) -> None:
    names = ["gpkg", "labels", "numbers"]
    predict_large(AdjustedSegmenter(segfit.load(tiny_model)), [NUCLEI], tmp_path, names)
    numbers = tifffile.imread(tmp_path / f"{NUCLEI.stem}_numbers.tif")
    layer = geopandas.read_file(tmp_path / f"{NUCLEI.stem}.gpkg", layer="regions")
    assert numbers.max() == len(layer)


def test_what_is_to_be_installed_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyogrio", None)
    segmenter = AdjustedSegmenter(segfit.load("nuclei"))
    with pytest.raises(SegfitError, match=r"maps need pyogrio: pip install \"segfit\[geo\]\""):
        predict_large(segmenter, [NUCLEI], tmp_path / "results", ["gpkg"])
    assert not (tmp_path / "results").exists()


def test_formats_of_both_kinds_are_not_mixed() -> None:
    assert sort_formats(["gpkg", "geojson"])
    assert not sort_formats(["geojson", "mask"])
    with pytest.raises(SegfitError, match="gpkg is written window by window, and mask of an image"):
        sort_formats(["gpkg", "mask"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["segment", str(NUCLEI), "--method", "multi-otsu", "--format", "gpkg"],
            "the answers of a trained",
        ),
        (["predict", "nuclei", str(NUCLEI), "--format", "gpkg", "--simplify", "1"], "--simplify"),
    ],
)
def test_what_does_not_go_with_them_is_refused(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    result = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "results")])
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert not list((tmp_path).rglob("*.gpkg"))


def test_a_map_from_a_store_gives_the_same_layers_in_a_store(
    on_a_map: Path, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fsspec

    monkeypatch.setattr(files, "LARGE_BYTES", 5_000)
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.pipe_file(f"{bucket}/maps/islands.tif", on_a_map.read_bytes())
    segmenter = AdjustedSegmenter(segfit.load("nuclei"))
    names, there = ["geojson", "gpkg", "labels"], Path(f"s3://{bucket}/out")
    predict_large(segmenter, [on_a_map], tmp_path, names)
    recording = Recording({"model": "nuclei"}, resume=True)
    for before in (0, 1):
        report = predict_large(
            segmenter, [Path(f"s3://{bucket}/maps/islands.tif")], there, names, recording=recording
        )
        assert (report.failed, report.before) == ((), before)
    for name in ("islands.geojson", "islands_labels.tif", "islands.gpkg"):
        assert system.cat_file(f"{bucket}/out/{name}") == (tmp_path / name).read_bytes()
    assert sorted(name.rpartition("/")[2] for name in system.find(f"{bucket}/out")) == [
        "islands.geojson", "islands.gpkg", "islands_labels.tif", "manifest.jsonl",
    ]  # fmt: skip
