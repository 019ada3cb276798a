from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfit.arrays import UInt8Array
from segfit.classes import IGNORE
from segfit.datasets import open_labelled
from segfit.errors import SegfitError

Write = Callable[..., Path]
RED, BLUE, BLACK = (255, 0, 0), (0, 0, 255), (0, 0, 0)


def draw_halves(left: object, right: object, *, side: int = 16) -> UInt8Array:
    halves = np.empty((side, side, *np.shape(left)), np.uint8)
    halves[:, : side // 2] = left
    halves[:, side // 2 :] = right
    return halves


def write_classes(root: Path, **spec: object) -> None:
    (root / "classes.json").write_text(json.dumps(spec))


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
    assert any("128 and above" in note for note in data.notes)


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
    assert any("124 pixels (1.51%) had a color of no class" in note for note in data.notes)


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
    assert any("2 pixels (0.39%)" in note for note in data.notes)


def test_instances(write_pair: Write) -> None:
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


@pytest.mark.parametrize("kind", ["size", "corrupt", "ignored", "small"])
def test_a_bad_pair_is_left_out_with_a_note_or_raises(write_pair: Write, kind: str) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(0, 1))
    if kind == "size":
        write_pair("bad", draw_halves(0, 1), size=(20, 24))
        message = r"mask is 16×16 but its image \(bad\.png\) is 20×24: resize one of them"
    elif kind == "corrupt":
        write_pair("bad", draw_halves(0, 1))
        (root / "images" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
        message = r"bad\.png: this PNG file is damaged"
    elif kind == "ignored":
        write_pair("bad", draw_halves(255, 255))
        write_pair("c", draw_halves(0, 2))
        message = "bad: every pixel of its mask is ignored"
    else:
        write_pair("bad", draw_halves(0, 1, side=12))
        message = "bad is 12×12 px; a labelled image needs at least 16 px"
    data = open_labelled(root)
    assert "bad" not in {*data.splits["train"].names, *data.splits["val"].names}
    assert any(note.startswith("Left out: ") and "bad" in note for note in data.notes)
    with pytest.raises(SegfitError, match=message):
        open_labelled(root, strict=True)


def test_nothing_left(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(0, 1), size=(20, 24))
    with pytest.raises(SegfitError, match=r"no labelled image can be used \(1 found\): .*resize"):
        open_labelled(root)


def test_images_and_masks_without_partner(write_pair: Write, tmp_path: Path) -> None:
    for name in "abcdefg":
        root = write_pair(name, draw_halves(0, 1))
    for name in "cdef":
        (tmp_path / "masks" / f"{name}.png").unlink()
    (tmp_path / "images" / "g.png").unlink()
    notes = " ".join(open_labelled(root).notes)
    assert "4 images in" in notes
    assert "(c.png, d.png, e.png and 1 more)" in notes
    assert "1 mask in" in notes
    with pytest.raises(SegfitError, match="without a mask of the same name"):
        open_labelled(root, strict=True)
    for name in "ab":
        (tmp_path / "masks" / f"{name}.png").unlink()
    with pytest.raises(SegfitError, match="no image has a mask of the same name"):
        open_labelled(root)


def test_two_images_of_one_name(write_pair: Write, tmp_path: Path) -> None:
    root = write_pair("a", draw_halves(0, 1))
    Image.new("RGB", (16, 16)).save(tmp_path / "images" / "a.jpg")
    with pytest.raises(SegfitError, match=r"a\.jpg and a\.png share a name"):
        open_labelled(root)


def test_one_image_cannot_be_split(write_pair: Write) -> None:
    with pytest.raises(SegfitError, match=r"only 1 labelled image.*at least two"):
        open_labelled(write_pair("a", draw_halves(0, 1)))


def test_where_one_image_is_left_the_others_are_accounted_for(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(0, 1))
    write_pair("b", draw_halves(0, 1))
    (root / "images" / "b.png").write_bytes(b"not an image")
    with pytest.raises(SegfitError, match=r"only 1 labelled image.*Left out.*b\.png"):
        open_labelled(root)


def test_one_class_only(write_pair: Write) -> None:
    root = write_pair("a", draw_halves(1, 1))
    with pytest.raises(SegfitError, match="every labelled pixel of the masks has the value 1"):
        open_labelled(root)
    write_classes(root, classes=[{"name": "x", "value": 0}, {"name": "y", "value": 1}])
    with pytest.raises(SegfitError, match="every labelled pixel is 'y'"):
        open_labelled(root)


def test_a_class_without_a_pixel_is_noted(write_pair: Write) -> None:
    for name in ("a", "b"):
        root = write_pair(name, draw_halves(0, 1))
    entries = [{"name": name, "value": value} for value, name in enumerate("xyz")]
    write_classes(root, classes=entries)
    assert "No pixel is labelled 'z'." in open_labelled(root).notes


def test_splits_are_kept_and_classes_found_over_all(write_pair: Write) -> None:
    write_pair("a", draw_halves(0, 1), split="train")
    write_pair("a", draw_halves(0, 2), split="valid")
    root = write_pair("a", draw_halves(1, 2), split="test")
    calls: list[tuple[int, int]] = []
    data = open_labelled(root, on_progress=lambda done, total: calls.append((done, total)))
    assert list(data.splits) == ["train", "val", "test"]
    assert len(data.classes) == 3
    assert not any("held out" in note for note in data.notes)
    assert calls == [(1, 3), (2, 3), (3, 3)] * 2
    alone = root / "train"
    write_classes(root, classes=[{"name": name, "value": i} for i, name in enumerate("xyz")])
    write_pair("b", draw_halves(0, 1), split="train")
    assert open_labelled(alone).classes.names == ("x", "y", "z")


def test_exif_turned_image_is_compared_upright(write_pair: Write, tmp_path: Path) -> None:
    for name in ("a", "b"):
        root = write_pair(name, np.vstack([draw_halves(0, 1)] * 2))
        exif = Image.Exif()
        exif[274] = 6
        Image.new("RGB", (32, 16)).save(tmp_path / "images" / f"{name}.png", exif=exif)
    assert open_labelled(root, strict=True).splits["val"][0].image.shape == (32, 16, 3)


def test_data_set_slices_subsets_and_pickles(write_pair: Write) -> None:
    for name in "abcdef":
        root = write_pair(name, draw_halves(0, 1))
    images = open_labelled(root).splits["train"]
    assert len(images) == 5
    assert images[1:3].names == images.subset([1, 2]).names == images.names[1:3]
    assert images[-1].name == images.names[-1]
    copy = pickle.loads(pickle.dumps(images))
    np.testing.assert_array_equal(copy[0].labels, images[0].labels)
    with pytest.raises(IndexError):
        images[5]


def test_unknown_layouts(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match="no such file or folder"):
        open_labelled(tmp_path / "none")
    with pytest.raises(SegfitError, match="is an empty folder"):
        open_labelled(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(SegfitError, match=r"has images/ \(0 images\) but no masks/"):
        open_labelled(tmp_path)
    (tmp_path / "images").rename(tmp_path / "pics")
    with pytest.raises(SegfitError, match="holds pics/, but labelled data is"):
        open_labelled(tmp_path)
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(SegfitError, match=r"a\.txt is not labelled data"):
        open_labelled(tmp_path / "a.txt")


def test_fasseg_from_its_masks_alone(shared_data: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / split).symlink_to(shared_data / "fasseg-frontal" / split)
    data = open_labelled(tmp_path)
    expected = {(255, 0, 0), (127, 0, 0), (255, 255, 0), (0, 255, 255), (0, 0, 255), (0, 255, 0)}
    assert set(data.classes.colors) == expected
    assert any("(2.35%) had a color of no class" in note for note in data.notes)
