import copy
import io
import json
import math
import pickle
from dataclasses import astuple, dataclass

import numpy as np
import pytest
from rich.console import Console

from segfit.classes import IGNORE, ClassTable
from segfit.cli.display.reports import render_report
from segfit.errors import SegfitError
from segfit.evaluation.regions import evaluate, prefix_of
from segfit.partition import LabelGrid
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation

CLASSES = ClassTable.from_names(("background", "cell"))


@dataclass(frozen=True)
class Example:
    name: str
    labels: np.ndarray
    objects: np.ndarray | None = None

    @property
    def image(self):
        """An image that shows its truth: the red channel is the label."""
        return np.repeat(self.labels[..., None], 3, axis=2)


class Examples(list):
    def __init__(self, examples, classes=CLASSES):
        super().__init__(examples)
        self.classes = classes


@dataclass(frozen=True)
class Reader:
    """A method that reads the truth from the image, and errs as told: cells below a row."""

    classes: ClassTable = CLASSES
    provides: frozenset = frozenset()
    blind_below: int | None = None
    sure: bool = False

    def __call__(self, image, /):
        names = CLASSES.names
        labels = np.zeros(image.shape[:2], np.uint8)
        for index in range(len(names)):
            labels[image[..., 0] == index] = self.classes.names.index(names[index])
        if self.blind_below is not None:
            labels[self.blind_below :] = self.classes.names.index("background")
        scores = None
        if self.sure:
            planes = [np.where(labels == k, 50, -50) for k in range(len(names))]
            scores = Scores(np.stack(planes).astype(np.float32), labels.shape, labels.shape)
        return Segmentation(image, LabelGrid(labels), self.classes, scores)


UPPER = Example("blue_upper", np.uint8([[1, 1, 0], [0, 0, 0], [0, 0, 0]]))
LOWER = Example("red_lower", np.uint8([[0, 0, 0], [0, 0, 0], [1, 1, 1]]))
BOTH = Example("red_both", np.uint8([[1, 1, 0], [0, 0, 0], [0, 1, 1]]))
DATA = Examples([UPPER, BOTH, LOWER])


def to_text(report):
    console = Console(width=120, file=io.StringIO())
    console.print(render_report(report))
    return console.file.getvalue()


def test_perfect_method():
    report = evaluate(Reader(sure=True), DATA)
    assert report.mean_iou == report.pixel_accuracy == 1
    assert report.confusion.tolist() == [[18, 0], [0, 9]]
    assert report.boundary_f == {1: 1, 2: 1, 3: 1}
    assert report.expected_calibration_error == 0
    assert report.images == 3


def test_figures_are_those_of_the_summed_confusion():
    report = evaluate(Reader(blind_below=2), DATA)
    assert report.confusion.tolist() == [[18, 0], [5, 4]]
    assert report.iou.tolist() == [18 / 23, 4 / 9]
    assert report.dice.tolist() == [36 / 41, 8 / 13]
    assert report.mean_iou == pytest.approx((18 / 23 + 4 / 9) / 2)
    assert report.pixel_accuracy == 22 / 27
    assert report.expected_calibration_error is None


def test_worst_image_comes_first():
    report = evaluate(Reader(blind_below=2), DATA)
    assert [row.name for row in report.rows] == ["red_lower", "red_both", "blue_upper"]
    assert [row.mean_iou for row in report.rows] == pytest.approx(
        [(6 / 9) / 2, (5 / 7 + 0.5) / 2, 1]
    )


def test_image_without_counted_pixels_is_unknown_and_comes_last():
    ignored = Example("ignored", np.full((3, 3), IGNORE, np.uint8))
    report = evaluate(Reader(blind_below=2), Examples([ignored, LOWER, UPPER]))
    assert math.isnan(report.rows[-1].mean_iou)
    assert report.rows[-1].name == "ignored"
    assert report.to_dict()["per_image"][-1]["mean_iou"] is None


def test_classes_in_another_order_are_matched():
    swapped = ClassTable.from_names(("cell", "background"), background=1)
    report = evaluate(Reader(classes=swapped, sure=True), DATA)
    assert report.class_names == ("background", "cell")
    assert report.confusion.tolist() == [[18, 0], [0, 9]]
    assert report.expected_calibration_error == 0


