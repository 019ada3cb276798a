"""TIFF read window by window shows what ``read_image`` shows of the whole."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from segfit.errors import SegfitError
from segfit.imaging.raster import tiff_windows
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.raster.window import Window
from segfit.imaging.read import read_image
from segfit.imaging.scale import Scale

RANDOM = np.random.default_rng(0)
RGB = RANDOM.integers(0, 256, (120, 150, 3), np.uint8)
DEEP = RANDOM.integers(0, 4096, (120, 150), np.uint16)
STACK = RANDOM.integers(0, 60_000, (4, 90, 70), np.uint16)
WITH_NAN = np.where(DEEP < 200, np.nan, DEEP).astype(np.float32)
RGBA = np.dstack([RGB, np.where(RGB[..., 0] > 99, 255, 0).astype(np.uint8)])
TILED = {"tile": (32, 48), "compression": "deflate"}
COLORS = {"photometric": "rgb"}

FILES: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "tiles": (RGB, TILED | COLORS),
    "plain tiles": (RGB, {"tile": (32, 48)} | COLORS),
    "strips": (RGB, {"rowsperstrip": 7, "compression": "deflate"} | COLORS),
    "plain strips": (RGB, {"rowsperstrip": 7} | COLORS),
    "one strip": (RGB, {"compression": "deflate"} | COLORS),
    "LZW": (RGB, {"tile": (32, 48), "compression": "lzw", "predictor": True} | COLORS),
    "JPEG": (RGB, {"tile": (32, 48), "compression": "jpeg"} | COLORS),
    "planes": (np.ascontiguousarray(np.moveaxis(RGB, -1, 0)), TILED | COLORS),
    "plain planes": (np.ascontiguousarray(np.moveaxis(RGB, -1, 0)), COLORS),
    "BigTIFF": (RGB, {"bigtiff": True} | TILED | COLORS),
    "12 bits in 16": (DEEP, TILED),
    "most significant byte first": (DEEP, {"byteorder": ">"}),
    "signed": (DEEP.astype(np.int16) - 2000, TILED),
    "floating point with NaN": (WITH_NAN, TILED),
    "bits": (DEEP > 2000, {}),
    "alpha": (RGBA, {"extrasamples": ["unassalpha"]} | TILED | COLORS),
    "0 is white": (RGB[..., 0], {"photometric": "miniswhite"} | TILED),
    "palette": (
        RGB[..., 0],
        {"photometric": "palette", "colormap": RANDOM.integers(0, 65536, (3, 256), np.uint16)}
        | TILED,
    ),
    "CMYK": (RGBA, {"photometric": "separated"} | TILED),
    "nodata": (DEEP, {"extratags": [(42113, "s", 0, "77", True)]} | TILED),
    **{
        f"orientation {number}": (
            RGB,
            {"extratags": [(274, "H", 1, number, True)]} | TILED | COLORS,
        )
        for number in range(1, 9)
    },
}
STACKS: dict[str, tuple[NDArray[Any], dict[str, Any]]] = {
    "OME": (STACK, {"ome": True, "metadata": {"axes": "CYX"}} | TILED),
    "ImageJ": (STACK, {"imagej": True, "metadata": {"axes": "ZYX"}}),
    "pages": (STACK, {"compression": "deflate", "metadata": None}),
    "planes in time": (STACK.reshape(2, 2, 90, 70), {"metadata": {"axes": "TCYX"}} | TILED),
}


def write(path: Path, name: str) -> Path:
    values, options = (FILES | STACKS)[name]
    if options.get("compression") not in (None, "deflate"):
        pytest.importorskip("imagecodecs")
    tifffile.imwrite(path / "a.tif", values, **{"photometric": "minisblack"} | options)
    return path / "a.tif"


def draw_windows(height: int, width: int) -> list[Window]:
    """All of it, its last pixel, and some between."""
    drawn = [Window(0, 0, width, height), Window(width - 1, height - 1, 1, 1)]
    for _ in range(12):
        left, top = int(RANDOM.integers(width)), int(RANDOM.integers(height))
        right, bottom = RANDOM.integers([left + 1, top + 1], [width + 1, height + 1])
        drawn.append(Window(left, top, int(right) - left, int(bottom) - top))
    return drawn


def cut(values: NDArray[Any], window: Window) -> NDArray[Any]:
    return values[window.top : window.bottom, window.left : window.right]


@pytest.mark.parametrize("name", FILES)
def test_windows_are_shown_as_parts_of_the_whole(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    whole = read_image(path)
    with open_raster(path) as raster:
        shown = ShownRaster(raster)
        assert shown.shape == whole.shape[:2]
        for window in draw_windows(*shown.shape):
            seen = shown.read(window)
            np.testing.assert_array_equal(seen, cut(whole, window))
            assert seen.flags.c_contiguous


@pytest.mark.parametrize("name", STACKS)
def test_channels_of_a_stack_are_chosen_by_number(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, name)
    whole = read_image(path, channels=(3, 0, 1))
    with open_raster(path) as raster:
        with pytest.raises(SegfitError, match="--channels 0"):
            ShownRaster(raster)
        with pytest.raises(SegfitError, match="has no channel 9"):
            ShownRaster(raster, (9,))
        shown = ShownRaster(raster, (3, 0, 1))
        for window in draw_windows(*shown.shape):
            np.testing.assert_array_equal(shown.read(window), cut(whole, window))


def write_pyramid(path: Path, *, ome: bool) -> Path:
    metadata = {"PhysicalSizeX": 0.25, "PhysicalSizeY": 0.25}
    with tifffile.TiffWriter(path, bigtiff=True, ome=ome) as file:
        file.write(RGB, subifds=2 * ome, metadata=metadata if ome else None, **TILED, **COLORS)
        for step in (2, 4):
            file.write(RGB[::step, ::step], subfiletype=1, metadata=None, **TILED, **COLORS)
    return path


@pytest.mark.parametrize("ome", [False, True])
def test_levels_of_a_pyramid(tmp_path: Path, ome: bool) -> None:
    with open_raster(write_pyramid(tmp_path / "a.ome.tif", ome=ome)) as raster:
        assert raster.levels == ((120, 150), (60, 75), (30, 38))
        values = raster.read(Window(5, 7, 20, 11), level=1)
        np.testing.assert_array_equal(values, RGB[::2, ::2][7:18, 5:25])
        assert raster.scale == (Scale(0.25, "um") if ome else None)


def test_only_the_tiles_that_a_window_touches_are_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = count_decoded(monkeypatch)
    with open_raster(write(tmp_path, "tiles")) as raster:  # 4 rows of 4 tiles of 32×48 px
        decoded.clear()
        raster.read(Window(50, 33, 40, 30))
        assert decoded == [5]
        raster.read(Window(40, 33, 60, 32))
        assert decoded == [5, 4, 6, 8, 9, 10]  # the first is kept


def count_decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the tiles that are decoded from here on."""
    decoded: list[int] = []
    decode = tiff_windows._TiffWindows._decode

    def count(self: Any, level: Any, page: Any, index: int) -> Any:
        decoded.append(index)
        return decode(self, level, page, index)

    monkeypatch.setattr(tiff_windows._TiffWindows, "_decode", count)
    return decoded


