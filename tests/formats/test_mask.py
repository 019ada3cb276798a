import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.instances import write_instances
from segfit.formats.mask import encode_mask
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

CLASSES = ClassTable(("sky", "road", "car"), ((70, 130, 180), (128, 64, 128), (0, 0, 142)), None)


def write(path, labels, classes=CLASSES):
    path.write_bytes(encode_mask(np.uint8(labels), classes))
    return path


def test_mask_shows_colors_and_holds_indices(tmp_path):
    path = write(tmp_path / "m.png", [[0, 1], [2, 2]])
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("P", (2, 2))
        assert np.array(image).tolist() == [[0, 1], [2, 2]]
        shown = np.array(image.convert("RGB"))
    assert shown.tolist() == [[[70, 130, 180], [128, 64, 128]], [[0, 0, 142], [0, 0, 142]]]


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 255)))
def test_any_labels_come_back(tmp_path_factory, labels):
    path = write(tmp_path_factory.mktemp("mask") / "m.png", labels)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.array(image), labels)


def segment(labels, objects=None, *, object_classes=(1,)):
    classes = ClassTable.from_names(("background", "cell"), object_classes=object_classes)
    labels = np.uint8(labels)
    image = np.zeros((*labels.shape, 3), np.uint8)
    return Segmentation(image, LabelGrid(labels, objects), classes)


def test_instances_are_numbers_of_16_bits(tmp_path):
    objects = np.int32([[7, 7, 9, 9], [0, 0, 0, 9], [4, 0, 0, 0]])
    result = segment(objects > 0, objects)
    write_instances(result, tmp_path / "i.png")
    values = cv2.imread(str(tmp_path / "i.png"), cv2.IMREAD_UNCHANGED)
    assert values.dtype == np.uint16
    np.testing.assert_array_equal(values, result.objects)
    # Read as labels, they say what was written.
    pairs = {*zip(objects.ravel().tolist(), values.ravel().tolist(), strict=True)}
    assert len(pairs) == 4


def test_more_instances_than_16_bits_can_number_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("segfit.formats.instances.LARGEST_NUMBER", 2)
    result = segment([[1, 0, 1, 0, 1]])
    with pytest.raises(SegfitError, match="has 3 objects, and a 16-bit mask can number 2"):
        write_instances(result, tmp_path / "i.png")
    assert not (tmp_path / "i.png").exists()


def test_a_model_without_instances_cannot_write_them(tmp_path):
    with pytest.raises(SegfitError, match="needs objects, and no class has any: write mask"):
        write_instances(segment([[1, 0]], object_classes=()), tmp_path / "i.png")
