"""Maps through rasterio: where they lie, what was not measured, and what is refused."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import tifffile
from numpy.typing import NDArray
from PIL import Image
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import Affine

from segfit.errors import SegfitError
from segfit.imaging.raster import geo_windows
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.placement import Placement
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.raster.window import Window
from segfit.imaging.read import read_image
from segfit.imaging.scale import Scale

RANDOM = np.random.default_rng(0)
BANDS = RANDOM.integers(1, 256, (3, 300, 400), np.uint8)
WHOLE = Window(0, 0, 400, 300)
NORTH_UP = Affine(0.2, 0, 500_000, 0, -0.2, 5_000_000)
UTM = "EPSG:32633"


def write(path: Path, values: NDArray[Any] = BANDS, **options: Any) -> Path:
    count, height, width = values.shape
    about = {"driver": "GTiff", "transform": NORTH_UP, "crs": UTM, "compress": "deflate"}
    about |= {"tiled": True, "blockxsize": 128, "blockysize": 128}
    with rasterio.open(
        path, "w", **about | options, count=count, height=height, width=width, dtype=values.dtype
    ) as file:
        file.write(values)
    return path


def find_placement(path: Path) -> Placement:
    with open_raster(path) as raster:
        assert raster.placement is not None
        return raster.placement


def test_a_map_is_shown_as_read_image_shows_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", photometric="RGB")
    with open_raster(path) as raster:
        assert raster.names == ("red", "green", "blue")
        assert raster.is_color
        seen = ShownRaster(raster).read(Window(30, 40, 200, 150))
    np.testing.assert_array_equal(seen, read_image(path)[40:190, 30:230])


def test_a_projected_map_gives_metres(tmp_path: Path) -> None:
    with open_raster(write(tmp_path / "a.tif")) as raster:
        assert raster.scale == Scale(0.2, "m")
        placement = raster.placement
    assert placement is not None
    assert placement.metres_per_unit == 1
    assert (placement.unit, placement.is_geographic, placement.area_note) == ("metre", False, "")
    assert placement.crs is not None
    assert rasterio.crs.CRS.from_wkt(placement.crs) == rasterio.crs.CRS.from_user_input(UTM)
    points = np.array([[0, 0], [5, 10.0]])
    on_map = placement.to_map(points)
    np.testing.assert_allclose(on_map, [[500_000, 5_000_000], [500_001, 4_999_998]])
    np.testing.assert_allclose(placement.to_image(on_map), points, atol=1e-8)


def test_feet_become_metres(tmp_path: Path) -> None:
    with open_raster(write(tmp_path / "a.tif", crs="EPSG:2263")) as raster:
        assert raster.placement is not None
        assert raster.placement.unit == "US survey foot"
        assert raster.scale is not None
        assert raster.scale.unit_per_px == pytest.approx(0.2 * 1200 / 3937)
        assert raster.scale.unit == "m"


def test_degrees_are_no_length(tmp_path: Path) -> None:
    transform = Affine(1e-5, 0, 8.5, 0, -1e-5, 47.4)
    with open_raster(write(tmp_path / "a.tif", crs="EPSG:4326", transform=transform)) as raster:
        assert raster.scale is None
        assert "degrees" in raster.scale_note
        assert raster.placement is not None
        assert raster.placement.is_geographic
        assert raster.placement.area_note == ""


def write_without_unit(path: Path) -> Path:
    """A GeoTIFF whose keys say of the system that it is none that they know."""
    tags = [
        (33550, "d", 3, (0.2, 0.2, 0), True),
        (33922, "d", 6, (0, 0, 0, 500, 600, 0), True),
        (34735, "H", 8, (1, 1, 0, 1, 1024, 0, 1, 32767), True),
    ]
    tifffile.imwrite(path, BANDS[0], metadata=None, extratags=tags)
    return path


@pytest.mark.parametrize(
    ("write_it", "reason"),
    [
        (
            partial(write, crs=None),
            "names no coordinate reference system, so areas are not in m²: assign one",
        ),
        (write_without_unit, "has no unit of length, so areas are not in m²: assign one"),
    ],
)
def test_without_a_unit_there_are_no_areas(tmp_path: Path, write_it: Any, reason: str) -> None:
    with open_raster(write_it(tmp_path / "a.tif")) as raster:
        assert raster.placement is not None
        assert raster.placement.metres_per_unit is None
        assert reason in raster.placement.area_note
        assert raster.scale is None
        assert raster.scale_note == raster.placement.area_note


@pytest.mark.parametrize(
    ("transform", "corner"),
    [
        (Affine(0.2, 0, 100, 0, 0.2, 50), (180, 110)),  # south is up
        (Affine(0, 0.2, 100, 0.2, 0, 50), (160, 130)),  # east is down
        (Affine(-0.2, 0, 100, 0, 0.2, 50), (20, 110)),
    ],
)
def test_maps_that_lie_otherwise(
    tmp_path: Path, transform: Affine, corner: tuple[float, float]
) -> None:
    with open_raster(write(tmp_path / "a.tif", transform=transform)) as raster:
        assert raster.placement is not None
        on_map = raster.placement.to_map(np.array([[400.0, 300.0]]))
        assert raster.scale is not None
        assert raster.scale.unit_per_px == pytest.approx(0.2)
    np.testing.assert_allclose(on_map, [corner], atol=1e-6)


@pytest.mark.parametrize(
    ("transform", "reason"),
    [
        (Affine(0.2, 0, 0, 0, -0.3, 0), "pixels of 0.2×0.3m (CRS) are not square"),
        (Affine(0.2, 0.05, 0, 0, -0.2, 0), "pixels are skewed on the map"),
    ],
)
def test_pixels_of_no_one_side_have_no_scale(
    tmp_path: Path, transform: Affine, reason: str
) -> None:
    with open_raster(write(tmp_path / "a.tif", transform=transform)) as raster:
        assert raster.scale is None
        assert raster.scale_note == reason


def test_ground_control_points_are_not_used_and_that_is_said(tmp_path: Path) -> None:
    points = [GroundControlPoint(row, col, col, row) for row, col in [(0, 0), (0, 9), (9, 0)]]
    path = tmp_path / "a.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=3,
        height=300,
        width=400,
        dtype="uint8",
        gcps=points,
        crs=UTM,
    ) as file:
        file.write(BANDS)
    with open_raster(path) as raster:
        assert raster.placement is None
        assert "ground control points, which are not used" in raster.notes[0]


def test_a_transform_to_a_line_is_not_used_and_that_is_said(tmp_path: Path) -> None:
    transform = Affine(0.2, 0.2, 0, 0.2, 0.2, 0)
    with open_raster(write(tmp_path / "a.tif", transform=transform)) as raster:
        assert raster.placement is None
        assert "gives pixels no area" in raster.notes[0]


LACKS = np.zeros((300, 400), np.bool_)
LACKS[:128, 256:384] = True


def write_nodata(path: Path) -> Path:
    return write(path, np.where(LACKS, 0, BANDS), nodata=0)


def write_nan(path: Path) -> Path:
    return write(path, np.where(LACKS, np.nan, BANDS).astype(np.float32), nodata=np.nan)


def write_alpha(path: Path) -> Path:
    alpha = np.where(LACKS, 0, 255).astype(np.uint8)
    return write(path, np.stack([*BANDS, alpha]), photometric="RGB", alpha="NON-PREMULTIPLIED")


def write_mask(path: Path) -> Path:
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        write(path)
        with rasterio.open(path, "r+") as file:
            file.write_mask(~LACKS)
    return path


def write_sparse(path: Path) -> Path:
    with rasterio.open(
        write(path, BANDS[:, :1, :1]), "w", driver="GTiff", count=3, height=300, width=400,
        dtype="uint8", tiled=True, blockxsize=128, blockysize=128, sparse_ok=True, crs=UTM,
        transform=NORTH_UP,
    ) as file:  # fmt: skip
        for row, column in [(0, 0), (0, 1), (0, 3), *((r, c) for r in (1, 2) for c in range(4))]:
            place = rasterio.windows.Window(column * 128, row * 128, 128, 128)
            part = BANDS[:, row * 128 : (row + 1) * 128, column * 128 : (column + 1) * 128]
            file.write(part, window=place.crop(300, 400))
    return path


@pytest.mark.parametrize("kind", [write_nodata, write_nan, write_alpha, write_mask, write_sparse])
def test_what_was_not_measured(tmp_path: Path, kind: Any) -> None:
    path = kind(tmp_path / "a.tif")
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2], Resampling.nearest)
    with open_raster(path) as raster:
        assert raster.levels == ((300, 400), (150, 200))
        assert raster.may_lack_data
        np.testing.assert_array_equal(raster.has_data(WHOLE), ~LACKS)
        small = raster.has_data(Window(0, 0, 200, 150), level=1)
        np.testing.assert_array_equal(small, ~LACKS[::2, ::2])
        shown = ShownRaster(raster)
        assert shown.has_data(Window(0, 200, 400, 100)) is None
        assert shown.find_content(128).tolist() == [
            [True, True, False, True],
            [True] * 4,
            [True] * 4,
        ]
        if raster.alpha is None:
            assert not shown.read(WHOLE)[LACKS].any() or kind is write_mask


def test_flat_ground_of_a_map_is_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.full((3, 300, 400), 250, np.uint8))
    with open_raster(path) as raster:
        assert ShownRaster(raster).find_content(128).all()


def test_channels_have_their_names_and_palettes_their_colors(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", RANDOM.integers(0, 999, (4, 300, 400), np.uint16))
    with rasterio.open(path, "r+") as file:
        for band, name in enumerate(["blue", "green", "red", "near infrared"], start=1):
            file.set_band_description(band, name)
    with open_raster(path) as raster:
        assert raster.names == ("blue", "green", "red", "near infrared")
        seen = ShownRaster(raster, (2, 1, 0)).read(WHOLE)
        np.testing.assert_array_equal(seen, read_image(path, channels=(2, 1, 0)))
    values = RANDOM.integers(0, 3, (1, 300, 400), np.uint8)
    path = write(tmp_path / "b.tif", values, photometric="palette")
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {0: (9, 8, 7, 255), 1: (255, 0, 0, 255), 2: (0, 0, 255, 255)})
    with open_raster(path) as raster:
        np.testing.assert_array_equal(ShownRaster(raster).read(WHOLE), read_image(path))


def test_threads_read_the_same(tmp_path: Path) -> None:
    expected = np.moveaxis(BANDS, 0, -1)
    with open_raster(write(tmp_path / "a.tif")) as raster:
        wrong: list[int] = []

        def look(number: int) -> None:
            for top in range(0, 200, 7):
                seen = raster.read(Window(number, top, 300, 90))
                if not np.array_equal(seen, expected[top : top + 90, number : number + 300]):
                    wrong.append(top)

        threads = [threading.Thread(target=look, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


def test_what_only_gdal_opens(tmp_path: Path) -> None:
    path = write(tmp_path / "a.img", driver="HFA", compress=None)
    with open_raster(path) as raster:
        np.testing.assert_array_equal(raster.read(WHOLE), np.moveaxis(BANDS, 0, -1))
        assert raster.scale == Scale(0.2, "m")


def test_a_world_file_places_a_plain_image(tmp_path: Path) -> None:
    colors = np.moveaxis(BANDS, 0, -1)
    Image.fromarray(np.ascontiguousarray(colors)).save(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("0.5\n0\n0\n-0.5\n100.25\n199.75\n")
    with open_raster(tmp_path / "a.png") as raster:
        assert raster.placement is not None
        assert raster.placement.transform == (0.5, 0, 100, 0, -0.5, 200)
        np.testing.assert_array_equal(raster.read(WHOLE), colors)


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", BANDS.astype(np.complex64))
    with pytest.raises(SegfitError, match="holds complex64 values"):
        open_raster(path)


def test_colors_that_are_not_read_are_refused(tmp_path: Path) -> None:
    band = (
        '<VRTRasterBand dataType="Byte" band="{0}"><ColorInterp>{1}</ColorInterp></VRTRasterBand>'
    )
    names = enumerate(("Cyan", "Magenta", "Yellow", "Black"), start=1)
    bands = "".join(band.format(*one) for one in names)
    path = tmp_path / "a.vrt"
    path.write_text(f'<VRTDataset rasterXSize="40" rasterYSize="30">{bands}</VRTDataset>')
    with pytest.raises(SegfitError, match="has bands of cyan and others"):
        open_raster(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_files_that_end_too_early_are_refused(tmp_path: Path, share: float) -> None:
    path = write(tmp_path / "a.tif")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SegfitError, match="damaged"):
        open_raster(path)


def test_a_damaged_block_is_named_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 5000] = b"\7" * 5000
    path.write_bytes(data)
    with open_raster(path) as raster, pytest.raises(SegfitError, match=r"a\.tif cannot be read"):
        raster.read(WHOLE)


def test_without_rasterio_a_map_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.tif")
    monkeypatch.setattr(geo_windows, "find_spec", lambda name: None)
    with pytest.raises(SegfitError, match=r'needs rasterio: pip install "segfit\[geo\]"'):
        open_raster(path)


def test_alpha_is_what_the_file_calls_so(tmp_path: Path) -> None:
    with open_raster(write_alpha(tmp_path / "a.tif")) as raster:
        assert raster.alpha == 3
        assert raster.names[3] == "alpha"
        np.testing.assert_array_equal(ShownRaster(raster).read(WHOLE), read_image(raster.name))
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.colorinterp[3] == ColorInterp.alpha
