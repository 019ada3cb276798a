import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.metrics.confusion import (
    cohen_kappa,
    confusion_matrix,
    dice_per_class,
    iou_per_class,
    mean_iou,
    mean_iou_of_image,
    pixel_accuracy,
)

TRUTH = np.uint8([[0, 0, 1], [0, 1, 1]])
PREDICTED = np.uint8([[0, 1, 1], [0, 1, 0]])

GRIDS = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: st.tuples(
        arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, IGNORE])),
        arrays(np.uint8, shape, elements=st.integers(0, 2)),
    )
)


def test_confusion_has_the_truth_in_rows():
    assert confusion_matrix(TRUTH, PREDICTED, 2).tolist() == [[2, 1], [1, 2]]


def test_confusion_keeps_more_pixels_than_one_chunk():
    truth = np.tile(TRUTH, (200, 101))
    predicted = np.tile(PREDICTED, (200, 101))
    expected = confusion_matrix(TRUTH, PREDICTED, 2) * 200 * 101
    assert (confusion_matrix(truth, predicted, 2) == expected).all()


@given(GRIDS)
def test_confusion_equals_counting_one_pixel_after_another(grids):
    truth, predicted = grids
    expected = np.zeros((3, 3), np.int64)
    for true_label, label in zip(truth.flat, predicted.flat, strict=True):
        if true_label != IGNORE:
            expected[true_label, label] += 1
    confusion = confusion_matrix(truth, predicted, 3)
    assert confusion.dtype == np.int64
    assert (confusion == expected).all()


@given(GRIDS)
def test_metrics_equal_their_definitions_with_sets(grids):
    truth, predicted = grids
    confusion = confusion_matrix(truth, predicted, 3)
    counted = truth != IGNORE
    ious = []
    for index in range(3):
        a, b = (truth == index) & counted, (predicted == index) & counted
        iou = iou_per_class(confusion)[index]
        dice = dice_per_class(confusion)[index]
        if a.sum() == 0:
            assert math.isnan(iou)
            assert math.isnan(dice)
            continue
        ious.append((a & b).sum() / (a | b).sum())
        assert iou == pytest.approx(ious[-1])
        assert dice == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    if len(ious) > 1:
        assert mean_iou(confusion) == pytest.approx(np.mean(ious))
    else:
        assert math.isnan(mean_iou(confusion))
    if counted.any():
        assert pixel_accuracy(confusion) == pytest.approx((truth == predicted)[counted].mean())


def test_nothing_counted_is_unknown_without_a_warning():
    confusion = confusion_matrix(np.full((2, 2), IGNORE, np.uint8), np.zeros((2, 2), np.uint8), 2)
    assert confusion.sum() == 0
    assert math.isnan(mean_iou(confusion))
    assert math.isnan(pixel_accuracy(confusion))


def test_empty_image_counts_nothing():
    empty = np.zeros((0, 5), np.uint8)
    assert confusion_matrix(empty, empty, 3).tolist() == [[0] * 3] * 3


@pytest.mark.parametrize(
    ("truth", "predicted"), [([[0, 2]], [[0, 0]]), ([[0, 0]], [[0, 2]]), ([[0, 0]], [[0, IGNORE]])]
)
def test_labels_beyond_the_classes_are_named(truth, predicted):
    with pytest.raises(SegfitError, match=r"labels must be 0 to 1 for 2 classes.*found: 0, 2"):
        confusion_matrix(np.uint8(truth), np.uint8(predicted), 2)


def test_prediction_beyond_the_classes_does_not_matter_where_ignored():
    assert confusion_matrix(np.uint8([[IGNORE, 0]]), np.uint8([[7, 0]]), 2).sum() == 1


def test_different_shapes_are_refused():
    with pytest.raises(SegfitError, match="truth is 2×3 but the prediction is 3×2"):
        confusion_matrix(TRUTH, PREDICTED.T, 2)


def test_a_class_that_the_truth_lacks_is_not_counted_though_it_is_found():
    truth, found = np.uint8([[0, 0, 1, 1]]), np.uint8([[0, 2, 1, 1]])
    confusion = confusion_matrix(truth, found, 3)
    assert iou_per_class(confusion).tolist() == pytest.approx([1 / 2, 1, np.nan], nan_ok=True)
    assert mean_iou(confusion) == 3 / 4
    assert mean_iou_of_image(confusion) == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_one_class_alone_has_no_mean_but_an_image_of_it_may_be_right():
    truth = np.zeros((2, 2), np.uint8)
    corners = np.uint8([[1, 0], [0, 1]])
    right, wrong = (confusion_matrix(truth, found, 2) for found in (truth, corners))
    assert math.isnan(mean_iou(right))
    assert math.isnan(mean_iou(wrong))
    assert mean_iou_of_image(right) == 1
    assert mean_iou_of_image(wrong) == (1 / 2 + 0) / 2


def test_kappa_is_none_of_what_knows_nothing_and_one_of_what_is_right():
    assert cohen_kappa(np.array([[90, 0], [10, 0]])) == 0  # everything is the most frequent class
    assert cohen_kappa(np.array([[81, 9], [9, 1]])) == pytest.approx(0)  # drawn by the shares
    assert cohen_kappa(np.array([[7, 0], [0, 3]])) == 1
    assert cohen_kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


def test_kappa_of_one_class_alone_is_not_known():
    assert np.isnan(cohen_kappa(np.array([[5, 0], [0, 0]])))
    assert np.isnan(cohen_kappa(np.zeros((2, 2), int)))
