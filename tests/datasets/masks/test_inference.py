"""Classes found in the masks themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from halves import BLACK, BLUE, RED, draw_halves, write_classes
from PIL import Image

from segfit.classes import IGNORE
from segfit.datasets import open_labelled
from segfit.errors import SegfitError

Write = Callable[..., Path]


def test_halves_of_zero_and_one(write_pair: Write) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(0, 1))
    data = open_labelled(root)
    assert data.classes.names == ("background", "foreground")
    assert data.classes.is_binary
    assert {split: len(images) for split, images in data.splits.items()} == {"train": 1, "val": 1}
    image = data.splits["train"][0]
    assert image.name in ("a", "b")
    np.testing.assert_array_equal(image.labels, draw_halves(0, 1))
    assert image.labels.dtype == np.uint8
    assert image.objects is None
    assert image.image.shape == (16, 16, 3)
    stats = data.splits["train"].stats[0]
    assert (stats.height, stats.width, stats.class_pixels) == (16, 16, (128, 128))
    assert stats.object_sides_px == ((7.0,), (7.0,))
    assert any("held out" in note for note in data.notes)


@pytest.mark.parametrize(
    ("left", "right", "names", "background"),
    [
        (0, 255, ("background", "foreground"), 0),
        (0, 7, ("background", "foreground"), 0),
        (3, 5, ("class_3", "class_5"), None),
    ],
)
def test_classes_from_values(
    write_pair: Write, left: int, right: int, names: tuple[str, ...], background: int | None
) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(left, right))
    data = open_labelled(root)
    assert (data.classes.names, data.classes.background) == (names, background)
    np.testing.assert_array_equal(data.splits["val"][0].labels, draw_halves(0, 1))


def test_255_beside_classes_is_ignored(write_pair: Write) -> None:
    mask = draw_halves(0, 1)
    mask[0] = 255
    write_pair("a", mask)
    root = write_pair("b", draw_halves(0, 2))
    data = open_labelled(root)
    assert data.classes.names == ("class_0", "class_1", "class_2")
    images = [*data.splits["train"], *data.splits["val"]]
    labels = next(p.labels for p in images if p.name == "a")
    assert (labels[0] == IGNORE).all()
    assert (labels[1:, :8] == 0).all()


def test_masks_that_ignore_everything_say_so(write_pair: Write) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(255, 255))
    with pytest.raises(SegfitError, match="255, which means ignore"):
        open_labelled(root)


def test_palette_masks_are_index_masks(write_pair: Write, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_pair(name, draw_halves(0, 1))
        mask = Image.frombytes("P", (16, 16), draw_halves(0, 3).tobytes())
        mask.putpalette([9, 9, 9, 200, 0, 0, 0, 200, 0, 50, 60, 70])
        mask.save(tmp_path / "masks" / f"{name}.png")
    np.testing.assert_array_equal(
        open_labelled(tmp_path).splits["val"][0].labels, draw_halves(0, 1)
    )
    write_classes(
        tmp_path, classes=[{"name": "x", "color": "#323c46"}, {"name": "y", "color": "#090909"}]
    )
    np.testing.assert_array_equal(
        open_labelled(tmp_path).splits["val"][0].labels, draw_halves(1, 0)
    )


def test_smeared_black_and_white(write_pair: Write) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    mask[:40, 32] = np.arange(20, 220, 5)
    for name in ("a", "b"):
        root = write_pair(name, mask)
    data = open_labelled(root)
    assert data.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(data.splits["val"][0].labels, mask >= 128)
    assert any("go to 0 below 127.5, and else to 255" in note for note in data.notes)


def test_colors_without_class_file(write_pair: Write) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(RED, BLUE))
    data = open_labelled(root)
    assert set(data.classes.colors) == {RED, BLUE}
    assert data.classes.background is None
    labels = data.splits["val"][0].labels
    assert data.classes.colors[labels[0, 0]] == RED
    assert data.classes.colors[labels[0, 15]] == BLUE
    for name in ("a", "b"):
        write_pair(name, draw_halves(BLACK, BLUE))
    assert open_labelled(root).classes.names == ("background", "foreground")


def test_smeared_colors_find_the_palette_and_snap(write_pair: Write) -> None:
    mask = draw_halves(RED, BLUE, side=64)
    shades = np.linspace(0, 255, 64).astype(np.uint8)
    mask[:, 32] = np.stack([shades, 0 * shades, 255 - shades], axis=1)
    for name in ("a", "b"):
        root = write_pair(name, mask)
    data = open_labelled(root)
    assert set(data.classes.colors) == {RED, BLUE}
    labels = data.splits["val"][0].labels
    red = data.classes.colors.index(RED)
    np.testing.assert_array_equal(labels[:, 32] == red, shades >= 128)
    assert any("124 pixels (1.51%) had a value or color of no class" in note for note in data.notes)


def test_a_color_of_no_class(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(RED, BLUE))
    write_classes(
        root, classes=[{"name": "x", "color": "#ff0000"}, {"name": "y", "color": "#00ff00"}]
    )
    with pytest.raises(SegfitError, match="128 pixels of color #0000ff, but the classes have"):
        open_labelled(root)


def test_a_photograph_as_mask(write_pair: Write) -> None:
    photograph = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(RED, BLUE))
    write_pair("c", photograph)
    data = open_labelled(root)
    assert sum(map(len, data.splits.values())) == 2
    assert any("c.png" in note and "looks like a photograph" in note for note in data.notes)
    for name in ("a", "b"):
        write_pair(name, photograph)
    with pytest.raises(
        SegfitError,
        match=r"none of the masks can be used \(3 given\).*looks like a photograph: give masks",
    ):
        open_labelled(root)


def test_many_values_ask_for_a_class_file(write_pair: Write) -> None:
    root = write_pair("a", np.arange(256, dtype=np.uint8).reshape(16, 16))
    with pytest.raises(SegfitError, match=r'256 different values.*"instances": true'):
        open_labelled(root)


def test_fasseg_from_its_masks_alone(shared_data: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).symlink_to(shared_data / "fasseg-frontal" / split)
    data = open_labelled(tmp_path)
    expected = {(255, 0, 0), (127, 0, 0), (255, 255, 0), (0, 255, 255), (0, 0, 255), (0, 255, 0)}
    assert set(data.classes.colors) == expected
    assert any("(2.35%) had a value or color of no class" in note for note in data.notes)
