"""Images that stay open between readings: a few, each once, whoever reads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from layer_files import write_map
from segfit.datasets.layers import opened
from segfit.datasets.layers.opened import KEPT_OPEN, OpenRasters
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.window import Window

WINDOW = Window(3, 5, 20, 10)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    values = np.arange(3 * 64 * 64).reshape(3, 64, 64).astype(np.uint16)
    paths = [tmp_path / f"{number}.tif" for number in range(KEPT_OPEN + 2)]
    for number, path in enumerate(paths):
        write_map(path, values + number, tiled=True, blockxsize=16, blockysize=16)
    return paths


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what was closed."""
    names: list[str] = []
    close = Raster.close

    def note(raster: Raster) -> None:
        names.append(Path(raster.name).name)
        close(raster)

    monkeypatch.setattr(Raster, "close", note)
    return names


def test_the_last_few_stay_open_and_all_are_closed_in_the_end(
    paths: list[Path], closed: list[str]
) -> None:
    rasters = OpenRasters()
    for path in [*paths, paths[-1]]:
        with rasters.borrow(path) as raster:
            assert raster.shape == (64, 64)
    assert closed == ["0.tif", "1.tif"]
    del rasters
    assert sorted(closed) == [path.name for path in paths]


def test_what_is_read_is_not_closed(paths: list[Path], closed: list[str]) -> None:
    rasters = OpenRasters()
    with rasters.borrow(paths[0]) as first, rasters.borrow(paths[0]) as same:
        assert first is same
        for path in paths[1:]:
            with rasters.borrow(path):
                pass
        assert "0.tif" not in closed
        assert first.read(WINDOW).shape == (10, 20, 3)


def test_threads_read_what_one_reads_and_ranges_are_found_once(
    paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled: list[str] = []
    sample = Raster.sample

    def note(raster: Raster, *arguments: object) -> object:
        sampled.append(raster.name)
        return sample(raster, *arguments)

    monkeypatch.setattr(Raster, "sample", note)
    monkeypatch.setattr(opened, "KEPT_OPEN", 1)
    rasters = OpenRasters()

    def read(number: int) -> np.ndarray:
        with rasters.show(paths[number % len(paths)], None) as shown:
            return shown.read(WINDOW)

    alone = [read(number) for number in range(len(paths))]
    assert len(sampled) == len(paths)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read, range(60)))
    for number, found in enumerate(together):
        np.testing.assert_array_equal(found, alone[number % len(paths)])
    assert len(sampled) == len(paths)
