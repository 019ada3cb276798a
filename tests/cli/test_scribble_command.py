"""``segfit scribble``: strokes in, a model out, and images segmented by it."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import tifffile
from commands import run

from segfit.classes import IGNORE


@pytest.fixture
def strokes(tmp_path):
    """Two images of a bright disc on a dark ground with strokes, and one without."""
    folder = tmp_path / "strokes"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for name, x in (("one", 30), ("two", 60)):
        image, mask = np.full((64, 96, 3), 40, np.uint8), np.full((64, 96), IGNORE, np.uint8)
        cv2.circle(image, (x, 32), 16, (220, 200, 210), -1)
        mask[28:36, x] = 1
        mask[4:60, 4] = mask[4:60, 90] = 0
        cv2.imwrite(str(folder / "images" / f"{name}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), mask)
    cv2.imwrite(str(folder / "images" / "three.png"), image)
    cv2.imwrite(str(folder / "masks" / "three.png"), np.full((64, 96), IGNORE, np.uint8))
    return folder


def fit(strokes, tmp_path, *further):
    return run("scribble", strokes, *further, "-o", tmp_path / "discs.segfit", "--threads", 1)


def test_it_fits_and_says_to_what(strokes, tmp_path):
    result = fit(strokes, tmp_path)
    assert result.exit_code == 0, result.output
    assert "Left out: three" in result.output or "three" in result.output
    assert "Fitted to strokes of" in result.output
    assert "224 px" in result.output
    shown = run("info", tmp_path / "discs.segfit").output
    assert "pixels of strokes:" in shown
    assert "connected regions" in shown or "threshold" in shown
    card = json.loads(run("info", tmp_path / "discs.segfit", "--json").output)
    assert (card["kind"], sum(card["marks"].values())) == ("scribbles", 240)


def test_images_are_segmented_at_once_and_later(strokes, tmp_path):
    results = tmp_path / "found"
    images = strokes / "images"
    result = fit(strokes, tmp_path, images, "--results", results, "--format", "mask")
    assert result.exit_code == 0, result.output
    masks = {path.stem: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in results.iterdir()}
    assert set(masks) == {"one", "two", "three"}
    assert (masks["three"][26:39, 54:67] == masks["three"][32, 60]).all()
    assert (masks["three"][:, :20] != masks["three"][32, 60]).any(axis=-1).all()
    again = tmp_path / "again"
    model = tmp_path / "discs.segfit"
    assert run("predict", model, images, "-o", again, "--format", "mask").exit_code == 0
    for path in again.glob("*.png"):
        np.testing.assert_array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), masks[path.stem])
    # Strokes are labels: the rest is ignored.
    report = run("evaluate", model, strokes, "--split", "all", "--threads", 1)
    assert report.exit_code == 2
    assert run("evaluate", model, strokes, "--split", "train", "--threads", 1).exit_code == 0


def test_16_bit_images_with_many_channels_are_read_by_those_chosen(strokes, tmp_path):
    for path in (strokes / "images").iterdir():
        grey = cv2.imread(str(path))[..., 0].astype(np.uint16) * 200
        planes = np.stack([np.zeros_like(grey), grey, grey // 2, grey // 3, grey // 4])
        path.unlink()
        tifffile.imwrite(path.with_suffix(".tif"), planes, photometric="minisblack")
    refused = fit(strokes, tmp_path)
    assert refused.exit_code == 2
    assert "--channels" in refused.output
    result = fit(strokes, tmp_path, "--channels", 1)
    assert result.exit_code == 0, result.output
    card = json.loads(run("info", tmp_path / "discs.segfit", "--json").output)
    assert card["channels"] == [1]


def keep_one_class(strokes):
    for path in (strokes / "masks").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        mask[mask == 0] = IGNORE
        cv2.imwrite(str(path), mask)
    (strokes / "classes.json").write_text(
        json.dumps({"classes": [{"name": "ground", "value": 0}, {"name": "disc", "value": 1}]})
    )


def lift_all(strokes):
    for path in (strokes / "masks").iterdir():
        cv2.imwrite(str(path), np.full((64, 96), IGNORE, np.uint8))
    (strokes / "classes.json").write_text(
        json.dumps({"classes": [{"name": "ground", "value": 0}, {"name": "disc", "value": 1}]})
    )


def shrink(strokes):
    for path in (strokes / "masks").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), mask[:40])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (keep_one_class, "every labelled pixel is 'disc'"),
        (lift_all, "every pixel of its mask is ignored"),
        (shrink, "mask is 40×96 but its image"),
    ],
)
def test_strokes_that_say_nothing_are_refused(strokes, tmp_path, spoil, message):
    spoil(strokes)
    result = fit(strokes, tmp_path)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "discs.segfit").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no output given"),
        (["-o", "discs.onnx"], "a model is a file that ends in .segfit"),
        (["-o", "discs.segfit", "--results", "found"], "IMAGES and --results go together"),
        (["photos", "-o", "discs.segfit"], "IMAGES and --results go together"),
    ],
)
def test_what_is_lacking_is_said_before_any_work(strokes, arguments, message):
    result = run("scribble", strokes, *arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_what_goes_on_from_it_is_refused(strokes, tmp_path):
    assert fit(strokes, tmp_path).exit_code == 0
    model = tmp_path / "discs.segfit"
    result = run("train", strokes, "-o", tmp_path / "next.segfit", "--from", model)
    assert result.exit_code == 2
    assert "was fitted to strokes and has no network to go on from" in result.output


def test_a_method_of_other_classes_is_not_compared(strokes, tmp_path):
    assert fit(strokes, tmp_path).exit_code == 0
    (strokes / "classes.json").write_text(
        json.dumps({"classes": [{"name": "sky", "value": 0}, {"name": "sea", "value": 1}]})
    )
    result = run("evaluate", tmp_path / "discs.segfit", strokes, "--split", "train")
    assert result.exit_code == 2
    assert "sky" in result.output
