"""Contrast that is the same in every window, and plain files as rasters."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from segfit.errors import SegfitError
from segfit.imaging.raster import sample
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.sample import choose_sample
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.raster.window import Window
from segfit.imaging.read import read_image

RAMP = np.add.outer(np.arange(600) * 30, np.arange(800) * 20).astype(np.uint16)


def show_all(path: Path) -> np.ndarray:
    with open_raster(path) as raster:
        height, width = raster.shape
        return ShownRaster(raster).read(Window(0, 0, width, height))


@pytest.mark.parametrize("steps", [(1,), (1, 4)])
def test_contrast_of_a_large_image_is_that_of_a_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: tuple[int, ...]
) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for step in steps:
            part = RAMP[::step, ::step]
            file.write(part, tile=(64, 64), subfiletype=int(step > 1), metadata=None)
    whole = show_all(tmp_path / "a.tif").astype(int)
    np.testing.assert_array_equal(whole, read_image(tmp_path / "a.tif"))
    monkeypatch.setattr(sample, "BLOCK_PX", 32)
    monkeypatch.setattr(sample, "SAMPLED_PX", 100_000)
    monkeypatch.setattr(sample, "LEAST_SAMPLED_PX", 10_000)
    sampled = show_all(tmp_path / "a.tif").astype(int)
    assert 0 < np.abs(sampled - whole).max() <= 4
    np.testing.assert_array_equal(sampled, show_all(tmp_path / "a.tif"))
    with open_raster(tmp_path / "a.tif") as raster:
        corner = ShownRaster(raster).read(Window(700, 500, 50, 60))
    np.testing.assert_array_equal(corner, sampled[500:560, 700:750])


@pytest.mark.parametrize(
    "shape", [(30_000, 40_000), (60, 10_000_000), (10_000_000, 60), (4000, 4000)]
)
def test_blocks_of_a_sample_lie_within_the_image_and_are_few(shape: tuple[int, int]) -> None:
    level, windows = choose_sample([shape])
    assert level == 0
    assert len(set(windows)) == len(windows)
    assert sum(window.width * window.height for window in windows) <= sample.SAMPLED_PX
    assert {window.left for window in windows} >= {0}
    assert max(window.right for window in windows) == shape[1]
    assert max(window.bottom for window in windows) == shape[0]


def test_a_sample_is_an_overview_where_there_is_one_that_says_enough() -> None:
    assert choose_sample([(9000, 9000), (3000, 3000), (1000, 1000)])[0] == 2
    level, windows = choose_sample([(9000, 9000), (300, 300)])  # that is a thumbnail
    assert level == 0
    assert len(windows) > 50


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "bmp"])
def test_plain_files_are_shown_as_read_image_does(tmp_path: Path, suffix: str) -> None:
    colors = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(colors).save(path)
    whole = read_image(path)
    with open_raster(path) as raster:
        seen = ShownRaster(raster).read(Window(10, 20, 30, 25))
        assert raster.levels == ((50, 70),)
    np.testing.assert_array_equal(seen, whole[20:45, 10:40])


def test_a_transparent_png_lacks_data_where_it_is_clear(tmp_path: Path) -> None:
    colors = np.full((40, 40, 4), 200, np.uint8)
    colors[:, 30:, 3] = 0
    Image.fromarray(colors).save(tmp_path / "a.png")
    with open_raster(tmp_path / "a.png") as raster:
        shown = ShownRaster(raster)
        whole = Window(0, 0, 40, 40)
        np.testing.assert_array_equal(shown.read(whole), read_image(tmp_path / "a.png"))
        np.testing.assert_array_equal(shown.has_data(whole), colors[..., 3] > 0)
        assert shown.has_data(Window(0, 0, 30, 40)) is None


def test_a_plain_file_that_is_too_large_says_how_to_convert_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big.png"
    Image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(SegfitError, match="at most 256 are read") as caught:
        open_raster(path)
    line = re.search(r'python -c "(.*)"$', str(caught.value))
    assert line is not None
    Image.fromarray(RAMP.astype(np.uint8)).save(path)  # a small one, to try what it says
    monkeypatch.chdir(tmp_path)
    exec(line[1])
    with open_raster("big.tiled.tif") as raster:
        np.testing.assert_array_equal(
            ShownRaster(raster).read(Window(0, 0, 800, 600)), read_image(path)
        )


def test_what_is_no_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no image")
    for name, reason in [("a.txt", "is not a PNG"), ("none.tif", "no such file")]:
        with pytest.raises(SegfitError, match=reason):
            open_raster(tmp_path / name)
    with pytest.raises(SegfitError, match="is an address"):
        open_raster("s3://slides/a.tif")
