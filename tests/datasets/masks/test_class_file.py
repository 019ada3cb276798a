"""Classes that ``classes.json`` names, and masks that do not keep to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from halves import BLUE, RED, draw_halves, write_classes

from segfit.classes import IGNORE
from segfit.datasets import open_labelled
from segfit.errors import SegfitError

Write = Callable[..., Path]


def test_class_file_with_values_background_and_ignore(write_pair: Write) -> None:
    mask = draw_halves(4, 9)
    mask[0] = 11
    for name in ("a", "b"):
        root = write_pair(name, mask)
    write_classes(
        root,
        classes=[{"name": "road", "value": 9}, {"name": "sky", "value": 4, "color": "#0000ff"}],
        background=None,
        ignore=[11],
    )
    data = open_labelled(root)
    assert data.classes.names == ("road", "sky")
    assert data.classes.colors[1] == BLUE
    assert data.classes.background is None
    labels = data.splits["val"][0].labels
    assert (labels[0] == IGNORE).all()
    np.testing.assert_array_equal(labels[1:], draw_halves(1, 0)[1:])
    assert data.splits["val"].stats[0].class_pixels == (120, 120)


def test_class_file_with_colors_and_ignored_color(write_pair: Write) -> None:
    mask = draw_halves(RED, BLUE)
    mask[0] = (255, 255, 255)
    mask[5, 5] = (250, 3, 0)
    for name in ("a", "b"):
        root = write_pair(name, mask)
    write_classes(
        root,
        classes=[{"name": "skin", "color": "#0000ff"}, {"name": "wall", "color": "#ff0000"}],
        background="wall",
        ignore=["#ffffff"],
    )
    data = open_labelled(root)
    assert data.classes.background == 1
    labels = data.splits["val"][0].labels
    assert (labels[0] == IGNORE).all()
    np.testing.assert_array_equal(labels[1:], draw_halves(1, 0)[1:])
    assert any("2 pixels (0.39%) had a value or color" in note for note in data.notes)


def test_numbers_of_objects(write_pair: Write) -> None:
    mask = np.zeros((16, 16), np.uint16)
    mask[2:5, 2:9] = 700
    mask[5:8, 2:9] = 3  # touches the first
    mask[12] = 65535
    for name in ("a", "b"):
        root = write_pair(name, mask)
    write_classes(
        root,
        instances=True,
        classes=[{"name": "background", "value": 0}, {"name": "nucleus"}],
        ignore=[65535],
    )
    data = open_labelled(root)
    image = data.splits["train"][0]
    assert data.classes.object_classes == (1,)
    assert image.objects is not None
    assert image.objects.dtype == np.int32
    np.testing.assert_array_equal(image.objects, np.where(mask == 65535, 0, mask))
    assert (image.labels[12] == IGNORE).all()
    assert data.splits["train"].stats[0].class_pixels == (256 - 42 - 16, 42)
    assert data.splits["train"].stats[0].object_sides_px[1] == (3.0, 3.0)


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"classes": [{"name": "a", "value": "0"}]}, r"classes\.0\.value: .*integer.*'0'"),
        ({"classes": [{"name": "a", "valeu": 0}]}, r"classes\.0\.valeu: Extra inputs"),
        ({"classes": [], "extra": 1}, "extra"),
        ({}, "classes: Field required"),
        ({"classes": [{"name": "a", "value": 0}]}, "needs 2 to 255"),
        ({"classes": [{"name": "a", "value": 0}, {"name": "b"}]}, "'b' has no value"),
        ({"classes": [{"name": "a", "value": 0}, {"name": "b", "value": 0}]}, "0 is given twice"),
        (
            {"classes": [{"name": "a", "color": "red"}, {"name": "b", "color": "#000000"}]},
            r"classes\.0\.color",
        ),
        (
            {
                "classes": [{"name": "a", "value": 0}, {"name": "b", "value": 1}],
                "background": "c",
            },
            "'c' is not among the classes",
        ),
        (
            {"classes": [{"name": "a", "value": 0}, {"name": "b", "value": 1}], "background": 2},
            "not an index of 2 classes",
        ),
        (
            {"classes": [{"name": "a", "value": 0}, {"name": "b", "value": 1}], "ignore": ["#fff"]},
            "ignore lists values",
        ),
        (
            {
                "classes": [{"name": "a", "value": 0}, {"name": "b", "value": 1}],
                "instances": True,
            },
            "exactly one class has no value",
        ),
    ],
)
def test_bad_class_files_name_file_and_field(
    write_pair: Write, spec: dict[str, object], reason: str
) -> None:
    root = write_pair("a", draw_halves(0, 1))
    write_classes(root, **spec)
    with pytest.raises(SegfitError, match=reason):
        open_labelled(root)


def test_class_file_that_is_no_json(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(0, 1))
    (root / "classes.json").write_text("{classes: ")
    with pytest.raises(SegfitError, match=r"classes\.json: the file: Invalid JSON"):
        open_labelled(root)


def test_values_outside_the_classes(write_pair: Write) -> None:
    mask = draw_halves(0, 1)
    mask[3, :4] = 6
    write_pair("bad", mask)
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(0, 1))
    write_classes(root, classes=[{"name": "x", "value": 0}, {"name": "y", "value": 1}])
    data = open_labelled(root)
    assert sum(map(len, data.splits.values())) == 2
    message = (
        r"bad\.png has 4 pixels of value 6, but the classes have the values 0, 1: correct the mask"
    )
    assert any("4 pixels of value 6" in note for note in data.notes)
    with pytest.raises(SegfitError, match=message):
        open_labelled(root, strict=True)


def test_colors_for_value_classes_and_values_for_color_classes(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(RED, BLUE))
    write_classes(root, classes=[{"name": "x", "value": 0}, {"name": "y", "value": 1}])
    with pytest.raises(SegfitError, match="has colors, but the classes are given by value"):
        open_labelled(root)
    write_pair("a", draw_halves(0, 1).astype(np.uint16))
    write_classes(
        root, classes=[{"name": "x", "color": "#000000"}, {"name": "y", "color": "#ff0000"}]
    )
    with pytest.raises(SegfitError, match="16-bit values, but the classes are given by color"):
        open_labelled(root)
