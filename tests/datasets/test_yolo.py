from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segfit.datasets import open_labelled
from segfit.datasets.data_yaml import parse_data_file
from segfit.errors import SegfitError

SQUARE = "0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5"  # rows 4 to 7, columns 8 to 15 of 16×32


def write_yolo(
    root: Path, *texts: str | None, images: str = "images", labels: str = "labels"
) -> Path:
    (root / images).mkdir(parents=True)
    (root / labels).mkdir(parents=True)
    for number, text in enumerate(texts):
        Image.new("RGB", (32, 16)).save(root / images / f"p{number}.jpg")
        if text is not None:
            (root / labels / f"p{number}.txt").write_text(text)
    return root


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("images", "labels"),
        ("images/train", "labels/train"),
        ("train/images", "train/labels"),
    ],
)
def test_polygons_and_names(tmp_path: Path, images: str, labels: str) -> None:
    write_yolo(tmp_path, f"{SQUARE}\n", f"\n{SQUARE}", images=images, labels=labels)
    (tmp_path / "data.yaml").write_text("names: [leaf]\n")
    for path in (tmp_path, tmp_path / "data.yaml"):
        data = open_labelled(path)
        assert data.classes.names == ("background", "leaf")
        image = data.splits["val"][0]
        expected = np.zeros((16, 32), np.uint8)
        expected[4:8, 8:16] = 1
        np.testing.assert_array_equal(image.labels, expected)
        assert image.objects is not None
        np.testing.assert_array_equal(image.objects, expected)


def test_images_without_labels_and_labels_without_images(tmp_path: Path) -> None:
    write_yolo(tmp_path, SQUARE, "", None)
    (tmp_path / "labels" / "stray.txt").write_text(SQUARE)
    data = open_labelled(tmp_path)
    assert sum(map(len, data.splits.values())) == 3
    notes = " ".join(data.notes)
    assert "without a label file (p2.jpg)" in notes
    assert "without an image of the same name (stray.txt)" in notes
    assert data.classes.names == ("background", "class_0")
    with pytest.raises(SegfitError, match="without an image"):
        open_labelled(tmp_path, strict=True)


def test_overlap_and_classes_txt(tmp_path: Path) -> None:
    write_yolo(tmp_path, f"{SQUARE}\n1 0 0.25 0.375 0.25 0.375 0.5 0 0.5", SQUARE)
    (tmp_path / "classes.txt").write_text("leaf\nfruit\n")
    data = open_labelled(tmp_path)
    assert data.classes.names == ("background", "leaf", "fruit")
    image = next(p for split in data.splits.values() for p in split if p.name == "p0")
    assert image.labels[4].tolist() == [2] * 12 + [1] * 4 + [0] * 16
    assert any(note.startswith("16 pixels belong to two") for note in data.notes)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0.5 0.5 0.2 0.2", r"p0\.txt, line 1 holds a box"),
        ("0 0.5 0.5 0.2", "3 coordinates"),
        ("1.5 0 0 1 0 1 1", r"class 1\.5, but the classes are 0 to 0"),
        ("5 0 0 1 0 1 1", "class 5, but the classes are 0 to 0"),
        ("0 0 0 20 0 20 9", "outside 0 to 1"),
        ("leaf 0 0 1 0 1 1", "expected a class number"),
    ],
)
def test_bad_lines(tmp_path: Path, line: str, reason: str) -> None:
    write_yolo(tmp_path, line, SQUARE)
    (tmp_path / "data.yaml").write_text("names:\n  0: leaf\n")
    with pytest.raises(SegfitError, match=reason):
        open_labelled(tmp_path, strict=True)


def test_no_label_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(SegfitError, match="no image in images/ has a label file"):
        open_labelled(write_yolo(tmp_path, None))


@pytest.mark.parametrize(
    "text",
    [
        "names: [leaf, 'red fruit']",
        "path: x  # here\nnames: # classes\n  - leaf\n  - red fruit\nnc: 2",
        "names:\n- leaf\n- red fruit\nnc: 2",
        'nc: 2\nnames:\n  1: "red fruit"\n  0: leaf\n',
        "names: {0: leaf, 1: red fruit}",
        "names: [\n  leaf,\n  red fruit\n]\n",
        "# from Ultralytics\ntrain: images/train\n\nnames:\n  0: leaf\n  1: red fruit\n\nnc: 2\n",
        "names:\n  '0': leaf\n  '1': red\n    fruit\n",
        "classes: &all [leaf, red fruit]\nnames: *all\n",
    ],
)
def test_names_of_data_yaml(text: str) -> None:
    assert parse_data_file(text, Path("data.yaml")).names == ("leaf", "red fruit")


@pytest.mark.parametrize("word", ["no", "on", "Yes", "7", "007", "1_000", "2.50", "2024-01-31"])
def test_a_name_is_what_is_written_whatever_yaml_takes_it_for(word: str) -> None:
    for text in (f"names: [leaf, {word}]", f"names:\n  0: leaf\n  1: '{word}'"):
        assert parse_data_file(text, Path("data.yaml")).names == ("leaf", word)
    assert parse_data_file("names: ['null', '~']", Path("data.yaml")).names == ("null", "~")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no 'names:'"),
        ("nc: 3\nnames: [a, b]", r"data\.yaml, line 1: nc is 3 but names lists 2 \(a, b\)"),
        ("kpt_shape: [17, 3]\nnames: [a, b]", "is of key points, not of outlines"),
        ("nc: 2", "no 'names:'"),
        ("- leaf", "no 'names:'"),
        ("names: []", "no class"),
        ("names: {}", "no class"),
        ("nc: 2\nnames:", r"data\.yaml, line 2: names: expected a list .* but nothing is given"),
        ("names: leaf", "expected a list such as .* but given 'leaf'"),
        ("names: {1: a}", "numbered 0, 1, 2, …, each once, but the numbers are 1"),
        ("names: {0: a, 0: b}", "each once"),
        ("names: {[0]: a}", "each once"),
        ("names: {leaf: 0, fruit: 1}", "the numbers are leaf, fruit"),
        ("names:\n- leaf\n- null", r"line 3: names: a class has no name \(given 'null'\)"),
        ("names: [leaf, ~]", r"given '~'"),
        ("names:\n- leaf\n-", r"line 3: names: a class has no name \(given ''\)"),
        ("names: [leaf, ' ']", "has no name"),
        ("names: [[leaf], fruit]", "expected the name of a class, given several"),
        ("nc: 2\nnames: [leaf, fruit", r"data\.yaml, line 2 is not YAML \(expected ',' or ']'"),
        ("names:\n\t- leaf", r"data\.yaml, line 2 is not YAML"),
        ("names: [a]\n---\nnames: [b]", r"data\.yaml, line 2 is not YAML"),
        ("names: [\x01]", r"data\.yaml is not YAML"),
        ("names: *all", r"line 1 is not YAML \(found undefined alias"),
    ],
)
def test_bad_data_yaml(text: str, reason: str) -> None:
    with pytest.raises(SegfitError, match=reason):
        parse_data_file(text, Path("data.yaml"))


def test_a_background_that_is_named_first_is_the_background(tmp_path: Path) -> None:
    write_yolo(tmp_path, f"1{SQUARE[1:]}", SQUARE)
    (tmp_path / "data.yaml").write_text("names: [Background, leaf]\n")
    data = open_labelled(tmp_path)
    assert data.classes.names == ("Background", "leaf")
    assert data.classes.background == 0
    found = {example.name: example for split in data.splits.values() for example in split}
    assert found["p0"].labels[5, 10] == 1
    assert not found["p1"].labels.any()