def test_three_classes_in_a_cycle_are_matched():
    data_classes = ClassTable.from_names(("a", "b", "c"))
    method_classes = ClassTable.from_names(("b", "c", "a"))
    truth = np.uint8([[0, 1, 2, 2]])

    class Cycled:
        classes = method_classes

        def __call__(self, image, /):
            labels = np.uint8([[2, 0, 1, 1]])
            logits = np.stack([np.where(labels == k, 50, 0) for k in range(3)]).astype(np.float32)
            return Segmentation(
                image, LabelGrid(labels), method_classes, Scores(logits, (1, 4), (1, 4))
            )

    report = evaluate(Cycled(), Examples([Example("x", truth)], data_classes))
    assert report.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 2]]
    assert report.expected_calibration_error == pytest.approx(0)


def test_other_classes_are_refused_with_both_lists():
    other = Reader(classes=ClassTable.from_names(("background", "nucleus")))
    with pytest.raises(SegfitError, match=r"\(background, nucleus\).*\(background, cell\)"):
        evaluate(other, DATA)


def test_no_images_are_refused():
    with pytest.raises(SegfitError, match="no images"):
        evaluate(Reader(), Examples([]))


def test_labels_beyond_the_classes_name_the_image():
    with pytest.raises(SegfitError, match=r"^odd: labels must be 0 to 1"):
        evaluate(Reader(), Examples([Example("odd", np.uint8([[0, 3]]))]))


def test_groups_have_figures_of_their_own():
    report = evaluate(Reader(blind_below=2), DATA, group_of=prefix_of)
    assert list(report.groups) == ["blue", "red"]
    assert report.groups["blue"].mean_iou == 1
    assert report.groups["red"].images == 2
    assert report.groups["red"].confusion.tolist() == [[11, 0], [5, 2]]
    groups = report.to_dict()["groups"]
    assert groups["red"]["classes"]["cell"]["iou"] == pytest.approx(2 / 7)
    assert "red" in to_text(report)


