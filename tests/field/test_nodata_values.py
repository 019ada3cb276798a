"""TIFF masks that call one of their values nodata, as GDAL and QGIS write them."""

from __future__ import annotations

import numpy as np
import pytest
from mask_sets import draw_objects, find_note, open_set, read_labels
from tiffs import encode_tiff

from segfit.batch.masks import find_mask_classes
from segfit.classes import IGNORE
from segfit.errors import SegfitError

GDAL_NODATA = 42113
NAMES = ("a.tif", "b.tif", "c.tif")
CLASSES = [
    {"name": "ground", "value": 0},
    {"name": "disc", "value": 1},
    {"name": "box", "value": 2},
]


def encode(labels, nodata, dtype=np.uint8):
    """Bytes of a mask whose file calls a value nodata; None calls none so."""
    text = str(nodata)
    tags = [] if nodata is None else [(GDAL_NODATA, "s", len(text) + 1, text, True)]
    return encode_tiff(labels.astype(dtype), extratags=tags)


def draw_gap(value):
    """The objects, and a corner of the image that nobody has measured."""
    labels = draw_objects().astype(np.int32)
    labels[:20, 40:] = value
    return labels


def check_gap(data):
    expected = draw_gap(IGNORE)
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("nodata", [254, 255, 7])
def test_nodata_is_ignored_counted_and_said(tmp_path, nodata):
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(draw_gap(nodata), nodata)))
    assert data.classes.names == ("class_0", "class_1", "class_2")
    check_gap(data)
    note = find_note(data, "nodata")
    share = (draw_gap(nodata) == nodata).mean()
    assert f"{nodata} is ignored (on {share:.2%} of all pixels, in 3 of 3 masks: a.tif" in note
    assert "their files call it nodata" in note
    assert '{"ignore": []}' in note


def test_objects_of_16_bits_have_no_object_of_nodata(tmp_path):
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(draw_gap(65535), 65535, np.uint16)))
    assert data.classes.names == ("background", "object")
    for image in data.splits["train"]:
        assert sorted(np.unique(image.objects)) == [0, 1, 2]
        assert (image.labels[:20, 40:] == IGNORE).all()
    assert "65535 is ignored" in find_note(data, "nodata")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nodata_is_ignored_beside_classes_that_are_named(tmp_path, dtype):
    masks = {
        **dict.fromkeys(NAMES[:2], encode(draw_gap(99), 99, dtype)),
        "c.tif": encode(draw_gap(0), None, dtype),
    }
    data = open_set(tmp_path, masks, said={"classes": CLASSES})
    labels = read_labels(data)
    for name in "ab":
        np.testing.assert_array_equal(labels[name], draw_gap(IGNORE))
    note = find_note(data, "nodata")
    assert "in 2 of 3 masks: a.tif, b.tif" in note
    assert "a.tif, b.tif call it nodata; if it is a class, name it in classes.json" in note


def test_nodata_that_is_named_is_a_class(tmp_path):
    masks = dict.fromkeys(NAMES, encode(draw_gap(7), 7))
    data = open_set(tmp_path, masks, said={"classes": [*CLASSES, {"name": "sea", "value": 7}]})
    assert not any("nodata" in note for note in data.notes)
    assert all((labels[:20, 40:] == 3).all() for labels in read_labels(data).values())


def test_nothing_is_ignored_where_that_is_said(tmp_path):
    masks = dict.fromkeys(NAMES, encode(draw_gap(7), 7))
    data = open_set(tmp_path, masks, said={"ignore": []})
    assert data.classes.names[-1] == "class_7"


def test_nodata_is_ignored_beside_what_else_is_to_be(tmp_path):
    masks = dict.fromkeys(NAMES, encode(draw_gap(7), 7))
    data = open_set(tmp_path, masks, said={"ignore": [2]})
    assert data.classes.names == ("background", "foreground")
    assert all((labels[:20, 40:] == IGNORE).all() for labels in read_labels(data).values())


def test_zero_beside_one_other_value_is_background(tmp_path):
    masks = dict.fromkeys(NAMES, encode(draw_objects() > 0, 0))
    data = open_set(tmp_path, masks)
    assert data.classes.names == ("background", "foreground")
    note = find_note(data, "nodata")
    assert "0 is a class though their files call it nodata, since there is only one other" in note


def test_a_value_that_no_mask_has_is_not_mentioned(tmp_path):
    data = open_set(tmp_path, dict.fromkeys(NAMES, encode(draw_objects(), 255)))
    assert not any("nodata" in note for note in data.notes)


def test_floating_point_still_asks_for_a_number(tmp_path):
    masks = dict.fromkeys(NAMES, encode(draw_gap(-9999), -9999, np.float32))
    with pytest.raises(SegfitError, match="without a value"):
        open_set(tmp_path, masks)


def test_masks_to_refine_and_fit_are_read_alike(tmp_path):
    paths = [tmp_path / name for name in NAMES]
    for path in paths:
        path.write_bytes(encode(draw_gap(254), 254))
    classes = find_mask_classes(paths)
    assert "254 is ignored" in classes.note
    assert (
        classes.code.decode(draw_gap(254).astype(np.uint8), "a").labels[:20, 40:] == IGNORE
    ).all()


@pytest.mark.parametrize(("nodata", "other", "names"), [(0, 255, 2), (2, 0, 2)])
def test_what_is_to_be_ignored_is_no_other_value(tmp_path, nodata, other, names):
    """Beside one class, nodata is the other one, whatever is ignored by its value."""
    labels = draw_gap(other)
    labels[labels == 2] = nodata
    masks = dict.fromkeys(NAMES, encode(labels, nodata))
    data = open_set(tmp_path, masks, said={"ignore": [other]})
    assert len(data.classes) == names
    assert "there is only one other value" in find_note(data, "nodata")
