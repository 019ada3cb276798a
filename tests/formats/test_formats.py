"""What holds for every format."""

import dataclasses
import os

import numpy as np
import pytest

from samples import SAMPLES
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats import FORMAT_OF_SUFFIX, FORMATS, Content
from segfit.partition import LabelGrid
from segfit.result.edges import Contour, EdgeMap, FoundEdges
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

CLASSES = ClassTable.from_names(("background", "left eye", "mouth"), object_classes=(1,))


def segment(labels, classes=CLASSES):
    """A segmentation with scores that say what the labels say."""
    labels = np.uint8(labels)
    logits = np.stack([np.where(labels == k, 3, 0) for k in range(len(classes))]).astype(np.float32)
    image = np.full((*labels.shape, 3), 100, np.uint8)
    scores = Scores(logits, labels.shape, labels.shape)
    return Segmentation(image, LabelGrid(labels), classes, scores, edges=find_edges(labels))


def find_edges(labels):
    """An edge at each pixel that is not background, and a line through the first row."""
    strength = (labels > 0).astype(np.float32) / 2
    across = np.stack([strength * 0 + 1, strength * 0])
    edges = EdgeMap(strength, labels > 0, across, strength * 0)
    points = np.array([(0.5, 0.5), (labels.shape[1] - 0.5, 0.5)])
    return FoundEdges(edges, (Contour(points, np.ones(2), False),), 0.2)


SEGMENTATION = segment([[0, 1, 1, 0], [0, 0, 2, 2]])

REGION_FORMATS = ("polygons", "coco", "geojson", "svg", "yolo", "labelme", "label-studio", "qupath")

every_format = pytest.mark.parametrize("name", FORMATS)


@every_format
def test_writes_the_files_it_names_and_no_others(tmp_path, name):
    path = tmp_path / FORMATS[name].file_name("portrait.v1")
    FORMATS[name].write(SEGMENTATION, path)
    named = FORMATS[name].files(path, CLASSES)
    assert set(tmp_path.iterdir()) == set(named)
    assert all(file.name.startswith("portrait.v1") for file in named)
    assert all(file.stat().st_size > 0 for file in named)


@every_format
def test_replaces_a_file_only_with_force(tmp_path, name):
    path = tmp_path / FORMATS[name].file_name("portrait")
    last = FORMATS[name].files(path, CLASSES)[-1]
    last.write_bytes(b"mine")
    with pytest.raises(SegfitError, match="exists already"):
        FORMATS[name].write(SEGMENTATION, path)
    assert last.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [last]
    FORMATS[name].write(SEGMENTATION, path, force=True)
    assert last.read_bytes() != b"mine"


@every_format
def test_same_segmentation_gives_the_same_bytes(tmp_path, name):
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        path = folder / FORMATS[name].file_name("x")
        FORMATS[name].write(segment(SEGMENTATION.labels), path)
        contents.append([file.read_bytes() for file in FORMATS[name].files(path, CLASSES)])
    assert contents[0] == contents[1]


@every_format
def test_leaves_the_segmentation_as_it_was(tmp_path, name):
    before = SEGMENTATION.image.copy(), SEGMENTATION.labels.copy()
    FORMATS[name].write(SEGMENTATION, tmp_path / FORMATS[name].file_name("x"))
    np.testing.assert_array_equal(SEGMENTATION.image, before[0])
    np.testing.assert_array_equal(SEGMENTATION.labels, before[1])


@every_format
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1)])
def test_survives_odd_images(tmp_path, name, shape):
    FORMATS[name].write(segment(np.ones(shape)), tmp_path / FORMATS[name].file_name("x"))


@pytest.mark.parametrize("name", REGION_FORMATS)
@pytest.mark.parametrize("sample", SAMPLES)
def test_regions_of_every_kind_are_written(tmp_path, name, sample):
    path = tmp_path / FORMATS[name].file_name("x")
    FORMATS[name].write(SAMPLES[sample], path)
    path.read_text("utf-8")


@every_format
def test_works_without_scores_or_says_that_it_needs_them(tmp_path, name):
    plain = dataclasses.replace(SEGMENTATION, scores=None)
    path = tmp_path / FORMATS[name].file_name("x")
    if Content.SCORES in FORMATS[name].needs:
        with pytest.raises(SegfitError, match="labels without probabilities"):
            FORMATS[name].write(plain, path)
        assert os.listdir(tmp_path) == []
    else:
        FORMATS[name].write(plain, path)


def test_formats_do_not_write_the_same_file(tmp_path):
    files = [
        file
        for format in FORMATS.values()
        for file in format.files(tmp_path / format.folder / format.file_name("x"), CLASSES)
    ]
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("suffix", FORMAT_OF_SUFFIX)
def test_save_goes_by_the_suffix(tmp_path, suffix):
    SEGMENTATION.save(tmp_path / f"x{suffix.upper()}")
    magic = {
        ".png": b"\x89PNG", ".jpg": b"\xff\xd8", ".jpeg": b"\xff\xd8", ".webp": b"RIFF",
        ".json": b"{", ".npz": b"PK", ".geojson": b"{", ".svg": b"<?xml",
    }  # fmt: skip
    assert (tmp_path / f"x{suffix.upper()}").read_bytes().startswith(magic[suffix])