def test_progress_is_told_after_every_image():
    seen = []
    evaluate(Reader(), DATA, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_json_has_the_promised_keys_and_no_nan():
    data = Examples([Example("x", np.zeros((3, 3), np.uint8))])
    figures = json.loads(json.dumps(evaluate(Reader(), data).to_dict(), allow_nan=False))
    assert figures["mean_iou"] is None
    assert figures["mean_dice"] is None
    assert figures["not_counted"] == ["cell"]
    assert figures["pixel_accuracy"] == 1
    assert figures["classes"]["background"]["iou"] == 1
    assert figures["classes"]["cell"].items() >= {
        "iou": None, "dice": None, "truth_px": 0, "boundary_f": {"1": None, "2": None, "3": None},
    }.items()  # fmt: skip
    assert figures["boundary_f"] == {"1": None, "2": None, "3": None}
    assert figures["expected_calibration_error"] is None
    assert figures["confusion"] == [[9, 0], [0, 0]]
    assert figures["images"] == 1
    assert figures["seconds_per_image"] >= 0


def test_table_names_classes_figures_and_worst_images():
    text = to_text(evaluate(Reader(blind_below=2, sure=True), DATA))
    for expected in ("background", "cell", "0.444", "F@1 px", "pixel accuracy", "0.815",
                     "calibration error", "red_lower"):  # fmt: skip
        assert expected in text


def test_names_in_brackets_are_shown_not_obeyed():
    data = Examples([Example("[red]one", UPPER.labels), Example("two", UPPER.labels)])
    assert "[red]one" in to_text(evaluate(Reader(), data, group_of=lambda name: name))


def test_prefix_is_what_precedes_the_first_underscore():
    assert prefix_of("fluorescence_01_a") == "fluorescence"
    assert prefix_of("plain") == "plain"


CELL_OBJECTS = ClassTable.from_names(("background", "cell"), object_classes=(1,))
CELLS = np.int32([[1, 1, 0, 0, 0, 2], [1, 1, 0, 0, 0, 2], [0, 0, 0, 3, 3, 3]])


def with_cells(name, objects):
    return Example(name, (objects > 0).astype(np.uint8), objects)


def test_instances_are_counted_image_by_image():
    merged = np.where(CELLS == 3, 2, CELLS)  # in this truth, the last two cells are one
    data = Examples([with_cells("blue_a", CELLS), with_cells("red_b", merged)], CELL_OBJECTS)
    report = evaluate(Reader(classes=CELL_OBJECTS), data, group_of=prefix_of)
    figures = report.instances
    # Cells 2 and 3 touch by a side, and the method takes connected regions for cells.
    assert figures.counts.true.tolist() == [0, 5]
    assert figures.counts.predicted.tolist() == [0, 4]
    assert figures.average_precision[0.5] == pytest.approx(4 / 5)
    assert figures.average_precision[0.8] == pytest.approx(3 / 6)
    assert report.groups["blue"].instances.average_precision[0.5] == pytest.approx(2 / 3)
    assert report.groups["red"].instances.panoptic_quality == 1
    assert report.groups["red"].instances.aggregated_jaccard == 1
    counts = {row.name: astuple(row.instances) for row in report.rows}
    assert counts == {"blue_a": (3, 2, 2), "red_b": (2, 2, 2)}
    assert [row.name for row in report.rows] == ["blue_a", "red_b"]  # the worst first
    written = json.loads(json.dumps(report.to_dict()))
    assert written["instances"]["average_precision"]["0.5"] == pytest.approx(4 / 5)
    assert written["instances"]["coco"]["ap50"] > 0.5
    assert written["groups"]["red"]["instances"]["panoptic_quality"] == 1
    text = to_text(report)
    assert "AP@0.5" in text
    assert "COCO mask AP" in text
    assert "0.667" in text


def test_without_instances_on_either_side_nothing_is_said_of_them():
    data = Examples([with_cells("a", CELLS)], CELL_OBJECTS)
    assert evaluate(Reader(), data).instances is None
    assert evaluate(Reader(classes=CELL_OBJECTS), DATA).instances is None
    assert "AP@0.5" not in to_text(evaluate(Reader(), data))


def test_classes_in_another_order_are_matched_by_name():
    reordered = ClassTable.from_names(("cell", "background"), background=1, object_classes=(0,))
    data = Examples([with_cells("a", np.where(CELLS == 3, 2, CELLS))], CELL_OBJECTS)
    figures = evaluate(Reader(classes=reordered), data).instances
    assert figures.average_precision[0.95] == 1
    assert figures.coco["ap"] == 1


def test_images_without_any_object_are_no_failure():
    data = Examples(
        [with_cells("a", np.zeros((4, 6), np.int32)), with_cells("b", CELLS)], CELL_OBJECTS
    )
    report = evaluate(Reader(classes=CELL_OBJECTS), data)
    assert {row.name: astuple(row.instances) for row in report.rows}["a"] == (0, 0, 0)
    alone = evaluate(Reader(classes=CELL_OBJECTS), Examples([data[0]], CELL_OBJECTS))
    assert math.isnan(alone.instances.mean_average_precision)
    assert json.loads(json.dumps(alone.to_dict()))["instances"]["panoptic_quality"] is None


def test_report_says_on_ten_lines_what_one_wants_to_know():
    many = ClassTable.from_names([f"a class with a long name {n}" for n in range(200)])
    truth = np.arange(200, dtype=np.uint8).repeat(9).reshape(60, 30)
    data = Examples([Example(f"{n}_{'long' * 20}", truth) for n in range(30)], many)

    class Perfect:
        classes = many

        def __call__(self, image, /):
            return Segmentation(image, LabelGrid(image[..., 0]), many)

    said = repr(evaluate(Perfect(), data, group_of=prefix_of))
    assert said.startswith("<Report on 30 images")
    assert len(said.splitlines()) <= 10
    assert "mean IoU 1.000, Dice 1.000, F@1 px 1.000" in said
    assert "a class with a long name 0 1.000" in said
    assert "AP@0.5" not in said
    cells = evaluate(Reader(classes=CELL_OBJECTS), Examples([with_cells("a", CELLS)], CELL_OBJECTS))
    assert "AP@0.5 0.667" in repr(cells)
    assert "AP@0.5 0.667" in repr(cells.instances)
    assert "cell</td><td>1.000</td>" in cells._repr_html_()


def test_reports_compare_hash_copy_and_pickle():
    data = Examples([with_cells("a", CELLS), with_cells("b", CELLS)], CELL_OBJECTS)
    report = evaluate(Reader(classes=CELL_OBJECTS, sure=True), data, group_of=prefix_of)
    for twin in (copy.deepcopy(report), pickle.loads(pickle.dumps(report)), copy.copy(report)):
        assert twin.to_dict() == report.to_dict()
        assert twin != report  # the same figures, but another report
        assert repr(twin) == repr(report)
    parts = (report, report.instances, report.groups["a"], report.calibration, report.rows[0])
    assert len({*parts, *parts, *report.counts.keys()}) == len(parts) + len(report.counts)
