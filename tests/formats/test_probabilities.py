import numpy as np
import pytest

from segfit.partition import LabelGrid
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.probabilities import (
    probability_png_paths,
    read_probabilities_npz,
    read_probability_png,
    write_probabilities_npz,
    write_probabilities_png,
)
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

CLASSES = ClassTable.from_names(("background", "Zähne", "lip"))


@pytest.fixture
def segmentation():
    logits = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    labels = logits.argmax(axis=0).astype(np.uint8)
    image = np.zeros((5, 7, 3), np.uint8)
    return Segmentation(image, LabelGrid(labels), CLASSES, Scores(logits, (5, 7), (5, 7)))


def test_archive_comes_back_to_half_precision(tmp_path, segmentation):
    write_probabilities_npz(segmentation, tmp_path / "p.npz")
    read = read_probabilities_npz(tmp_path / "p.npz")
    assert read.class_names == CLASSES.names
    assert read.values.dtype == np.float16
    np.testing.assert_allclose(read.values, segmentation.probabilities, atol=2**-12)


def test_pngs_come_back_to_sixteen_bits(tmp_path, segmentation):
    write_probabilities_png(segmentation, tmp_path / "p.png")
    for path, plane in zip(
        probability_png_paths(tmp_path / "p.png", CLASSES), segmentation.probabilities, strict=True
    ):
        np.testing.assert_allclose(read_probability_png(path), plane, atol=0.5001 / 65535)


def test_certainty_is_the_largest_value(tmp_path):
    logits = np.float32([[[100]], [[-100]]])
    segmentation = Segmentation(
        np.zeros((1, 1, 3), np.uint8),
        np.zeros((1, 1), np.uint8),
        ClassTable.from_names(("a", "b")),
        Scores(logits, (1, 1), (1, 1)),
    )
    write_probabilities_png(segmentation, tmp_path / "p.png")
    assert read_probability_png(tmp_path / "p_a.png") == 1
    assert read_probability_png(tmp_path / "p_b.png") == 0


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (("a", "left eye"), ["x_a.png", "x_left_eye.png"]),
        (("../a", "b/c"), ["x_.._a.png", "x_b_c.png"]),
        (("Zähne", "歯"), ["x_Zähne.png", "x_歯.png"]),
        (("Eye", "eye"), ["x_0_Eye.png", "x_1_eye.png"]),
        (("a b", "a/b"), ["x_0_a_b.png", "x_1_a_b.png"]),
    ],
)
def test_class_names_become_file_names(tmp_path, names, files):
    paths = probability_png_paths(tmp_path / "x.png", ClassTable.from_names(names))
    assert paths == tuple(tmp_path / file for file in files)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"PK\x03\x04 cut off"])
def test_foreign_archive_is_named(tmp_path, content):
    (tmp_path / "p.npz").write_bytes(content)
    with pytest.raises(SegfitError, match=r"cannot read .*p\.npz"):
        read_probabilities_npz(tmp_path / "p.npz")


def test_archive_of_something_else_is_named(tmp_path):
    np.savez(tmp_path / "p.npz", other=np.zeros(3))
    with pytest.raises(SegfitError, match=r"cannot read .*p\.npz"):
        read_probabilities_npz(tmp_path / "p.npz")


def test_lone_array_is_named(tmp_path):
    with (tmp_path / "p.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(SegfitError, match=r"cannot read .*p\.npz"):
        read_probabilities_npz(tmp_path / "p.npz")


def test_archive_with_a_pickle_is_refused(tmp_path):
    np.savez(tmp_path / "p.npz", probabilities=np.array([{}]), class_names=np.array(["a"]))
    with pytest.raises(SegfitError, match="cannot read"):
        read_probabilities_npz(tmp_path / "p.npz")


@pytest.mark.parametrize("content", [None, b"", b"no image"])
def test_foreign_png_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "p.png").write_bytes(content)
    with pytest.raises(SegfitError, match=r"p\.png"):
        read_probability_png(tmp_path / "p.png")
