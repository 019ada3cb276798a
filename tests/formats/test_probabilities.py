import cv2
import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.formats.probabilities import write_probabilities_npz
from segfit.formats.probability_images import (
    probability_png_paths,
    write_probabilities_png,
)
from segfit.partition import LabelGrid
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

CLASSES = ClassTable.from_names(("background", "Zähne", "lip"))


def read_png(path):
    """Probabilities of a 16-bit grey PNG."""
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert (values.dtype, values.ndim) == (np.uint16, 2)
    return values / 65535


@pytest.fixture
def segmentation():
    logits = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
    labels = logits.argmax(axis=0).astype(np.uint8)
    image = np.zeros((5, 7, 3), np.uint8)
    return Segmentation(image, LabelGrid(labels), CLASSES, Scores(logits, (5, 7), (5, 7)))


def test_archive_comes_back_to_half_precision(tmp_path, segmentation):
    write_probabilities_npz(segmentation, tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz", allow_pickle=False) as archive:
        values, names = archive["probabilities"], archive["class_names"]
    assert names.tolist() == list(CLASSES.names)
    assert values.dtype == np.float16
    np.testing.assert_allclose(values, segmentation.probabilities, atol=2**-12)


def test_pngs_come_back_to_sixteen_bits(tmp_path, segmentation):
    write_probabilities_png(segmentation, tmp_path / "p.png")
    for path, plane in zip(
        probability_png_paths(tmp_path / "p.png", CLASSES), segmentation.probabilities, strict=True
    ):
        np.testing.assert_allclose(read_png(path), plane, atol=0.5001 / 65535)


def test_certainty_is_the_largest_value(tmp_path):
    logits = np.float32([[[100]], [[-100]]])
    segmentation = Segmentation(
        np.zeros((1, 1, 3), np.uint8),
        LabelGrid(np.zeros((1, 1), np.uint8)),
        ClassTable.from_names(("a", "b")),
        Scores(logits, (1, 1), (1, 1)),
    )
    write_probabilities_png(segmentation, tmp_path / "p.png")
    assert read_png(tmp_path / "p_a.png") == 1
    assert read_png(tmp_path / "p_b.png") == 0


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
