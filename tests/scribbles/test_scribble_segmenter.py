"""What was fitted to strokes is a segmenter like any other."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

import segfit
from segfit.classes import IGNORE, ClassTable
from segfit.classification.decision import Decision
from segfit.datasets import LabelledImage
from segfit.errors import SegfitError
from segfit.methods import open_comparable, open_method
from segfit.scribbles.segmenter import ScribbleSegmenter, fit_scribbles

STRIPES = ClassTable.from_names(("red", "green", "blue", "violet"), background=None)
DISCS = ClassTable.from_names(("background", "disc"), object_classes=(1,))


def draw_stripes():
    """Three stripes of 32 px, and a stroke in each of them."""
    image = np.zeros((96, 96, 3), np.uint8)
    strokes = np.full((96, 96), IGNORE, np.uint8)
    for index in range(3):
        image[:, 32 * index : 32 * (index + 1), index] = 200
        strokes[20:70, 32 * index + 16] = index
    return image, strokes


def draw_discs():
    down, across = np.mgrid[:96, :128]
    truth = np.zeros((96, 128), np.uint8)
    for y, x in ((30, 30), (60, 90)):
        truth[(down - y) ** 2 + (across - x) ** 2 < 15**2] = 1
    image = np.where(truth[..., None] == 1, (230, 220, 210), (40, 50, 60)).astype(np.uint8)
    strokes = np.full(truth.shape, IGNORE, np.uint8)
    strokes[25:35, 30] = strokes[55:65, 90] = 1
    strokes[5:90, 60] = strokes[5:90, 120] = 0
    return image, strokes, truth


@pytest.fixture(scope="module")
def stripes():
    return fit_scribbles([LabelledImage("stripes", *draw_stripes(), None)], STRIPES, threads=1)


@pytest.fixture(scope="module")
def discs():
    image, strokes, _ = draw_discs()
    return fit_scribbles([LabelledImage("discs", image, strokes, None)], DISCS, threads=1)


def test_stripes_are_found(stripes):
    result = stripes(draw_stripes()[0])
    expected = np.repeat(np.arange(3), 32)[None]
    inside = np.abs(np.arange(96) % 32 - 15.5) < 9  # a stroke says little of where a border is
    assert (result.labels == expected)[20:70, inside].mean() > 0.9
    assert result.model_name == "scribbles"
    assert not (result.labels == 3).any()  # violet, which nobody marked


def test_objects_are_connected_regions(discs):
    image, _, truth = draw_discs()
    result = discs(image)
    assert (result.labels == truth).mean() > 0.98
    assert len(result.regions) == 2
    assert "objects" in discs.provides


def test_a_threshold_counts(discs):
    image, _, _ = draw_discs()
    areas = [
        int(discs(image, decision=Decision(threshold=threshold)).labels.sum())
        for threshold in (0.0, 0.5, 1.0)
    ]
    assert areas[0] == image[..., 0].size > areas[1] > areas[2] == 0


def test_a_file_says_the_same(stripes, tmp_path):
    path = stripes.save(tmp_path / "stripes.segfit")
    assert path.stat().st_size < 100_000
    image, _ = draw_stripes()
    opened = segfit.load(path, threads=1)
    assert isinstance(opened, ScribbleSegmenter)
    np.testing.assert_array_equal(opened(image).labels, stripes(image).labels)
    assert opened.card.marks == {"red": 50, "green": 50, "blue": 50, "violet": 0}
    for method in (open_method(str(path), threads=1), open_comparable(str(path), threads=1)):
        np.testing.assert_array_equal(method(image).labels, stripes(image).labels)
    with pytest.raises(SegfitError, match="--force"):
        stripes.save(path)
    assert "fitted to pixels of red 50" in repr(opened)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": "of old"}, "fitted to other features than this version"),
        ({"biases": [0.0]}, "4 classes need as many biases"),
        ({"weights": [[1.0], [2.0], [3.0], [4.0, 5.0]]}, "all of one length"),
        ({"weights": [[1.0], [2.0], [3.0], [float("nan")]]}, "finite number"),
    ],
)
def test_a_damaged_file_is_refused(stripes, tmp_path, change, message):
    path = stripes.save(tmp_path / "stripes.segfit")
    with zipfile.ZipFile(path) as archive:
        card = json.loads(archive.read("model.json"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", json.dumps({**card, **change}))
    with pytest.raises(SegfitError, match=message):
        segfit.load(path, threads=1)


def test_whole_masks_are_strokes_too():
    image, _, truth = draw_discs()
    found = fit_scribbles([LabelledImage("discs", image, truth, None)], DISCS, threads=1)
    assert (found(image).labels == truth).mean() > 0.98
    assert sum(found.card.marks.values()) == truth.size


def test_what_is_not_for_it_is_refused(stripes, tmp_path):
    with pytest.raises(SegfitError, match=r"ends in \.segfit"):
        stripes.save(tmp_path / "stripes.onnx")
    with pytest.raises(SegfitError, match="has no regression network"):
        stripes.refine(stripes(draw_stripes()[0]).partition, draw_stripes()[0], cell_px=4)
    with pytest.raises(SegfitError, match="leave out --quality best"):
        stripes.look_twice()
    with pytest.raises(SegfitError, match="1×1"):
        stripes(np.zeros((1, 1, 3), np.uint8))
    path = stripes.save(tmp_path / "stripes.segfit")
    with pytest.raises(SegfitError, match="which no other program can compute"):
        segfit.export_model(path, tmp_path / "exported")
    with pytest.raises(SegfitError, match="segments nothing itself: fit a model"):
        segfit.load("features")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full((96, 96), IGNORE, np.uint8), "no marks: mark pixels of two classes"),
        (np.zeros((96, 96), np.uint8), "all marks are of red"),
        (np.zeros((96, 95), np.uint8), "stripes: its labels are 95×96 px and the image is 96×96"),
        (np.full((96, 96), 7, np.uint8), "class 7, but there are the classes 0 to 3"),
    ],
)
def test_strokes_of_no_use_are_refused(labels, message):
    image, _ = draw_stripes()
    with pytest.raises(SegfitError, match=message):
        fit_scribbles([LabelledImage("stripes", image, labels, None)], STRIPES, threads=1)
