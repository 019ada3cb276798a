"""OME-Zarr of both current versions, and plain Zarr arrays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from segfit.errors import SegfitError
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.raster.window import Window
from segfit.imaging.scale import Scale

RANDOM = np.random.default_rng(0)
VOLUME = RANDOM.integers(0, 60_000, (2, 3, 4, 100, 130), np.uint16)
RGB = RANDOM.integers(0, 256, (100, 130, 3), np.uint8)
CHUNKS = (1, 2, 3, 32, 48)
VERSIONS = pytest.mark.parametrize("version", ["0.4", "0.5"])


def write_image(
    path: Path,
    version: str,
    values: NDArray[Any],
    axes: str,
    *,
    scale: Any = (0.5, 0.5),
    **more: Any,
) -> Path:
    """An OME-Zarr of the values and of every second of them; ``more``: of its metadata."""
    kind: Literal[2, 3] = 2 if version == "0.4" else 3
    group = zarr.open_group(str(path), mode="w", zarr_format=kind)
    datasets = []
    for number, step in enumerate((1, 2)):
        part = values[..., ::step, ::step]
        chunks = CHUNKS[-part.ndim :]
        array = group.create_array(str(number), shape=part.shape, chunks=chunks, dtype=part.dtype)
        array[...] = part
        steps = [1.0] * (part.ndim - 2) + [side * step for side in scale]
        transformation = {"type": "scale", "scale": steps}
        datasets.append({"path": str(number), "coordinateTransformations": [transformation]})
    described = [
        {"name": axis, "type": "space", "unit": "micrometer"} if axis in "zyx" else {"name": axis}
        for axis in axes
    ]
    ome = {"multiscales": [{"version": version, "axes": described, "datasets": datasets}]} | more
    group.attrs.update(ome if version == "0.4" else {"ome": {"version": version} | ome})
    return path


@VERSIONS
def test_windows_of_a_volume_by_plane_and_level(tmp_path: Path, version: str) -> None:
    with open_raster(write_image(tmp_path / "a.zarr", version, VOLUME, "tczyx")) as raster:
        assert raster.levels == ((100, 130), (50, 65))
        assert raster.scale == Scale(0.5, "um")
        assert raster.names[:2] == ("t0 c0 z0", "t0 c0 z1")
        with pytest.raises(SegfitError, match="24 points in time and planes along Z"):
            ShownRaster(raster)
        planes = VOLUME.reshape(-1, 100, 130)
        for channel in range(24):
            values = raster.read(Window(20, 30, 100, 60), channels=[channel])
            np.testing.assert_array_equal(values[..., 0], planes[channel, 30:90, 20:120])
        small = raster.read(Window(2, 3, 10, 6), level=1, channels=[7, 2])
        expected = np.moveaxis(planes[[7, 2], 6:18:2, 4:24:2], 0, -1)
        np.testing.assert_array_equal(small, expected)


@VERSIONS
def test_channels_have_their_names(tmp_path: Path, version: str) -> None:
    named = {"channels": [{"label": name} for name in ("DAPI", "GFP", "RFP")]}
    path = write_image(tmp_path / "a.zarr", version, VOLUME[0, :, 0], "cyx", omero=named)
    with open_raster(path) as raster:
        assert raster.names == ("DAPI", "GFP", "RFP")
        assert not raster.is_color
        assert ShownRaster(raster, (1,)).read(Window(0, 0, 130, 100)).shape == (100, 130, 3)


def test_pixels_that_are_not_square_are_said(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.zarr", "0.5", VOLUME[0, 0, 0], "yx", scale=(0.5, 0.7))
    with open_raster(path) as raster:
        assert raster.scale is None
        assert raster.scale_note == "pixels of 0.7×0.5um (OME-Zarr) are not square"


def test_a_level_that_does_not_fit_is_left_out_and_said(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.zarr", "0.5", VOLUME[0, 0, 0], "yx")
    group = zarr.open_group(str(path), mode="r+")
    group.create_array("1", shape=(0, 65), chunks=(1, 65), dtype="uint16", overwrite=True)
    with open_raster(path) as raster:
        assert raster.levels == ((100, 130),)
        assert raster.notes == (
            f"overviews of {path} that do not fit its image are not used: (0, 65) uint16",
        )


def write_array(path: Path, values: NDArray[Any], **options: Any) -> Path:
    chunks = (32, 32, 3)[: values.ndim]
    zarr.create_array(str(path), data=values, chunks=chunks, **options)
    return path


@pytest.mark.parametrize("options", [{}, {"zarr_format": 2}, {"shards": (64, 64, 3)}])
def test_plain_arrays(tmp_path: Path, options: dict[str, Any]) -> None:
    with open_raster(write_array(tmp_path / "a", RGB, **options)) as raster:
        assert raster.names == ("red", "green", "blue")
        seen = ShownRaster(raster).read(Window(5, 6, 90, 80))
        np.testing.assert_array_equal(seen, RGB[6:86, 5:95])


def test_chunks_that_nobody_wrote_hold_the_fill_value(tmp_path: Path) -> None:
    array = zarr.create_array(
        str(tmp_path / "a"), shape=(100, 130), chunks=(32, 32), dtype="float32", fill_value=np.nan
    )
    array[20:50, 30:60] = 5
    with open_raster(tmp_path / "a") as raster:
        found = raster.has_data(Window(0, 0, 130, 100))
    assert found[20:50, 30:60].all()
    assert found.sum() == 30 * 30


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros((3, 40, 50), np.uint8), "move the channels last"),
        (np.zeros((40, 50), np.complex64), "holds complex64 values"),
        (np.zeros((0, 50), np.uint8), "has no pixels"),
    ],
)
def test_arrays_that_are_no_images_are_refused(
    tmp_path: Path, values: NDArray[Any], reason: str
) -> None:
    zarr.create_array(
        str(tmp_path / "a"), shape=values.shape, chunks=(8,) * values.ndim, dtype=values.dtype
    )
    with pytest.raises(SegfitError, match=reason):
        open_raster(tmp_path / "a")


def test_groups_that_are_not_one_image_are_refused(tmp_path: Path) -> None:
    group = zarr.open_group(str(tmp_path / "arrays"), mode="w")
    group.create_array("x", shape=(5, 5), dtype="uint8")
    with pytest.raises(SegfitError, match=r"holds arrays but no image .* \(x\): give one, such as"):
        open_raster(tmp_path / "arrays")
    plate = zarr.open_group(str(tmp_path / "plate"), mode="w")
    plate.attrs.update({"ome": {"plate": {"wells": [{"path": "A/1"}, {"path": "A/2"}]}}})
    with pytest.raises(SegfitError, match=r"holds the wells of a plate \(A/1, A/2\)"):
        open_raster(tmp_path / "plate")


def test_the_one_image_of_a_converted_file_is_found(tmp_path: Path) -> None:
    outer = zarr.open_group(str(tmp_path / "a.zarr"), mode="w")
    outer.attrs.update({"ome": {"version": "0.5", "bioformats2raw.layout": 3}})
    write_image(tmp_path / "a.zarr" / "0", "0.5", VOLUME[0, 0, 0], "yx")
    with open_raster(tmp_path / "a.zarr") as raster:
        assert raster.shape == (100, 130)
    write_image(tmp_path / "a.zarr" / "1", "0.5", VOLUME[0, 0, 1], "yx")
    with pytest.raises(SegfitError, match=r"holds images \(0, 1\)"):
        open_raster(tmp_path / "a.zarr")


def test_damage_is_named(tmp_path: Path) -> None:
    path = write_array(tmp_path / "a", RGB)
    chunk = next(file for file in path.rglob("*") if file.is_file() and file.name != "zarr.json")
    chunk.write_bytes(b"no chunk")
    with open_raster(path) as raster, pytest.raises(SegfitError, match="this Zarr is damaged"):
        raster.read(Window(0, 0, 130, 100))
    (path / "zarr.json").write_text("{")
    with pytest.raises(SegfitError, match="this Zarr is damaged"):
        open_raster(path)
    (path / "zarr.json").unlink()
    with pytest.raises(SegfitError, match="is a folder"):
        open_raster(path)


def test_without_zarr_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_array(tmp_path / "a", RGB)
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(SegfitError, match=r'needs zarr: pip install "segfit\[zarr\]"'):
        open_raster(path)
