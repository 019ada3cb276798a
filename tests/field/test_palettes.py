"""Palette images: indices are classes where palettes agree, colors where they differ."""

from __future__ import annotations

import io

import numpy as np
import pytest
from mask_sets import draw_objects, encode, find_note, open_set, read_labels
from PIL import Image

COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
ORDERS = {"a": (0, 1, 2), "b": (2, 0, 1), "c": (1, 2, 0)}


def encode_palette(labels, order, *, colors=COLORS, kind="PNG", **options):
    """A palette image of class numbers whose palette has the classes' colors in this order."""
    indices = np.argsort(order).astype(np.uint8)[labels]
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette(colors[list(order)].ravel().tolist())
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def by_color(data, labels):
    """Labels as the colors of their classes."""
    return np.array(data.classes.colors, np.uint8)[labels]


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palettes_in_another_order_in_every_file(tmp_path, kind):
    drawn = draw_objects()
    masks = {
        f"{name}.{kind.lower()}": encode_palette(drawn, order, kind=kind)
        for name, order in ORDERS.items()
    }
    data = open_set(tmp_path, masks)
    assert data.classes.names == ("background", "class_1", "class_2")
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(by_color(data, labels), COLORS[drawn])
    assert "their colors count, not their indices" in find_note(
        data, "palettes of the masks differ"
    )


def test_the_same_palette_in_every_file_gives_indices(tmp_path):
    drawn = draw_objects()
    data = open_set(tmp_path, {f"{name}.png": encode_palette(drawn, (0, 1, 2)) for name in ORDERS})
    assert data.classes.names == ("class_0", "class_1", "class_2")
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels, drawn)


def test_palettes_that_differ_in_unused_entries_are_the_same(tmp_path):
    drawn = np.minimum(draw_objects(), 1)
    other = COLORS.copy()
    other[2] = (9, 9, 9)
    masks = {
        "a.png": encode_palette(drawn, (0, 1, 2)),
        "b.png": encode_palette(drawn, (0, 1, 2), colors=other),
    }
    assert open_set(tmp_path, masks).classes.names == ("background", "foreground")


def test_palettes_beside_rgb(tmp_path):
    drawn = draw_objects()
    masks = {"a.png": encode(COLORS[drawn]), "b.png": encode_palette(drawn, (0, 1, 2))}
    data = open_set(tmp_path, masks)
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(by_color(data, labels), COLORS[drawn])


def test_transparent_ground_in_gif(tmp_path):
    """The ground is white, but transparent; as the files have it at different places."""
    colors = np.array([[255, 255, 255], [200, 0, 0], [0, 0, 200]], np.uint8)
    drawn = draw_objects()
    masks = {
        f"{name}.gif": encode_palette(
            drawn, order, colors=colors, kind="GIF", transparency=order.index(0)
        )
        for name, order in ORDERS.items()
    }
    data = open_set(tmp_path, masks)
    assert data.classes.background == 0
    for labels in read_labels(data).values():
        np.testing.assert_array_equal(labels == 0, drawn == 0)


def test_black_objects_on_transparent_ground(tmp_path):
    alpha = np.where(draw_objects() > 0, 255, 0).astype(np.uint8)
    mask = encode(np.dstack([np.zeros((64, 64, 3), np.uint8), alpha]))
    data = open_set(tmp_path, {"a.png": mask, "b.png": mask})
    np.testing.assert_array_equal(read_labels(data)["a"], draw_objects() > 0)


def test_alpha_that_says_nothing(tmp_path):
    mask = encode(np.dstack([COLORS[draw_objects()], np.zeros((64, 64), np.uint8)]))
    assert len(open_set(tmp_path, {"a.png": mask, "b.png": mask}).classes) == 3


def test_one_colored_mask_among_numbers_of_classes_is_left_out(tmp_path):
    masks = {f"{number}.png": encode(draw_objects()) for number in range(6)}
    data = open_set(tmp_path, {**masks, "odd.png": encode(COLORS[draw_objects()])})
    assert data.classes.names == ("class_0", "class_1", "class_2")
    assert "odd.png has colors" in find_note(data, "Left out")
