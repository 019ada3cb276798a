"""Label images, read again by the libraries of maps and of microscopes."""

import json
import os

import numpy as np
import pytest
import rasterio
import tifffile
from drawn_regions import CLASSES, UTM33, place
from pyproj import CRS

from segfit.errors import SegfitError
from segfit.formats.layers import tile_store
from segfit.formats.layers.label_image import open_label_image
from segfit.formats.layers.tile_store import find_most_frequent
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.window import Window
from segfit.imaging.scale import Scale

SHAPE = (90, 141)  # 3 rows of 5 tiles of 32
TRANSFORMS = {
    "north up": (0.5, 0, 500_000, 0, -0.5, 5_500_000),
    "south up": (0.5, 0, 500_000, 0, 0.5, 5_500_000),
    "rotated": (0.3, 0.4, 500_000, 0.4, -0.3, 5_500_000),
}


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr("segfit.formats.layers.tile_store.TILE_PX", 32)
    monkeypatch.setattr("segfit.formats.layers.label_tiff.TILE_PX", 32)


def draw(dtype=np.uint8, shape=SHAPE):
    """Labels in blobs of a few pixels, none in the lower right."""
    rows, columns = np.indices(shape)
    labels = (rows // 7 + columns // 11) % 3
    labels[40:, 90:] = 0
    return labels.astype(dtype) * (1 if dtype == np.uint8 else 1000)


def write(path, labels, *, windows=None, **settings):
    height, width = labels.shape
    with open_label_image(path, shape=labels.shape, dtype=labels.dtype, **settings) as image:
        for window in windows or [Window(0, 0, width, height)]:
            image.write(window, labels[window.top : window.bottom, window.left : window.right])
    return path


def cut(shape, side):
    """Windows of an image in a random order."""
    windows = [
        Window(left, top, min(side, shape[1] - left), min(side, shape[0] - top))
        for top in range(0, shape[0], side)
        for left in range(0, shape[1], side)
    ]
    return [windows[index] for index in np.random.default_rng(0).permutation(len(windows))]


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_a_geotiff_lies_where_its_image_does(tmp_path, transform):
    labels = draw()
    path = write(tmp_path / "a.tif", labels, classes=CLASSES, placement=place(UTM33, transform))
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), labels)
        assert CRS.from_wkt(file.crs.to_wkt()) == CRS.from_epsg(UTM33)
        assert tuple(file.transform)[:6] == transform
        assert file.overviews(1) == [2, 4, 8]
        assert file.profile["blockxsize"] == 32
        assert file.profile["compress"] == "deflate"
        colors = file.colormap(1)
        assert [colors[value][:3] for value in range(3)] == list(CLASSES.colors)
        described = json.loads(file.tags()["SEGFIT_CLASSES"])
        assert [one["name"] for one in described["classes"]] == list(CLASSES.names)
        small = file.read(1, out_shape=(45, 71))
    np.testing.assert_array_equal(small[:, :70], find_most_frequent(labels[:, :140]))
    with open_raster(path) as raster:
        assert raster.shape == SHAPE
        assert raster.placement.transform == transform


def test_an_ome_tiff_has_the_size_of_a_pixel(tmp_path):
    labels = draw(np.uint32)
    path = write(
        tmp_path / "a.ome.tif", labels, classes=CLASSES, scale=Scale(0.25, "um"),
        windows=cut(SHAPE, 20),
    )  # fmt: skip
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        assert len(file.series) == 1
        assert [level.shape for level in file.series[0].levels] == [
            (90, 141), (45, 71), (23, 36), (12, 18),
        ]  # fmt: skip
        np.testing.assert_array_equal(file.asarray(), labels)
        np.testing.assert_array_equal(
            file.series[0].levels[1].asarray()[:, :70], find_most_frequent(labels[:, :140])
        )
        (notes,) = tifffile.xml2dict(file.ome_metadata)["OME"]["StructuredAnnotations"].values()
        assert [one["value"] for one in notes["Value"]["M"]] == list(CLASSES.names)
    with open_raster(path) as raster:
        assert raster.scale == Scale(0.25, "um")
        assert raster.levels == ((90, 141), (45, 71), (23, 36), (12, 18))


