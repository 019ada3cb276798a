import numpy as np
import pytest

from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats.overlay import draw_overlay
from segfit.scores import Scores
from segfit.segmentation import ClassSummary, Segmentation

CLASSES = ClassTable.from_names(("background", "cell", "seam"))
# Two cells that touch by a corner, and one apart.
LABELS = np.uint8([[1, 0, 0, 1], [0, 1, 0, 1]])


def segment(scores=None):
    return Segmentation(np.full((2, 4, 3), 90, np.uint8), LABELS, CLASSES, scores)


def test_summary_counts_area_and_regions():
    assert segment().summary() == (
        ClassSummary("background", 4, 0.5, 1, None),
        ClassSummary("cell", 4, 0.5, 2, None),
        ClassSummary("seam", 0, 0.0, 0, None),
    )


def test_summary_of_one_output_has_the_foreground_s_probability():
    classes = ClassTable.from_names(("background", "cell"))
    logits = np.full((1, 2, 4), np.log(3), np.float32)
    picture = np.zeros((2, 4, 3), np.uint8)
    segmentation = Segmentation(picture, LABELS, classes, Scores(logits, (2, 4), (2, 4)))
    background, cell = segmentation.summary()
    assert cell.mean_probability == pytest.approx(0.75)
    assert background.mean_probability == pytest.approx(0.25)


def test_probabilities_are_worked_out_once():
    logits = np.zeros((3, 2, 4), np.float32)
    segmentation = segment(Scores(logits, (2, 4), (2, 4)))
    assert segmentation.probabilities is segmentation.probabilities
    assert segment().probabilities is None


def test_overlay_is_the_drawn_picture():
    np.testing.assert_array_equal(
        segment().overlay(opacity=0.2),
        draw_overlay(segment().picture, LABELS, CLASSES, opacity=0.2),
    )


def test_save_refuses_an_unknown_suffix_and_lists_the_known(tmp_path):
    with pytest.raises(SegfitError, match=r"'\.gif' of .*x\.gif .*: use one of \.png, \.jpg"):
        segment().save(tmp_path / "x.gif")


def test_save_takes_a_string_and_overwrites_only_with_force(tmp_path):
    path = str(tmp_path / "x.png")
    segment().save(path)
    with pytest.raises(SegfitError, match="exists already"):
        segment().save(path)
    segment().save(path, force=True)