def test_what_is_not_compressed_is_read_without_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = count_decoded(monkeypatch)
    with open_raster(write(tmp_path, "plain strips")) as raster:
        np.testing.assert_array_equal(raster.read(Window(3, 9, 5, 4)), RGB[9:13, 3:8])
    assert decoded == []


def test_threads_read_the_same(tmp_path: Path) -> None:
    with open_raster(write(tmp_path, "strips")) as raster:
        windows = draw_windows(*raster.shape)
        wrong: list[Window] = []

        def look() -> None:
            for window in windows * 5:
                if not np.array_equal(raster.read(window), cut(RGB, window)):
                    wrong.append(window)

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("nodata", DEEP == 77),
        ("floating point with NaN", np.isnan(WITH_NAN)),
        ("alpha", RGBA[..., 3] == 0),
    ],
)
def test_pixels_without_data(tmp_path: Path, name: str, lacks: NDArray[np.bool_]) -> None:
    assert lacks.any()
    with open_raster(write(tmp_path, name)) as raster:
        shown = ShownRaster(raster)
        for window in draw_windows(*raster.shape):
            found = shown.has_data(window)
            np.testing.assert_array_equal(
                np.ones(window.shape, np.bool_) if found is None else found, ~cut(lacks, window)
            )


def test_all_of_an_opaque_image_is_data(tmp_path: Path) -> None:
    with open_raster(write(tmp_path, "tiles")) as raster:
        assert not raster.may_lack_data
        assert ShownRaster(raster).has_data(Window(0, 0, 9, 9)) is None


