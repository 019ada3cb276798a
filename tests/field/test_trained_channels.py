"""A model remembers what its channels were called, and finds them in other files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

import segfit
from segfit.cli.app import app
from segfit.datasets import open_labelled
from segfit.segmenter import Segmenter

PLAN = {"steps": 2, "encoder": "plain", "scaling": {"kind": "frame", "long_side_px": 32}}
MASK = np.zeros((48, 48), np.uint8)
MASK[8:30, 10:36] = 1
SEEN, BLANK = (20 + 200 * MASK).astype(np.uint8), np.zeros((48, 48), np.uint8)


def write(path: Path, *names: str, axes: str = "CYX") -> Path:
    """An image whose DAPI shows the cell; with axes ZCYX, three planes of it."""
    values = np.stack([SEEN if name == "DAPI" else BLANK for name in names])
    if axes == "ZCYX":
        values = np.stack([values] * 3)
    tifffile.imwrite(
        path, values, ome=True, metadata={"axes": axes, "Channel": {"Name": list(names)}}
    )
    return path


def draw_cells(folder: Path, *names: tuple[str, ...]) -> Path:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number, of_image in enumerate(names):
        write(folder / "images" / f"{number}.tif", *of_image)
        tifffile.imwrite(folder / "masks" / f"{number}.tif", MASK)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    cells = draw_cells(folder / "data", *[("GFP", "DAPI")] * 4)
    path = folder / "cells.segfit"
    trained = segfit.train(cells, path, component="classifier", plan=PLAN, channels=(1,))
    assert trained.card.channel_names == ("DAPI",)
    return path


@pytest.fixture(scope="module")
def segmenter(model: Path) -> Segmenter:
    return segfit.load(model)


def predict(model: Path, image: Path, *options: str) -> str:
    arguments = ["predict", str(model), str(image), "-o", str(image.parent / "out"), *options]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})
    return " ".join((done.output + done.stderr).split())


def test_the_channel_of_its_name_is_taken_and_said(model: Path, tmp_path: Path) -> None:
    said = predict(model, write(tmp_path / "a.ome.tif", "RFP", "GFP", "DAPI"))
    assert "channel 2 DAPI was taken, since the model was trained on DAPI (channel 1)" in said
    said = predict(model, write(tmp_path / "b.ome.tif", "GFP", "DAPI"))
    assert "1 image in" in said
    assert "was taken" not in said


def test_an_image_without_it_is_refused_unless_a_channel_is_given(
    model: Path, tmp_path: Path
) -> None:
    image = write(tmp_path / "a.ome.tif", "GFP", "Cy5")
    assert "was trained on DAPI (channel 1); " in (said := predict(model, image))
    assert "has 0 GFP, 1 Cy5: give the channel" in said
    assert "1 image in" in predict(model, image, "--channels", "1")


def test_python_and_stacks_and_large_images_do_the_same(
    segmenter: Segmenter, model: Path, tmp_path: Path
) -> None:
    image = write(tmp_path / "a.ome.tif", "DAPI", "GFP", "RFP")
    found = segmenter(image)
    np.testing.assert_array_equal(found.image[..., 0], SEEN)
    assert "channel 0 DAPI was taken" in found.note
    with pytest.raises(segfit.SegfitError, match="trained on DAPI"):
        segmenter(write(tmp_path / "b.ome.tif", "GFP", "RFP"))
    stack = write(tmp_path / "c.ome.tif", "DAPI", "GFP", axes="ZCYX")
    for plane in segfit.segment_stack(segmenter, stack):
        np.testing.assert_array_equal(plane.result.image[..., 0], SEEN)
    assert "3 planes. channel 0 DAPI was taken" in predict(model, stack, "--planes", "all")
    said = predict(model, image, "--format", "labels")
    assert "channel 0 DAPI was taken" in said


def test_images_that_differ_or_have_no_names_leave_none(tmp_path: Path) -> None:
    differing = draw_cells(tmp_path / "a", *[("DAPI", "GFP")] * 2, *[("GFP", "DAPI")] * 2)
    data = open_labelled(differing, channels=(0,))
    assert data.channel_names is None
    assert any("different channels (DAPI, GFP)" in note for note in data.notes)
    for image in (differing / "images").iterdir():
        tifffile.imwrite(image, SEEN)
    assert open_labelled(differing).channel_names is None
