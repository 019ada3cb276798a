"""The plugin for napari: manifest, reader, writers, and what the widgets do, without a window."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import segfit
from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.errors import SegfitError
from segfit.formats.mask import encode_mask
from segfit.imaging.raster.stack import open_stack
from segfit.imaging.scale import Scale
from segfit.napari.classes import CLASSES
from segfit.napari.layers import refine_layer, segment_layer
from segfit.napari.reader import find_reader
from segfit.napari.widgets import list_models, refine, segment
from segfit.napari.writer import write_classes, write_objects

PACKAGE = Path(segfit.__file__).parent
NUCLEI = PACKAGE / "demo_data" / "nuclei" / "val" / "images"
PLANES = np.zeros((2, 3, 20, 30), np.int64)
PLANES[:, :, 4:12, 4:12] = 1
PLANES[:, 1:, 4:12, 16:24] = 70_000


@dataclass
class Layer:
    """What the plugin reads of a layer of napari."""

    name: str
    data: Any
    rgb: bool = False
    multiscale: bool = False
    scale: Any = (1.0, 1.0)
    translate: Any = (0.0, 0.0)
    metadata: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def cells() -> Layer:
    image = np.asarray(Image.open(sorted(NUCLEI.glob("fluorescence*"))[0]).convert("L"))
    return Layer("cells", image[:120, :160], scale=(0.5, 0.5), translate=(3.0, 4.0))


@pytest.fixture(scope="module")
def npe2() -> Any:
    """napari's plugin engine, whose import warns."""
    pytest.importorskip("magicgui")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("npe2")


def test_the_manifest_is_one_and_names_what_there_is(npe2: Any) -> None:
    manifest = npe2.PluginManifest.from_file(PACKAGE / "napari" / "napari.yaml")
    manifest.validate_imports()
    given = manifest.contributions
    commands = {one.id for one in given.commands}
    used = [*given.readers, *given.writers, *given.widgets]
    assert {one.command for one in used} == commands


def test_npe2_reads_and_writes_by_the_manifest(npe2: Any, tmp_path: Path) -> None:
    plugins = npe2.PluginManager.instance()
    plugins.register(npe2.PluginManifest.from_file(PACKAGE / "napari" / "napari.yaml"))
    target = str(tmp_path / "a_numbers.tif")
    try:
        npe2.write(target, [(PLANES, {"name": "a"}, "labels")], plugin_name="segfit")
        ((values, options, kind),) = npe2.read([target], plugin_name="segfit", stack=False)
    finally:
        plugins.unregister("segfit")
    assert kind == "labels"
    assert options["name"] == "a_numbers"
    np.testing.assert_array_equal(values, PLANES)


def test_widgets_offer_models_that_segment_and_open_them(cells: Layer) -> None:
    assert {"face", "nuclei"} <= set(list_models())
    assert "outlines" not in list_models()
    values, options, _ = segment(cells, "nuclei")
    assert options["name"] == "cells nuclei"
    refined, _, _ = refine(Layer("drawn", values), cells)
    assert refined.max() == values.max()


def test_objects_of_a_stack_go_to_a_file_and_back(tmp_path: Path) -> None:
    path = str(tmp_path / "a.tif")
    attributes = {"scale": [30, 2, 0.5, 0.5], "units": ("second", *["micrometer"] * 3)}
    assert write_objects(path, PLANES, attributes) == [path]
    with open_stack(path) as stack:
        assert dict(stack.axes) == {"T": 2, "Z": 3}
        assert stack.facts.scale == Scale(0.5, "um")
    read = find_reader(path)
    assert read is not None
    ((values, _, kind),) = read(path)
    assert (values.dtype, kind) == (np.uint32, "labels")
    np.testing.assert_array_equal(values, PLANES)