@pytest.mark.parametrize("name", ["a.tif", "a.ome.tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
def test_the_same_bytes_in_whatever_order_windows_come(tmp_path, monkeypatch, name, dtype):
    labels = draw(dtype)
    monkeypatch.setattr(tile_store, "OPEN_TILES", 2)  # tiles leave before they are complete
    contents = []
    for folder, side in (("whole", 200), ("aligned", 32), ("across", 19)):
        (tmp_path / folder).mkdir()
        path = write(tmp_path / folder / name, labels, classes=CLASSES, windows=cut(SHAPE, side))
        np.testing.assert_array_equal(tifffile.imread(path), labels)
        contents.append(path.read_bytes())
        assert os.listdir(tmp_path / folder) == [name]
    assert contents[0] == contents[1] == contents[2]


def test_what_nobody_writes_is_background(tmp_path):
    path = write(tmp_path / "a.tif", draw(), windows=[Window(3, 5, 40, 50)])
    expected = np.zeros(SHAPE, np.uint8)
    expected[5:55, 3:43] = draw()[5:55, 3:43]
    np.testing.assert_array_equal(tifffile.imread(path), expected)


def test_a_later_window_replaces_an_earlier_one(tmp_path):
    with open_label_image(tmp_path / "a.tif", shape=(40, 40), dtype="uint8") as image:
        image.write(Window(0, 0, 40, 40), np.ones((40, 40), np.uint8))
        image.write(Window(30, 30, 4, 4), np.full((4, 4), 2, np.uint8))
        image.write(Window(0, 0, 2, 2), np.zeros((2, 2), np.uint8))
    labels = tifffile.imread(tmp_path / "a.tif")
    assert np.bincount(labels.ravel()).tolist() == [4, 1580, 16]
    assert (labels[30:34, 30:34] == 2).all()


def test_large_files_are_bigtiffs(tmp_path, monkeypatch):
    for limit, is_big in ((2**32, False), (10, True)):
        monkeypatch.setattr("segfit.formats.layers.label_tiff.LARGEST_CLASSIC", limit)
        path = write(
            tmp_path / f"{limit}.tif", draw(), placement=place(UTM33, TRANSFORMS["rotated"])
        )
        with tifffile.TiffFile(path) as file:
            assert file.is_bigtiff == is_big
        with rasterio.open(path) as file:
            np.testing.assert_array_equal(file.read(1), draw())
            assert file.crs.to_epsg() == UTM33


def test_a_plain_tiff_has_the_size_of_a_pixel(tmp_path):
    path = write(tmp_path / "a.tif", draw(), scale=Scale(0.5, "um"))
    with open_raster(path) as raster:
        assert raster.scale == Scale(0.5, "um")


def test_an_error_leaves_nothing_behind(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"mine")
    with pytest.raises(SegfitError, match="exists already"):
        open_label_image(path, shape=SHAPE, dtype="uint8")
    image = open_label_image(path, shape=SHAPE, dtype="uint8", force=True)
    with pytest.raises(TypeError):
        image.write(Window(0, 0, 10, 10), None)
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["a.tif"]


def test_a_name_that_says_nothing(tmp_path):
    with pytest.raises(SegfitError, match=r"ends in \.ome\.tif"):
        open_label_image(tmp_path / "a.png", shape=SHAPE, dtype="uint8")


def test_a_map_as_ome(tmp_path):
    with pytest.raises(SegfitError, match=r"no place for the coordinates.*call it \.tif"):
        open_label_image(
            tmp_path / "a.ome.tif", shape=SHAPE, dtype="uint8",
            placement=place(UTM33, TRANSFORMS["rotated"]),
        )  # fmt: skip
