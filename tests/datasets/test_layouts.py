"""What holds for labelled data of every layout: it is told, read, pickled and compared."""

import copy
import pickle
from dataclasses import fields

import numpy as np
import pytest

from label_files import SQUARE, WRITTEN
from segfit.classes import ClassTable
from segfit.datasets import open_labelled
from segfit.datasets.drawn import Drawing, DrawnImage
from segfit.datasets.labelled import LabelledImage, Reading
from segfit.datasets.masks.codes import ColorCode, DecodedMask, SmearedCode, ValueCode
from segfit.datasets.opening import LAYOUTS
from segfit.errors import SegfitError

LABEL_WORDS = ("mask", "labels", "Seg", "annotations", "gtFine")


def test_every_layout_is_tested():
    assert len(WRITTEN) == len(LAYOUTS)
    assert len({layout.description for layout in LAYOUTS}) == len(LAYOUTS)


@pytest.mark.parametrize("layout", WRITTEN)
def test_every_layout_gives_the_same_labels_and_travels(tmp_path, layout):
    written = WRITTEN[layout]
    written.write(tmp_path)
    data = open_labelled(tmp_path, strict=True)
    square, rest = (data.classes.names.index(name) for name in (written.square, written.rest))
    expected = np.where(SQUARE, square, rest)
    for travelled in (data, pickle.loads(pickle.dumps(data)), copy.deepcopy(data)):
        for split in ("train", "val"):
            (example,) = travelled.splits[split]
            np.testing.assert_array_equal(example.labels, expected)
            assert (example.objects is not None) == written.has_objects
            if written.has_objects:
                np.testing.assert_array_equal(example.objects > 0, SQUARE > 0)
                assert data.splits[split].stats[0].objects == 1
            assert travelled.splits[split].stats == data.splits[split].stats
    hash(data)
    assert data == data
    assert data != copy.deepcopy(data)


@pytest.mark.parametrize("layout", WRITTEN)
def test_every_layout_leaves_out_a_damaged_image_by_name(tmp_path, layout):
    WRITTEN[layout].write(tmp_path)
    images = [*tmp_path.rglob("a.png"), *tmp_path.rglob("a.jpg"), *tmp_path.rglob("a_*.png")]
    image = min(images, key=lambda path: any(word in str(path) for word in LABEL_WORDS))
    image.write_bytes(b"not an image")
    with pytest.raises(SegfitError, match=r"only 1 labelled image.*Left out: .*not a PNG"):
        open_labelled(tmp_path)


GRID = np.zeros((2, 2), np.uint8)
IMAGE = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    "make",
    [
        lambda: LabelledImage("a", IMAGE, GRID, None),
        lambda: Reading(IMAGE, GRID),
        lambda: DecodedMask(GRID),
        lambda: Drawing(GRID > 0, GRID.astype(np.int64)),
        lambda: DrawnImage("a", IMAGE, ()),
        lambda: ValueCode(((0, 0), (7, 1))),
        lambda: SmearedCode(((0, 0), (255, 1))),
        lambda: ColorCode(((0, 0, 0),)),
        lambda: ClassTable.from_names(("a", "b")),
    ],
)
def test_comparing_and_hashing_never_raise(make):
    first, second = make(), make()
    assert first == first
    assert isinstance(first == second, bool)
    assert isinstance(hash(first), int)
    same = copy.copy(first)
    for field in fields(first):
        assert getattr(same, field.name) is getattr(first, field.name)
