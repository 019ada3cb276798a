"""Values on a few pixels are mistakes; lines are classes however thin they are."""

from __future__ import annotations

import numpy as np
import pytest
from mask_sets import draw_objects, encode, find_note, open_set, read_labels

from segfit.errors import SegfitError

NAMES = [f"{letter}.png" for letter in "abcdef"]


def disc(value=1):
    return (draw_objects() == 1).astype(np.uint8) * np.uint8(value)


def test_three_stray_pixels_get_the_class_around_them(tmp_path):
    dirty = disc()
    dirty[2, 2] = 7  # on the ground
    dirty[19, 19] = dirty[22, 18] = 3  # in the disc
    data = open_set(tmp_path, {**dict.fromkeys(NAMES, encode(disc())), "dirty.png": encode(dirty)})
    assert data.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(read_labels(data)["dirty"], disc())
    assert "2 values (3, 7) on 3 pixels" in find_note(data, "Strays")
    assert "in 1 mask (dirty.png)" in find_note(data, "Strays")
    assert "3 pixels (0.01%)" in find_note(data, "were given the nearest class, in 1 image: dirty")


def test_stray_colors(tmp_path):
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    dirty = palette[draw_objects()]
    dirty[2, 2] = (30, 200, 90)
    masks = dict.fromkeys(NAMES, encode(palette[draw_objects()]))
    data = open_set(tmp_path, {**masks, "dirty.png": encode(dirty)})
    assert len(data.classes) == 3
    assert "1 color (#1ec85a) on 1 pixel" in find_note(data, "Strays")


def test_a_tiny_area_in_one_of_many_masks(tmp_path):
    side, speck = 512, np.zeros((512, 512), np.uint8)
    speck[:, 256:] = 1
    clean = speck.copy()
    speck[10:14, 10:14] = 9  # 16 of 2.9 million pixels
    masks = dict.fromkeys([f"{number}.png" for number in range(10)], encode(clean))
    data = open_set(tmp_path, {**masks, "speck.png": encode(speck)}, side=side)
    assert len(data.classes) == 2
    assert "1 value (9) on 16 pixels (below 0.01%)" in find_note(data, "Strays")


def test_small_objects_of_a_class_are_no_strays(tmp_path):
    mask = disc()
    mask[50:53, 50:53] = 2
    data = open_set(tmp_path, {"a.png": encode(disc()), "b.png": encode(mask)})
    assert len(data.classes) == 3


@pytest.mark.parametrize("value", [2, 255])
def test_a_crack_of_one_pixel_is_a_class(tmp_path, value):
    mask = disc()
    for step in range(60):
        mask[60 - step // 3, 2 + step] = value
    if value == 2:
        data = open_set(tmp_path, dict.fromkeys(NAMES, encode(mask)))
        assert len(data.classes) == 3
        assert (read_labels(data)["a"] == mask).all()
        assert "1 value (2) on 360 pixels" in find_note(data, "Lines")
    alone = np.where(mask == value, value, 0).astype(np.uint8)
    data = open_set(tmp_path / "alone", dict.fromkeys(NAMES, encode(alone)))
    assert data.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(read_labels(data)["a"], alone > 0)


def test_a_border_of_one_pixel_is_asked_about(tmp_path):
    """It may be the outline of cells as a class, or a smeared border."""
    mask = np.full((64, 64), 0, np.uint8)
    mask[20:40, 20:40] = 127
    mask[21:39, 21:39] = 255
    masks = dict.fromkeys(NAMES, encode(mask))
    with pytest.raises(SegfitError, match=r"value 127 on 456 pixels in 6 masks.*\[127\]"):
        open_set(tmp_path, masks)
    named = [{"name": name, "value": value} for name, value in (("g", 0), ("b", 127), ("c", 255))]
    data = open_set(tmp_path, masks, said={"classes": named})
    np.testing.assert_array_equal(np.bincount(read_labels(data)["a"].ravel())[1:], [76, 324])


def test_dots_in_many_masks_are_asked_about(tmp_path):
    mask = disc()
    mask[40:60:5, 40:60:5] = 2
    with pytest.raises(SegfitError, match="value 2 on 96 pixels in 6 masks, nowhere 3 px wide"):
        open_set(tmp_path, dict.fromkeys(NAMES, encode(mask)))


def test_a_stray_that_classes_json_names_is_a_class(tmp_path):
    mask = disc()
    mask[2, 2] = 7
    named = [{"name": str(value), "value": value} for value in (0, 1, 7)]
    data = open_set(
        tmp_path, {"a.png": encode(disc()), "b.png": encode(mask)}, said={"classes": named}
    )
    assert read_labels(data)["b"][2, 2] == 2
