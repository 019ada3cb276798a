"""Which tiles hold anything: drawn by hand, and real nuclei among blank tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from segfit.basics.arrays import BoolArray, UInt8Array
from segfit.export.agreement import DEMO_DATA
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.read import read_image

SIDE = 512
TILE_PX = 128
DISK = np.hypot(*np.mgrid[-8:8, -8:8]) < 8
"""A nucleus, 16 px across."""


def find(path: Path, image: UInt8Array, *, levels: int = 1, **options: Any) -> BoolArray:
    """The tiles of ``TILE_PX`` that hold anything, of an image with overviews by the mean."""
    with tifffile.TiffWriter(path / "a.tif") as file:
        for number in range(levels):
            file.write(
                image,
                tile=(64, 64),
                photometric="rgb",
                subfiletype=int(number > 0),
                metadata=None,
                **options,
            )
            tall, wide = image.shape[0] // 2, image.shape[1] // 2
            image = image.reshape(tall, 2, wide, 2, -1).mean(axis=(1, 3)).astype(np.uint8)
    with open_raster(path / "a.tif") as raster:
        assert len(raster.levels) == levels
        return ShownRaster(raster).find_content(TILE_PX)


def draw_blank(level: float) -> UInt8Array:
    """Background with the noise of a camera, and light that fades towards a corner."""
    noise = np.random.default_rng(0).normal(level, 2, (SIDE, SIDE, 3))
    faded = noise + np.linspace(0, 4, SIDE)[:, np.newaxis, np.newaxis]
    return np.clip(np.rint(faded), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("levels", [1, 2, 4])
@pytest.mark.parametrize(("level", "change"), [(220.0, -25), (8.0, 25)])
def test_blank_glass_and_dark_background_are_empty(
    tmp_path: Path, level: float, change: int, levels: int
) -> None:
    image = draw_blank(level)
    assert not find(tmp_path, image, levels=levels).any()
    image[300:316, 20:36][DISK] += np.uint8(change % 256)
    expected = np.zeros((4, 4), np.bool_)
    expected[2, 0] = True
    np.testing.assert_array_equal(find(tmp_path, image, levels=levels), expected)


def test_an_object_at_a_corner_of_four_tiles_is_in_all_of_them(tmp_path: Path) -> None:
    image = draw_blank(220)
    image[255:271, 383:399][DISK] -= 40  # one row and one column reach into the others
    expected = np.zeros((4, 4), np.bool_)
    expected[1:3, 2:4] = True
    np.testing.assert_array_equal(find(tmp_path, image), expected)


def test_the_inside_of_a_large_object_is_not_empty(tmp_path: Path) -> None:
    image = draw_blank(220)
    image[:, 140:] = 120
    np.testing.assert_array_equal(find(tmp_path, image), np.ones((4, 4), np.bool_))


def test_what_was_not_measured_is_empty_whatever_lies_there(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 4), np.uint8)
    noise[..., 3] = 255
    noise[:260, :390, 3] = 0
    expected = np.ones((4, 4), np.bool_)
    expected[:2, :3] = False
    found = find(tmp_path, noise, extrasamples=["unassalpha"])
    np.testing.assert_array_equal(found, expected)


def test_no_tile_with_a_real_nucleus_is_empty(tmp_path: Path) -> None:
    nuclei = sorted((DEMO_DATA / "nuclei" / "train" / "images").iterdir())
    assert len(nuclei) > 8
    for path in nuclei:
        image = read_image(path)
        labels = np.asarray(Image.open(path.parents[1] / "masks" / path.name))
        height, width = (side // 16 * 16 for side in labels.shape)
        canvas = np.full((height, width + SIDE, 3), np.median(image, axis=(0, 1)), np.uint8)
        canvas[:, :width] = image[:height, :width]
        found = find(tmp_path, canvas, levels=3)
        for row, column in np.ndindex(*found.shape):
            rows = slice(row * TILE_PX, (row + 1) * TILE_PX)
            held = labels[:height, :width][rows, column * TILE_PX : (column + 1) * TILE_PX]
            assert found[row, column] or not held.any()
        assert not found[:, -(-width // TILE_PX) + 1 :].any()


@pytest.mark.parametrize("tile_px", [64, 256])
def test_no_tile_with_a_nucleus_of_the_data_set_is_empty(shared_data: Path, tile_px: int) -> None:
    folder = shared_data / "dsb2018" / "val"
    empty = 0
    for path in sorted((folder / "images").iterdir()):
        labels = np.asarray(Image.open(folder / "masks" / path.name))
        with open_raster(path) as raster:
            found = ShownRaster(raster).find_content(tile_px)
        for row, column in np.argwhere(~found) * tile_px:
            assert not labels[row : row + tile_px, column : column + tile_px].any()
            empty += 1
    assert empty > 5