def test_a_mask_of_classes_is_read_with_their_colors(tmp_path: Path) -> None:
    classes = ClassTable.from_names(("sky", "tree", "car"), object_classes=(2,))
    labels = (np.arange(600).reshape(20, 30) % 3).astype(np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(encode_mask(labels, classes))
    read = find_reader([str(path)])
    assert read is not None
    ((values, options, _),) = read([str(path)])
    np.testing.assert_array_equal(values, labels)
    assert options["colormap"][2] == (*(level / 255 for level in classes.colors[2]), 1.0)
    assert options["colormap"][0][3] == 0
    again = tmp_path / "b.png"
    write_classes(str(again), values, options)
    assert again.read_bytes() == path.read_bytes()


def test_saved_layers_are_labelled_data(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    grey = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    labels = np.zeros((40, 50), np.int32)
    labels[8:20, 8:20], labels[25:35, 25:35] = 1, 2
    for name in "ab":
        Image.fromarray(grey).save(tmp_path / "images" / f"{name}.png")
        write_classes(str(tmp_path / "masks" / f"{name}.png"), labels, {"name": "leaves"})
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "class 1", "class 2")
    np.testing.assert_array_equal(data.splits["train"][0].labels, labels)


def test_files_of_others_are_left_to_other_readers(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((20, 30), np.uint8)).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 30), np.uint8))
    (tmp_path / "b.tif").write_bytes(b"II*\0broken")
    for name in ("a.png", "a.tif", "b.tif", "missing.tif", "missing.png"):
        assert find_reader(str(tmp_path / name)) is None


@pytest.mark.parametrize(
    ("write", "name", "values", "reason"),
    [
        (write_objects, "a.png", PLANES, "one plane, the layer a stack"),
        (write_objects, "a.png", PLANES[0, 1], "can number 65535 objects"),
        (write_classes, "a.png", PLANES[0, 1], "has the value 70000, and classes go to 254"),
        (write_objects, "a.tif", -PLANES, "whole numbers from 0"),
        (write_objects, "a.tif", PLANES * 0.5, "float64 of shape"),
        (write_objects, "a.tif", PLANES[None, None], "4 axes before height and width"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    tmp_path: Path, write: Any, name: str, values: Any, reason: str
) -> None:
    with pytest.raises(SegfitError, match=reason):
        write(str(tmp_path / name), values, {"name": "a"})
    assert not list(tmp_path.iterdir())


def test_values_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    text = '{"classes": [{"name": "sky", "value": 0}, {"name": "tree", "value": 1}]}'
    attributes = {"name": "trees", "metadata": {CLASSES: text}}
    with pytest.raises(SegfitError, match="trees has the value 5, but its classes are 0 to 1"):
        write_classes(str(tmp_path / "a.png"), np.full((20, 30), 5), attributes)


def test_an_image_layer_is_segmented_and_its_outlines_refined(cells: Layer) -> None:
    segmenter = segfit.load("nuclei")
    values, options, kind = segment_layer(segmenter, cells)
    assert kind == "labels"
    assert options["scale"] == [0.5, 0.5]
    assert options["translate"] == [3.0, 4.0]
    np.testing.assert_array_equal(values, segmenter(cells.data).objects)
    grown = np.asarray(np.roll(values, 1, axis=1))
    drawn = Layer("drawn", np.where(grown > 0, grown + 100, 0))
    refined, options, _ = refine_layer(segfit.load_refiner("outlines"), drawn, cells)
    assert options["name"] == "drawn refined"
    assert set(np.unique(refined)) <= set(np.unique(drawn.data))
    before = ((values > 0) != (drawn.data > 0)).mean()
    assert ((values > 0) != (refined > 0)).mean() < 0.8 * before


def test_a_stack_is_segmented_by_plane_and_linked(cells: Layer) -> None:
    planes = np.stack([cells.data, np.roll(cells.data, 2, axis=1), np.zeros_like(cells.data)])
    stack = Layer("stack", planes.astype(np.uint16) * 20, scale=(2.0, 0.5, 0.5))
    values, _, _ = segment_layer(segfit.load("nuclei"), stack, link=True)
    assert values.shape == planes.shape
    assert values[2].max() == 0
    first, second = values[0, :, 20:140], values[1, :, 22:142]
    both = (first > 0) & (second > 0)
    assert both.sum() > 300
    assert (first == second)[both].mean() > 0.95


def test_layers_that_do_not_fit_are_refused(cells: Layer) -> None:
    refiner = segfit.load_refiner("outlines")
    with pytest.raises(SegfitError, match="drawn is 20×30 but cells is 120×160"):
        refine_layer(refiner, Layer("drawn", PLANES[0, 0]), cells)
    with pytest.raises(SegfitError, match="drawn is empty"):
        refine_layer(refiner, Layer("drawn", np.zeros((120, 160), int)), cells)
    colors = Layer("photo", np.zeros((64, 64, 3), np.uint8), rgb=True)
    with pytest.raises(SegfitError, match="finds no objects that could be linked"):
        segment_layer(segfit.load("face"), colors, link=True)
