"""Slides through OpenSlide: one as Aperio's scanners write it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from segfit.errors import SegfitError
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.raster.slide_windows import is_slide
from segfit.imaging.raster.window import Window
from segfit.imaging.scale import Scale

COLORS = np.random.default_rng(0).integers(0, 256, (512, 768, 3), np.uint8)
ABOUT = "Aperio Image Library v10.0.51\n768x512 [0,0 768x512] (256x256) J|AppMag = 20|MPP = 0.4990"
TILED = {"photometric": "rgb", "tile": (256, 256), "compression": "deflate", "metadata": None}


def write_slide(path: Path, about: str = ABOUT) -> Path:
    """The image, a thumbnail and a level of every fourth pixel."""
    thumbnail = TILED | {"tile": None, "rowsperstrip": 16}
    with tifffile.TiffWriter(path) as file:
        file.write(COLORS, description=about, **TILED)
        file.write(COLORS[::8, ::8], description=about, **thumbnail)
        file.write(COLORS[::4, ::4], description=about, **TILED)
    return path


def test_levels_windows_and_the_size_of_a_pixel(tmp_path: Path) -> None:
    with open_raster(write_slide(tmp_path / "a.svs")) as raster:
        assert raster.levels == ((512, 768), (128, 192))
        assert raster.scale == Scale(0.499, "um")
        shown = ShownRaster(raster)
        np.testing.assert_array_equal(shown.read(Window(9, 7, 300, 200)), COLORS[7:207, 9:309])
        small = shown.read(Window(10, 20, 30, 40), level=1)
        np.testing.assert_array_equal(small, COLORS[::4, ::4][20:60, 10:40])
        assert shown.has_data(Window(0, 0, 50, 50)) is None


def test_a_tiled_tiff_of_no_maker_is_left_to_its_tags(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", COLORS, **TILED)
    assert not is_slide(tmp_path / "a.tif")
    assert is_slide(write_slide(tmp_path / "b.tif"))


def test_a_damaged_tile_is_named(tmp_path: Path) -> None:
    path = write_slide(tmp_path / "a.svs")
    with tifffile.TiffFile(path) as file:
        offset, count = file.pages[0].dataoffsets[3], file.pages[0].databytecounts[3]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\7" * count
    path.write_bytes(data)
    with open_raster(path) as raster, pytest.raises(SegfitError, match="this slide is damaged"):
        raster.read(Window(0, 0, 768, 512))


def test_without_openslide_a_slide_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_slide(tmp_path / "a.svs")
    monkeypatch.setitem(sys.modules, "openslide", None)
    with pytest.raises(SegfitError, match=r'needs OpenSlide: pip install "segfit\[slides\]"'):
        open_raster(path)
