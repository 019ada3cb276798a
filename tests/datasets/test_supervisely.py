"""Supervisely's projects: bitmaps, outlines through pixels, splits, and what is left out."""

import numpy as np
import pytest

from label_files import (
    SIDE,
    SQUARE,
    make_figure,
    make_points,
    pack_bitmap,
    save_image,
    save_json,
    write_supervisely,
)
from segfit.datasets import open_labelled
from segfit.datasets.supervisely import Bitmap, fill_pixel_outline, paste_bitmap
from segfit.errors import SegfitError

RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
FROM_ITS_DOCS = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMIMwIInOeqf8BUmwBPiGuQPr///9Lb86/C2QxlgT5BTM4PLuRBuTwebo4hlTMSa4"
    "4sKHhISMDuxpTYrr03F6gDIOnq5/LOqeEJgDM5ht6"
)


@pytest.mark.parametrize(
    "bitmap",
    [{"data": FROM_ITS_DOCS, "origin": [2, 1]}, pack_bitmap(RING, (2, 1))],
    ids=["docs", "packed"],
)
def test_a_bitmap_lies_at_its_origin(bitmap):
    mask = paste_bitmap(Bitmap.model_validate(bitmap), height=5, width=6, where="here")
    expected = np.zeros((5, 6), bool)
    expected[1:4, 2:5] = RING
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize(
    ("bitmap", "message"),
    [
        ({"data": "bm90IGEgYml0bWFw", "origin": [0, 0]}, "has a bitmap that is damaged"),
        (
            pack_bitmap(RING, (4, 0)),
            r"has a bitmap of 3×3 px at \(4, 0\), which reaches out",
        ),
    ],
    ids=["damaged", "outside"],
)
def test_a_bitmap_that_cannot_be_pasted_is_named(bitmap, message):
    with pytest.raises(SegfitError, match=f"here {message}"):
        paste_bitmap(Bitmap.model_validate(bitmap), height=5, width=6, where="here")


def test_the_pixels_of_an_outline_are_the_object_s_and_those_of_a_hole_are_not():
    outline = np.array([(1, 1), (5, 1), (5, 5), (1, 5)], float)
    hole = np.array([(2, 2), (4, 2), (4, 4), (2, 4)], float)
    mask = fill_pixel_outline(outline, [hole], height=7, width=7)
    expected = np.zeros((7, 7), bool)
    expected[1:6, 1:6], expected[2:5, 2:5] = True, False
    np.testing.assert_array_equal(mask, expected)


def test_objects_are_painted_in_their_order(tmp_path):
    rectangle = make_figure(
        id=2, geometryType="rectangle", points=make_points([[10, 10], [13, 13]])
    )
    bitmap = make_figure(geometryType="bitmap", bitmap=pack_bitmap(SQUARE > 0, (0, 0)))
    write_supervisely(tmp_path, [bitmap, rectangle])
    example = open_labelled(tmp_path, strict=True).splits["train"][0]
    assert np.count_nonzero(example.objects == 1) == 64 - 4
    assert np.count_nonzero(example.objects == 2) == 16


def test_a_figure_that_covers_nothing_is_left_out_by_name(tmp_path):
    write_supervisely(tmp_path)
    square = make_figure(points=make_points([[4, 4], [11, 4], [11, 11], [4, 11]]))
    point = make_figure(id=9, geometryType="point", points=make_points([[4, 4]]))
    stranger = make_figure(id=7, classTitle="weed", points=make_points([[1, 1], [2, 1], [2, 2]]))
    content = {"size": {"height": SIDE, "width": SIDE}, "objects": [square, point, stranger]}
    save_json(content, tmp_path / "ds" / "ann" / "a.png.json")
    data = open_labelled(tmp_path)
    notes = " ".join(data.notes)
    assert "2 objects left out" in notes
    assert "object 9 ('foreground') is a point; bitmaps, polygons and rectangles" in notes
    assert "object 7 ('weed'): meta.json has no such class" in notes
    with pytest.raises(SegfitError, match="is a point"):
        open_labelled(tmp_path, strict=True)


def test_data_sets_are_splits_and_unpaired_files_are_counted(tmp_path):
    write_supervisely(tmp_path)
    for name in ("train", "val"):
        (tmp_path / name / "img").mkdir(parents=True)
        (tmp_path / name / "ann").mkdir()
        for folder in ("img", "ann"):
            for path in (tmp_path / "ds" / folder).iterdir():
                (tmp_path / name / folder / path.name).write_bytes(path.read_bytes())
    save_image(tmp_path / "ds" / "img" / "c.png")
    (tmp_path / "ds" / "img" / "b.png").unlink()
    data = open_labelled(tmp_path)
    assert data.splits["train"].names == ("ds/a", "train/a", "train/b")
    assert data.splits["val"].names == ("val/a", "val/b")
    notes = " ".join(data.notes)
    assert "1 × image of ds without a file in ann/ (c.png)" in notes
    assert "1 × file in ds/ann/ without an image" in notes


def test_sizes_must_agree(tmp_path):
    write_supervisely(tmp_path)
    save_json({"size": {"height": 8, "width": 8}}, tmp_path / "ds" / "ann" / "a.png.json")
    with pytest.raises(SegfitError, match=r"mask is 8×8 but its image \(a\.png\) is 16×16"):
        open_labelled(tmp_path, strict=True)
