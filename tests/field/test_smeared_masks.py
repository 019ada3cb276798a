"""Masks whose borders were smeared by JPEG, anti-aliasing or resizing keep their classes."""

from __future__ import annotations

import csv
import io

import cv2
import numpy as np
import pytest
from mask_sets import draw_objects, encode, find_note, open_set, read_labels, write_set
from PIL import Image

from segfit.batch.fit import FitJob, fit_masks
from segfit.batch.masks import find_mask_classes
from segfit.errors import SegfitError
from segfit.shapes import make_fit

SIDE = 128
LABELS = draw_objects(side=SIDE)
DISC = (LABELS == 1).astype(np.uint8)
GREY = np.array([0, 128, 255], np.uint8)
COLORS = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
QUALITIES = [75, 90, 95, 100]


def open_twice(root, data, suffix):
    return open_set(root, {f"a.{suffix}": data, f"b.{suffix}": data}, side=SIDE)


def as_png(data):
    """What a lossy file shows, saved anew."""
    return encode(np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_black_and_white_through_jpeg(tmp_path, quality, suffix):
    lossy = encode(DISC * np.uint8(255), "JPEG", quality=quality)
    data = open_twice(tmp_path, as_png(lossy) if suffix == "png" else lossy, suffix)
    assert data.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(read_labels(data)["a"], DISC)
    assert "go to 0 below 127.5, and else to 255" in find_note(data, "Smeared borders")


@pytest.mark.parametrize("quality", QUALITIES)
def test_three_grey_levels_through_jpeg(tmp_path, quality):
    data = open_twice(tmp_path, encode(GREY[LABELS], "JPEG", quality=quality), "jpg")
    assert data.classes.names == ("class_0", "class_128", "class_255")
    assert (read_labels(data)["a"] != LABELS).mean() < 1e-3


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_colors_through_jpeg(tmp_path, quality, suffix):
    lossy = encode(COLORS[LABELS], "JPEG", quality=quality, subsampling=0)
    data = open_twice(tmp_path, as_png(lossy) if suffix == "png" else lossy, suffix)
    assert len(data.classes) == 3
    labels = read_labels(data)["a"]
    for index in range(3):
        assert len(np.unique(labels[index == LABELS])) == 1


@pytest.mark.parametrize(
    "how", [cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4, cv2.INTER_AREA]
)
@pytest.mark.parametrize("factor", [2, 3, 0.4])
def test_resized_grey_levels(tmp_path, how, factor):
    drawn = draw_objects(side=round(SIDE / factor))
    values = cv2.resize(GREY[drawn], (SIDE, SIDE), interpolation=how)
    data = open_twice(tmp_path, encode(values), "png")
    assert data.classes.names == ("class_0", "class_128", "class_255")
    labels = read_labels(data)["a"]
    counts = [np.bincount(grid.ravel(), minlength=3) for grid in (labels, LABELS)]
    np.testing.assert_allclose(*counts, rtol=0.08)
    # Where a border from black to white passes through grey, no class 128 comes between.
    beside = cv2.dilate((labels == 2).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert not (labels[beside] == 1).any()


def test_anti_aliased_disc(tmp_path):
    large = cv2.resize(DISC * np.uint8(255), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    values = cv2.resize(large, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(values, (3, 3), 0.7)
    data = open_twice(tmp_path, encode(smooth), "png")
    assert data.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(read_labels(data)["a"], smooth >= 128)


def test_anti_aliased_strokes_without_areas(tmp_path):
    values = np.zeros((SIDE, SIDE), np.uint8)
    cv2.polylines(values, [np.array([[9, 9], [70, 30], [110, 120]])], False, 255, 1, cv2.LINE_AA)
    data = open_twice(tmp_path, encode(values), "png")
    np.testing.assert_array_equal(read_labels(data)["a"], values > values.max() / 2)


def test_sixteen_bits(tmp_path):
    values = cv2.GaussianBlur(DISC.astype(np.uint16) * 65535, (5, 5), 1)
    data = open_twice(tmp_path, cv2.imencode(".png", values)[1].tobytes(), "png")
    assert data.classes.names == ("background", "foreground")
    np.testing.assert_array_equal(read_labels(data)["a"], values >= 32768)


def test_jpeg_with_named_values(tmp_path):
    lossy = encode(DISC * np.uint8(255), "JPEG", quality=90)
    named = [{"name": "ground", "value": 0}, {"name": "disc", "value": 255}]
    data = open_set(tmp_path, {"a.jpg": lossy, "b.jpg": lossy}, side=SIDE, said={"classes": named})
    np.testing.assert_array_equal(read_labels(data)["a"], DISC)
    find_note(data, "had a value or color of no class")


def test_an_area_of_a_value_that_nobody_named_is_refused(tmp_path):
    named = [{"name": "ground", "value": 0}, {"name": "box", "value": 255}]
    masks = dict.fromkeys(("a.png", "b.png"), encode(GREY[LABELS]))
    with pytest.raises(SegfitError, match=r"pixels of value 128, but the classes have.* 0, 255"):
        open_set(tmp_path, masks, side=SIDE, said={"classes": named})


def test_numbers_of_classes_in_jpeg_are_refused(tmp_path):
    with pytest.raises(SegfitError, match=r"lossy compression.*save masks as PNG"):
        open_twice(tmp_path, encode(LABELS, "JPEG", quality=95), "jpg")


@pytest.mark.parametrize("step", [1, 5])
def test_many_classes_are_not_taken_for_smears(tmp_path, step):
    """Forty values in areas, some small and close to each other, are refused rather than joined."""
    values = np.zeros((SIDE, SIDE), np.uint8)
    for number in range(1, 41):
        row, column = divmod(number, 8)
        values[20 * row : 20 * row + 4, 15 * column : 15 * column + 4] = step * number
    with pytest.raises(SegfitError, match="41 different values, too many for classes that nobody"):
        open_twice(tmp_path, encode(values), "png")


def test_soft_masks_are_refused(tmp_path):
    soft = cv2.GaussianBlur(DISC * np.uint8(255), (0, 0), 12)
    with pytest.raises(SegfitError, match=r"different values, too many.*lie off those"):
        open_twice(tmp_path, encode(soft), "png")


def test_fit_finds_one_disc_in_a_smeared_mask(tmp_path):
    masks = (
        write_set(tmp_path, {"a.jpg": encode(DISC * np.uint8(255), "JPEG", quality=95)}) / "masks"
    )
    paths = sorted(masks.iterdir())
    job = FitJob(make_fit("circle"), smoothing=5)
    fit_masks(job, paths, find_mask_classes(paths), tmp_path / "out", ("csv",))
    with (tmp_path / "out" / "a_shapes.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["fit_radius_px"]) == pytest.approx(0.2 * SIDE, abs=0.5)
