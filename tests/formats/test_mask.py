import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.mask import encode_mask, read_mask

CLASSES = ClassTable(("sky", "road", "car"), ((70, 130, 180), (128, 64, 128), (0, 0, 142)), None)


def write(path, labels, classes=CLASSES):
    path.write_bytes(encode_mask(np.uint8(labels), classes))
    return path


def test_mask_shows_colours_and_holds_indices(tmp_path):
    path = write(tmp_path / "m.png", [[0, 1], [2, 2]])
    with Image.open(path) as image:
        assert (image.mode, image.size) == ("P", (2, 2))
        assert np.array(image).tolist() == [[0, 1], [2, 2]]
        shown = np.array(image.convert("RGB"))
    assert shown.tolist() == [[[70, 130, 180], [128, 64, 128]], [[0, 0, 142], [0, 0, 142]]]


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 255)))
def test_any_labels_come_back(tmp_path_factory, labels):
    path = write(tmp_path_factory.mktemp("mask") / "m.png", labels)
    np.testing.assert_array_equal(read_mask(path), labels)


def test_colour_picture_is_no_mask(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "m.png")
    with pytest.raises(SegfitError, match="mode RGB; a mask is an 8-bit palette or grey PNG"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_damaged_file_is_named(tmp_path, keep):
    path = write(tmp_path / "m.png", np.zeros((50, 50)))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(SegfitError, match=r"cannot read .*m\.png"):
        read_mask(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SegfitError, match=r"cannot read .*none\.png"):
        read_mask(tmp_path / "none.png")
