"""Classes that the images measured on do not have: said, and in no mean.

Images are two-colored: the left half is class 0, the right half as drawn.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import segfit
from label_files import SIDE, save
from segfit.classes import ClassTable
from segfit.cli.app import app
from segfit.datasets import open_labelled
from segfit.evaluation.regions import evaluate
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation

NAMES = ["ground", "leaf", "fruit"]


def write_half(folder, name, right):
    """An image whose right half has a class's grey level, and its mask."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[:, SIDE // 2 :] = right
    save(np.repeat(labels[..., np.newaxis] * 100, 3, axis=2), folder / "images" / f"{name}.png")
    save(labels, folder / "masks" / f"{name}.png")


def name_classes(root):
    entries = [{"name": name, "value": value} for value, name in enumerate(NAMES)]
    (root / "classes.json").write_text(json.dumps({"classes": entries}))


def run(*arguments):
    return CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})


class Levels:
    """Finds the classes by their grey levels; ``also`` finds a class in the corner, wrongly."""

    classes = ClassTable.from_names(tuple(NAMES))
    provides = frozenset()

    def __init__(self, also: int = 0) -> None:
        self.also = also

    def __call__(self, image, /):
        labels = image[..., 0] // 100
        labels[0, 0] = self.also
        return Segmentation(image, LabelGrid(labels), self.classes)


@pytest.fixture
def root(tmp_path):
    """Training has all classes, validation no fruit, test nothing but ground."""
    for name, right in (("a", 1), ("b", 2)):
        write_half(tmp_path / "train", name, right)
    write_half(tmp_path / "val", "c", 1)
    write_half(tmp_path / "test", "d", 0)
    name_classes(tmp_path)
    return tmp_path


def test_opening_says_what_a_split_lacks(root):
    notes = open_labelled(root).notes
    assert "No pixel of 'fruit' in the val split: it is not measured there, nor is anything " in (
        " ".join(notes)
    )
    assert "No pixel of 'leaf', 'fruit' in the test split: it is not measured there." in notes


def test_a_class_of_the_validation_split_alone_is_said(root):
    write_half(root / "val", "e", 2)
    (root / "train" / "images" / "b.png").unlink()
    (root / "train" / "masks" / "b.png").unlink()
    notes = open_labelled(root).notes
    assert (
        "No pixel of 'fruit' in the train split: it cannot be learned, though other splits have it."
        in notes
    )


def test_a_held_out_split_that_lacks_a_class_says_so(tmp_path):
    for name, right in (("a", 1), ("b", 1), ("c", 1), ("d", 2)):
        write_half(tmp_path, name, right)
    assert any("No pixel of 'class_2' in the val split" in n for n in open_labelled(tmp_path).notes)


def test_an_absent_class_is_in_no_mean_and_named(root):
    data = open_labelled(root)
    report = evaluate(Levels(), data.splits["val"])
    assert report.iou.tolist() == pytest.approx([1, 1, np.nan], nan_ok=True)
    assert report.mean_iou == 1
    assert "No pixel of fruit in these images: not counted." in repr(report)
    mistaken = evaluate(Levels(also=2), data.splits["val"])
    assert mistaken.mean_iou == pytest.approx((127 / 128 + 1) / 2)
    assert "not counted (taken for them: 1 pixel)." in repr(mistaken)
    assert mistaken.to_dict()["not_counted"] == ["fruit"]
    assert mistaken.to_dict()["classes"]["fruit"]["boundary_f"]["1"] is None


def test_one_class_alone_has_no_mean(root):
    report = evaluate(Levels(), open_labelled(root).splits["test"])
    assert np.isnan(report.mean_iou)
    assert report.to_dict()["mean_iou"] is None
    assert report.to_dict()["mean_dice"] is None
    assert "nan" not in repr(report)
    assert "No pixel of leaf, fruit in these images: not counted. One class alone" in repr(report)
    assert report.rows[0].mean_iou == 1  # the image is right


def write_discs(folder, count):
    for number in range(count):
        rows, columns = np.ogrid[:32, :32]
        disc = ((rows - 16) ** 2 + (columns - 8 - number) ** 2 <= 36).astype(np.uint8)
        save(np.repeat(disc[..., np.newaxis] * 200, 3, axis=2), folder / "images" / f"{number}.png")
        save(disc, folder / "masks" / f"{number}.png")


def test_all_images_of_a_folder_without_splits_are_measured(tmp_path):
    write_discs(tmp_path, 10)
    path = tmp_path / "figures.json"
    result = run("evaluate", "otsu", tmp_path, "--json", path)
    assert result.exit_code == 0, result.output
    assert "No splits given: 10 images, all that there are" in result.output
    figures = json.loads(path.read_text())
    assert (figures["images"], figures["split"]) == (10, "all")
    held_out = run("evaluate", "otsu", tmp_path, "--split", "val", "--json", path, "--force")
    assert "2 of 10 images held out" in held_out.output
    figures = json.loads(path.read_text())
    assert (figures["images"], figures["split"]) == (2, "val")


def test_one_labelled_image_is_enough_to_measure(tmp_path):
    write_discs(tmp_path, 1)
    result = run("evaluate", "otsu", tmp_path)
    assert result.exit_code == 0, result.output
    assert "No splits given: 1 image" in result.output


def test_which_of_other_splits_is_meant_is_asked(tmp_path):
    for split in ("train", "test"):
        write_discs(tmp_path / split, 2)
    result = run("evaluate", "otsu", tmp_path)
    assert result.exit_code == 2
    assert "has no split 'val': choose train, test with --split" in " ".join(result.output.split())


def test_a_training_whose_validation_has_one_class_ends_without_a_mean(tmp_path, tiny_plan):
    write_discs(tmp_path / "train", 3)
    write_discs(tmp_path / "val", 1)
    save(np.zeros((32, 32), np.uint8), tmp_path / "val" / "masks" / "0.png")
    model = tmp_path / "model.segfit"
    result = segfit.train(tmp_path, model, component="classifier", plan=tiny_plan, threads=1)
    assert result.card.metrics["mean_iou"] is None
    assert result.card.metrics["iou"]["foreground"] is None
    assert result.card.threshold == 0.5
    shown = run("info", model)
    assert shown.exit_code == 0, shown.output
    assert "nan" not in shown.output