def test_nodata_that_is_no_number_is_none(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", DEEP, extratags=[(42113, "s", 0, "none", True)])
    with open_raster(tmp_path / "a.tif") as raster:
        assert raster.nodata is None


def write_sparse(path: Path) -> Path:
    """The tile of row 1 and column 2 was never written."""
    tifffile.imwrite(path, RGB, **{"tile": (32, 48)}, **COLORS)
    with tifffile.TiffFile(path, mode="r+") as file:
        for tag in ("TileOffsets", "TileByteCounts"):
            counts = list(file.pages[0].tags[tag].value)
            counts[6] = 0
            file.pages[0].tags[tag].overwrite(counts)
    return path


def test_a_tile_that_was_never_written_has_no_data(tmp_path: Path) -> None:
    expected = RGB.copy()
    expected[32:64, 96:144] = 0
    with open_raster(write_sparse(tmp_path / "a.tif")) as raster:
        whole = Window(0, 0, 150, 120)
        np.testing.assert_array_equal(raster.read(whole), expected)
        found = raster.has_data(whole)
        assert not found[32:64, 96:144].any()
        assert found.sum() == 120 * 150 - 32 * 48
        np.testing.assert_array_equal(raster.has_data(Window(90, 40, 30, 30)), found[40:70, 90:120])


def test_what_is_called_alpha_and_is_measured_is_asked_about(tmp_path: Path) -> None:
    infrared = np.dstack([RGB, RANDOM.integers(0, 256, RGB.shape[:2], np.uint8)])
    tifffile.imwrite(tmp_path / "a.tif", infrared, extrasamples=["unassalpha"], **TILED, **COLORS)
    with open_raster(tmp_path / "a.tif") as raster:
        with pytest.raises(SegfitError, match="calls its channel 3 alpha"):
            ShownRaster(raster)
        shown = ShownRaster(raster, (0, 1, 2))
        np.testing.assert_array_equal(shown.read(Window(0, 0, 150, 120)), RGB)
        assert shown.has_data(Window(0, 0, 150, 120)) is None


def test_a_window_that_is_not_within_the_image_is_refused(tmp_path: Path) -> None:
    with open_raster(write(tmp_path, "tiles")) as raster:
        for window in (Window(140, 0, 11, 5), Window(-1, 0, 5, 5), Window(0, 0, 0, 5)):
            with pytest.raises(SegfitError, match="does not lie within level 0"):
                raster.read(window)


@pytest.mark.parametrize("kept", [40, 2000, -9000])
def test_files_that_end_too_early_are_refused(tmp_path: Path, kept: int) -> None:
    path = write_pyramid(tmp_path / "a.ome.tif", ome=True)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SegfitError, match=r"a\.ome\.tif: this TIFF file is damaged"):
        read_all(path)


def test_a_level_without_pixels_is_left_out_and_said(tmp_path: Path) -> None:
    path = write_pyramid(tmp_path / "a.ome.tif", ome=True)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.series[0].levels[2].keyframe.tags["ImageWidth"].overwrite(0)
    with open_raster(path) as raster:
        assert raster.levels == ((120, 150), (60, 75))
        assert raster.notes == (
            f"overviews of {path} that do not fit its image are not used: 2 (0×30 px, uint8)",
        )


def test_levels_of_different_tiles(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(RGB, subifds=2, **TILED, **COLORS)
        file.write(RGB[::2, ::2], subfiletype=1, tile=(16, 16), **COLORS)
        file.write(RGB[::4, ::4], subfiletype=1, rowsperstrip=5, **COLORS)
    with open_raster(tmp_path / "a.tif") as raster:
        for level, step in enumerate((1, 2, 4)):
            height, width = raster.levels[level]
            values = raster.read(Window(0, 0, width, height), level=level)
            np.testing.assert_array_equal(values, RGB[::step, ::step])


def test_the_slices_of_a_volume_are_planes(tmp_path: Path) -> None:
    volume = RANDOM.integers(0, 256, (32, 64, 80), np.uint8)
    options: dict[str, Any] = {"tile": (16, 32, 32), "compression": "deflate", "volumetric": True}
    tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack", **options)
    with open_raster(tmp_path / "a.tif") as raster:
        values = raster.read(Window(3, 4, 50, 40), channels=[0, 17, 31])
    np.testing.assert_array_equal(np.moveaxis(values, -1, 0), volume[[0, 17, 31], 4:44, 3:53])


@pytest.mark.parametrize("read", [open_raster, partial(read_image, channels=(0,))])
def test_a_stack_that_lacks_planes_is_refused(tmp_path: Path, read: Any) -> None:
    path = write(tmp_path, "ImageJ")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(SegfitError, match="it has 1 of 4 planes"):
        read(path)


def test_a_damaged_tile_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "tiles")
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[9], file.pages[0].databytecounts[9]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\7" * count
    path.write_bytes(data)
    with open_raster(path) as raster:
        raster.read(Window(0, 0, 48, 32))
        with pytest.raises(SegfitError, match="this TIFF file is damaged"):
            raster.read(Window(0, 0, 150, 120))


def read_all(path: Path) -> None:
    with open_raster(path) as raster:
        for level, (height, width) in enumerate(raster.levels):
            raster.read(Window(0, 0, width, height), level=level)


def test_complex_numbers_and_several_images_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "complex.tif", DEEP.astype(np.complex64))
    with pytest.raises(SegfitError, match="complex64 values"):
        open_raster(tmp_path / "complex.tif")
    with tifffile.TiffWriter(tmp_path / "two.tif") as file:
        file.write(DEEP, metadata=None)
        file.write(DEEP[:50, :30], metadata=None)
    with pytest.raises(SegfitError, match="holds 2 images"):
        open_raster(tmp_path / "two.tif")


def test_a_strip_that_is_too_large_to_decode_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiff_windows, "DEFAULT_MAX_MEGAPIXELS", 0.01)
    with pytest.raises(SegfitError, match=r"strips or tiles of 120×150 px.*driver='COG'"):
        open_raster(write(tmp_path, "one strip"))


def test_a_closed_file_is_let_go(tmp_path: Path) -> None:
    path = write(tmp_path, "plain strips")
    raster: Raster = open_raster(path)
    raster.close()
    path.unlink()
