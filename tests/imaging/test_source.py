"""What an image can be given as, and the one sentence that meets everything else."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import segfit
from segfit.errors import SegfitError
from segfit.imaging.source import file_name, name_source

COLORS = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]], [[0, 0, 0], [9, 8, 7], [1, 2, 3]]])
COLORS = COLORS.astype(np.uint8)  # 2×3


class Holder:
    """Holds an array, as the images of other libraries do."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values


class Interface:
    """Says where its values lie in memory."""

    def __init__(self, values):
        self.values = values
        self.__array_interface__ = values.__array_interface__


def write_png(path: Path) -> Path:
    Image.fromarray(COLORS).save(path)
    return path


def encode(kind: str = "png") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(COLORS).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff"])
@pytest.mark.parametrize("wrap", [bytes, bytearray, memoryview, io.BytesIO])
def test_the_bytes_of_a_file_are_read(kind, wrap):
    np.testing.assert_array_equal(segfit.read_image(wrap(encode(kind))), COLORS)


def test_open_files_are_read_from_where_they_stand(tmp_path):
    path = write_png(tmp_path / "leaf.png")
    with path.open("rb") as file:
        np.testing.assert_array_equal(segfit.read_image(file), COLORS)
        assert (name_source(file), file_name(file)) == (str(path), "leaf.png")
        with pytest.raises(SegfitError, match=r"leaf\.png has nothing left to read: rewind it"):
            segfit.read_image(file)
    with os.fdopen(os.open(path, os.O_RDONLY), "rb") as nameless:
        assert (name_source(nameless), file_name(nameless)) == ("the image", None)
        np.testing.assert_array_equal(segfit.read_image(nameless), COLORS)
    behind = io.BytesIO(b"header" + encode())
    behind.seek(6)
    np.testing.assert_array_equal(segfit.read_image(behind), COLORS)


def test_open_files_that_give_no_bytes_are_refused(tmp_path):
    path = write_png(tmp_path / "leaf.png")
    with path.open(encoding="latin-1") as text, pytest.raises(SegfitError) as caught:
        segfit.read_image(text)
    assert str(caught.value) == (
        f"reading {path} gives text: open it in binary mode, with open(path, 'rb')"
    )
    with pytest.raises(SegfitError, match=r"leaf\.png cannot be read \(.*closed file.*'rb'"):
        segfit.read_image(text)
    with (tmp_path / "out.png").open("wb") as out, pytest.raises(SegfitError, match="cannot be"):
        segfit.read_image(out)
    with pytest.raises(SegfitError, match="reading the file gives text: open it in binary mode"):
        segfit.read_image(io.StringIO("hello"))


def test_damaged_bytes_are_called_the_image():
    with pytest.raises(SegfitError, match="the image: this PNG file is damaged"):
        segfit.read_image(encode()[:60])
    with pytest.raises(SegfitError, match="the image is not a PNG, JPEG"):
        segfit.read_image(b"photo.png")
    with pytest.raises(SegfitError, match="bytes of the image are empty"):
        segfit.read_image(b"")


def test_whatever_holds_an_array_is_read():
    sources = (Holder(COLORS), Interface(COLORS), torch.from_numpy(COLORS), memoryview(COLORS))
    for source in sources:
        np.testing.assert_array_equal(segfit.read_image(source), COLORS)
        assert (name_source(source), file_name(source)) == ("the image", None)


def test_tensors_with_their_channels_first_are_told_how_to_move_them():
    with pytest.raises(SegfitError, match=r"shape \(3, 8, 9\).*tensor\.permute\(1, 2, 0\)"):
        segfit.read_image(torch.zeros(3, 8, 9))
    with pytest.raises(SegfitError, match=r"shape \(1, 3, 8, 9\).*one image of the batch"):
        segfit.read_image(torch.zeros(1, 3, 8, 9))


def test_tensors_that_give_no_array_are_told_how_to_make_one():
    with pytest.raises(SegfitError, match=r"a Tensor cannot be read as an array.*\.detach\(\)"):
        segfit.read_image(torch.zeros(8, 8, 3, requires_grad=True))


@pytest.mark.parametrize(
    ("source", "given"),
    [
        (None, "None"),
        ("", "an empty string"),
        (3, "3"),
        (2.5, "2.5"),
        (True, "True"),
        (np.float64(0.5), "0.5"),
        ([[0, 1], [1, 0]], "a list"),
        (["a.png", "b.png"], "a list"),
        (("a.png",), "a tuple"),
        ({"image": 1}, "a dict"),
        ((n for n in range(3)), "a generator"),
        (object(), "an object"),
        (np.ndarray, "a type"),
    ],
)
def test_anything_else_gets_one_sentence_that_says_what_to_give(source, given):
    with pytest.raises(SegfitError) as caught:
        segfit.read_image(source)
    assert str(caught.value) == (
        f"{given} is not an image: give one image, as a path, an array (H, W) or (H, W, 3), a "
        "Pillow image, the bytes of an image file, or a file opened in binary mode"
    )


@pytest.mark.parametrize(
    "address", ["https://example.org/a.png", "S3://bucket/a.png", "data:image/png;base64," * 9]
)
def test_addresses_must_be_downloaded_first(address):
    with pytest.raises(SegfitError, match=r"is an address.*download the image") as caught:
        segfit.read_image(address)
    assert len(str(caught.value)) < 200


def test_paths_of_every_kind(tmp_path):
    path = write_png(tmp_path / "leaf.png")
    for source in (path, str(path)):
        np.testing.assert_array_equal(segfit.read_image(source), COLORS)
        assert (name_source(source), file_name(source)) == (str(path), "leaf.png")
    with pytest.raises(SegfitError, match=r"'a\\x00b' cannot be read \(.*null"):
        segfit.read_image("a\0b")


def test_a_pillow_image_that_is_cut_off_is_a_user_s_error():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "jpeg")
    with (
        Image.open(io.BytesIO(stream.getvalue()[:2000])) as image,
        pytest.raises(SegfitError, match="Pillow cannot decode the image"),
    ):
        segfit.read_image(image)
