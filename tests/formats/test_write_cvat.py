"""Our CVAT masks by their colors, as Pascal VOC gives them."""

import numpy as np
import pytest
from PIL import Image

from samples import CLASSES, SAMPLES, segment
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.cvat import describe_classes, make_colors, write_cvat
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

RED, GREEN = (128, 0, 0), (0, 128, 0)


def read(segmentation, folder):
    """Colors of classes and of objects."""
    path = folder / "SegmentationClass" / "x.png"
    path.parent.mkdir()
    write_cvat(segmentation, path)
    masks = path, folder / "SegmentationObject" / "x.png"
    return [np.asarray(Image.open(mask).convert("RGB")) for mask in masks]


def test_colors_by_hand(tmp_path):
    classes, objects = read(segment([[0, 1, 0, 1], [2, 2, 0, 0]]), tmp_path)
    assert classes[0, 1].tolist() == classes[0, 3].tolist() == list(RED)
    assert classes[1, 0].tolist() == list(GREEN)
    assert classes[0, 0].tolist() == objects[0, 0].tolist() == [0, 0, 0]
    assert [objects[place].tolist() for place in ((0, 1), (0, 3), (1, 0))] == [
        list(RED), list(GREEN), [128, 128, 0],
    ]  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_there_is_an_object_for_each_region(tmp_path, name):
    segmentation = SAMPLES[name]
    classes, objects = read(segmentation, tmp_path)
    np.testing.assert_array_equal(classes, make_colors(np.int32(segmentation.labels)))
    np.testing.assert_array_equal(objects.any(axis=2), segmentation.labels > 0)
    colors = np.unique(objects[objects.any(axis=2)], axis=0)
    if segmentation.refined is None:
        assert len(colors) == len(segmentation.regions)


def test_more_objects_than_a_palette_has_colors(tmp_path):
    numbers = np.arange(400).reshape(20, 20)
    source = LabelGrid(np.uint8(numbers > 0), numbers.astype(np.int32))
    table = ClassTable.from_names(("background", "cell"), object_classes=(1,))
    image = np.zeros((20, 20, 3), np.uint8)
    _, objects = read(Segmentation(image, source, table), tmp_path)
    assert len(np.unique(objects.reshape(-1, 3), axis=0)) == 400
    np.testing.assert_array_equal(objects, make_colors(numbers.astype(np.int32)))


def test_the_background_is_color_0_wherever_it_stands(tmp_path):
    table = ClassTable.from_names(("sky", "ground", "tree"), background=1)
    image = np.zeros((1, 3, 3), np.uint8)
    grid = LabelGrid(np.uint8([[0, 1, 2]]))
    classes, _ = read(Segmentation(image, grid, table), tmp_path)
    assert classes[0].tolist() == [list(RED), [0, 0, 0], list(GREEN)]
    (text,) = describe_classes(table).values()
    assert text.decode().splitlines()[1:] == [
        "background:0,0,0::", "sky:128,0,0::", "tree:0,128,0::",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["a:b", "#1", "Background"])
def test_names_that_the_label_map_cannot_hold(name):
    table = ClassTable.from_names(("ground", name))
    with pytest.raises(SegfitError, match="cannot be named in labelmap"):
        describe_classes(table)


def test_label_map_of_the_samples():
    ((path, text),) = describe_classes(CLASSES).items()
    assert path == "cvat/labelmap.txt"
    assert "Zähne:0,128,0::\n" in text.decode("utf-8")
