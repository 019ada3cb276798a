"""What is printed stays short, however large the arrays and files that are held."""

import numpy as np
import pytest

from segfit.basics.show import show_briefly
from segfit.classes import ClassTable
from segfit.datasets import LabelledData
from segfit.datasets.labelled import Dataset, Source
from segfit.imaging.pyramid import Pyramid
from segfit.model.archive import NetworkFiles, read_archive
from segfit.model.shipped import find_model
from segfit.partition import LabelGrid, partition_of
from segfit.result.edges import Contour, EdgeMap, FoundEdges
from segfit.result.scores import Scores

SIDE = 300
NOISE = np.random.default_rng(0).integers(0, 200, (SIDE, SIDE)).astype(np.uint8)
MANY = ClassTable.from_names(tuple(f"class {number}" for number in range(200)))
PLANES = np.zeros((2, SIDE, SIDE), np.float32)
EDGES = EdgeMap(PLANES[0], PLANES[0] > 0, PLANES, PLANES[0])
CONTOUR = Contour(np.zeros((99, 2)), np.zeros(99), is_closed=False)
DATA = Dataset(MANY, [Source(f"{number}", print) for number in range(99)], stats=[])


@pytest.mark.parametrize(
    "held",
    [
        LabelGrid(NOISE, NOISE.astype(np.int32)),
        partition_of(LabelGrid(NOISE)),
        Scores(PLANES, (SIDE, SIDE), (SIDE, SIDE)),
        EDGES,
        FoundEdges(EDGES, (CONTOUR,) * 500, 0.2),
        MANY,
        DATA,
        LabelledData(MANY, {"train": DATA, "val": DATA}, ("A note.",) * 50),
        Pyramid(np.dstack([NOISE] * 3)),
        NetworkFiles(b"g" * 9_999_999, b"w" * 9_999_999),
        read_archive(find_model("face")),
        read_archive(find_model("face")).card,
    ],
    ids=lambda held: type(held).__name__,
)
def test_what_is_large_is_shown_in_a_few_lines(held):
    said = repr(held)
    assert type(held).__name__ in said
    assert len(said) <= 1000
    assert len(said.splitlines()) == 1


def test_arrays_are_shown_by_type_and_shape():
    assert show_briefly(LabelGrid(NOISE)) == "LabelGrid(labels=<uint8 300×300>, objects=None)"


def test_files_are_shown_by_their_size():
    assert (
        repr(NetworkFiles(b"g" * 1234, b""))
        == "NetworkFiles(graph=<1,234 bytes>, weights=<0 bytes>)"
    )


def test_classes_are_shown_with_what_is_special_about_them():
    assert repr(ClassTable.from_names(("sky", "car"), background=None, object_classes=(1,))) == (
        "<ClassTable of 2 classes: sky, car; no background; objects of car>"
    )
    assert repr(ClassTable.from_names(("cell", "rest"), background=1)) == (
        "<ClassTable of 2 classes: cell, rest; background rest>"
    )
