"""Planes of OME-TIFF, ImageJ, plain TIFF and OME-Zarr stacks, read one at a time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from segfit.errors import SegfitError
from segfit.imaging.raster.stack import Stack, open_stack
from segfit.imaging.read import read_image
from segfit.imaging.scale import Scale

VALUES = np.random.default_rng(0).integers(0, 60_000, (2, 3, 2, 20, 30), np.uint16)
STEPS = {"Z": (2.0, "um"), "T": (30.0, "s")}
OME = {
    "axes": "TZCYX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5, "PhysicalSizeZ": 2.0,
    "TimeIncrement": 30.0, "Channel": {"Name": ["DAPI", "GFP"]},
}  # fmt: skip
IMAGEJ = {
    "axes": "TZCYX", "unit": "um", "spacing": 2.0, "finterval": 30.0, "Labels": ["DAPI", "GFP"] * 6,
}  # fmt: skip


def write_zarr(path: Path) -> None:
    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("0", shape=VALUES.shape, chunks=(1, 1, 2, 16, 16), dtype="uint16")[...] = (
        VALUES
    )
    units = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
    axes = [{"name": name, "unit": units.get(name)} for name in "tzcyx"]
    scale = {"type": "scale", "scale": [30.0, 2.0, 1.0, 0.5, 0.5]}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": [dataset]}]
    group.attrs["omero"] = {"channels": [{"label": "DAPI"}, {"label": "GFP"}]}


def write(path: Path, kind: str) -> Path:
    if kind == "zarr":
        write_zarr(path)
    elif kind == "imagej":
        tifffile.imwrite(path, VALUES, imagej=True, resolution=(2, 2), metadata=IMAGEJ)
    else:
        how: dict[str, Any] = {"tile": (16, 16), "compression": "zlib"} if kind == "tiles" else {}
        tifffile.imwrite(path, VALUES, ome=True, metadata=OME, **how)
    return path


@pytest.mark.parametrize("kind", ["ome", "tiles", "imagej", "zarr"])
def test_planes_with_their_channels_and_distances(tmp_path: Path, kind: str) -> None:
    suffix = {"zarr": "zarr", "imagej": "tif"}.get(kind, "ome.tif")
    with open_stack(write(tmp_path / f"a.{suffix}", kind)) as stack:
        assert dict(stack.axes) == {"T": 2, "Z": 3}
        assert dict(stack.steps) == STEPS
        assert stack.facts.scale == Scale(0.5, "um")
        assert stack.facts.names == ("DAPI", "GFP")
        for time, z in np.ndindex(2, 3):
            plane = stack.read({"T": time, "Z": z})
            assert plane.planes is None
            np.testing.assert_array_equal(plane.values, np.moveaxis(VALUES[time, z], 0, -1))
        with pytest.raises(SegfitError, match="0 DAPI, 1 GFP"):
            stack.find_ranges(None)


def test_color_planes_and_pages(tmp_path: Path) -> None:
    colors = np.random.default_rng(1).integers(0, 256, (3, 20, 30, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colors, photometric="rgb", metadata={"axes": "ZYXS"})
    with open_stack(tmp_path / "a.tif") as stack:
        assert dict(stack.axes) == {"Z": 3}
        assert stack.facts.is_color
        np.testing.assert_array_equal(stack.read({"Z": 1}).show(), colors[1])
    tifffile.imwrite(tmp_path / "b.tif", colors[..., 0], photometric="minisblack", metadata=None)
    with open_stack(tmp_path / "b.tif") as stack:
        assert dict(stack.axes) == {"I": 3}
        np.testing.assert_array_equal(stack.read({"I": 2}).values[..., 0], colors[2, ..., 0])


def test_a_zarr_array_whose_axes_are_named(tmp_path: Path) -> None:
    array = zarr.create_array(
        str(tmp_path / "a.zarr"), shape=VALUES.shape, chunks=(1, 1, 1, 20, 30), dtype="uint16",
        dimension_names=list("tzcyx"),
    )  # fmt: skip
    array[...] = VALUES
    with open_stack(tmp_path / "a.zarr") as stack:
        assert dict(stack.axes) == {"T": 2, "Z": 3}
        np.testing.assert_array_equal(
            stack.read({"T": 1, "Z": 2}).values, np.moveaxis(VALUES[1, 2], 0, -1)
        )


def test_an_image_is_a_single_plane(tmp_path: Path) -> None:
    Image.fromarray(VALUES[0, 0, 0].astype(np.uint8)).save(tmp_path / "a.png")
    with open_stack(tmp_path / "a.png") as stack:
        assert stack.axes == {}
        assert stack.read({}).values.shape == (20, 30, 1)


def shade(stack: Stack, z: int) -> int:
    ranges = stack.find_ranges(None)
    return int(stack.read({"Z": z}).choose(None).render(ranges).max())


def test_all_planes_have_one_range_of_grey(tmp_path: Path) -> None:
    values = np.zeros((2, 40, 40), np.uint16)
    values[0, :20], values[1, :20] = 1_000, 4_000
    tifffile.imwrite(tmp_path / "a.tif", values, metadata={"axes": "ZYX"})
    with open_stack(tmp_path / "a.tif") as stack:
        assert (shade(stack, 0), shade(stack, 1)) == (64, 255)


@pytest.mark.parametrize("tile", [None, (256, 256)])
def test_no_more_than_a_plane_is_in_memory(tmp_path: Path, tile: Any) -> None:
    """64 planes of 0.5 MB, of colors: their samples lie between those of the pixels."""
    values = np.zeros((64, 400, 440, 3), np.uint8)
    compression = None if tile is None else "zlib"
    tifffile.imwrite(
        tmp_path / "a.tif", values, photometric="rgb", metadata={"axes": "ZYXS"}, tile=tile,
        compression=compression,
    )  # fmt: skip
    with open_stack(tmp_path / "a.tif") as stack:
        tracemalloc.start()
        for z in range(4):
            stack.read({"Z": z})
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 12 * values[0].nbytes


def test_a_stack_without_planes_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match="by segfit predict --planes all, or choose one"):
        read_image(write(tmp_path / "a.ome.tif", "ome"))


def test_stacks_of_other_colors_are_refused(tmp_path: Path) -> None:
    inks = np.zeros((2, 20, 30, 4), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", inks, photometric="separated", metadata={"axes": "ZYXS"})
    with pytest.raises(SegfitError, match="colors of CMYK, which are not read of stacks"):
        open_stack(tmp_path / "a.tif")
