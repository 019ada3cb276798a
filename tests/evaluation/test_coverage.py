"""How often outlines are within the errors that they claim, by class and by kind of border."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from segfit.evaluation.coverage import BorderKind, count_coverage, no_coverage
from segfit.partition import LabelGrid, partition_of

ORDER = np.array([0, 1])


def draw_disc(*, contrast=100, blur_px=0.7, side=96):
    """A disc on a flat background: the image and its labels."""
    rows, columns = np.indices((side, side)) + 0.5
    labels = (np.hypot(columns - side / 2, rows - side / 2) < side / 4).astype(np.uint8)
    grey = cv2.GaussianBlur(60 + contrast * labels.astype(np.float32), (0, 0), blur_px)
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2), labels


def claim(labels, error_px, *, objects=None):
    """Outlines of labels that all claim one error."""
    partition = partition_of(LabelGrid(labels, objects))
    return replace(partition, error_px=np.full(len(partition.points), error_px))


def test_true_outlines_are_within_an_error_that_is_large_enough():
    image, labels = draw_disc()
    counts = count_coverage(claim(labels, 2.0), image, labels, None, ORDER)
    assert counts.all.within_one == counts.all.within_two == 1
    assert counts.all.off_px < 0.6
    assert counts.all.claimed_px == pytest.approx(2)
    assert [one.points for one in counts.classes] == [counts.all.points] * 2


def test_an_error_that_is_too_small_is_found_out():
    image, labels = draw_disc()
    moved = np.roll(labels, 3, axis=1)
    counts = count_coverage(claim(moved, 1.0), image, labels, None, ORDER)
    assert counts.all.within_one < counts.all.within_two < 0.9
    assert 1 < counts.all.off_px < 3


@pytest.mark.parametrize(
    ("look", "kind"),
    [
        ({}, BorderKind.SHARP),
        ({"blur_px": 3.0}, BorderKind.BLURRED),
        ({"contrast": 6}, BorderKind.FAINT),
    ],
)
def test_what_the_image_shows_tells_kinds_apart(look, kind):
    image, labels = draw_disc(**look)
    kinds = count_coverage(claim(labels, 1.0), image, labels, None, ORDER).kinds
    whole = sum(one.points for one in kinds.values())
    assert kinds[kind].points > 0.9 * whole > 0


def test_borders_between_objects_of_a_class_are_a_kind_of_their_own():
    image, labels = draw_disc()
    rows, columns = np.indices(labels.shape)
    objects = labels * np.where(columns + 0.4 * rows > 68, 2, 1).astype(np.int32)
    counts = count_coverage(claim(labels, 1.0, objects=objects), image, labels, objects, ORDER)
    within = counts.kinds[BorderKind.WITHIN]
    assert 0 < within.points < counts.all.points
    assert within.within_one == 1
    assert counts.classes[1].points == counts.all.points > counts.classes[0].points


def test_classes_are_those_of_the_data():
    image, labels = draw_disc()
    labels[:8] = 2
    outlines = claim(np.array([1, 2, 0], np.uint8)[labels], 2.0)
    counts = count_coverage(outlines, image, labels, None, np.array([2, 0, 1]))
    straight = count_coverage(claim(labels, 2.0), image, labels, None, np.arange(3))
    np.testing.assert_array_equal(counts.points, straight.points)
    assert counts.classes[2].points < counts.classes[1].points


def test_counts_add_up_and_say_nothing_of_nothing():
    image, labels = draw_disc()
    one = count_coverage(claim(labels, 1.0), image, labels, None, ORDER)
    both = one + one + no_coverage(2)
    assert both.all.points == 2 * one.all.points
    assert both.all.within_one == one.all.within_one
    assert np.isnan(no_coverage(2).all.within_one)
    assert isinstance(one.to_dict(("background", "disc"))["points"], int)
    written = no_coverage(2).to_dict(("background", "disc"))
    assert written["within_one"] is None
    assert set(written["classes"]) == {"background", "disc"}
    assert set(written["kinds"]) == {kind.value for kind in BorderKind}


def test_unknown_pixels_have_no_border():
    image, labels = draw_disc()
    labels[:, 48:] = 255
    counts = count_coverage(claim(draw_disc()[1], 1.0), image, labels, None, ORDER)
    whole = count_coverage(claim(draw_disc()[1], 1.0), *draw_disc(), None, ORDER)
    assert 0 < counts.all.points < 0.7 * whole.all.points
