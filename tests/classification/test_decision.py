import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segfit.classification.decision import Decision, decide_labels
from segfit.result.scores import Scores

ONE_PIXEL = ((1, 1), (1, 1))
LOGITS = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.just(4), st.just(5)),
    elements=st.floats(-20, 20, width=32),
)  # fmt: skip


def one_output(probability):
    return Scores(np.float32([[[np.log(probability / (1 - probability))]]]), *ONE_PIXEL)


@given(LOGITS)
def test_labels_are_the_most_probable_class(logits):
    scores = Scores(logits, (8, 10), (8, 10))
    probabilities = scores.to_probabilities()
    labels = decide_labels(scores, Decision())
    assert probabilities.shape == (scores.class_count, 8, 10)
    assert labels.dtype == np.uint8
    chosen = np.take_along_axis(probabilities, labels[None].astype(int), axis=0)[0]
    np.testing.assert_allclose(chosen, probabilities.max(axis=0), rtol=1e-4)


@given(LOGITS)
def test_logits_stay_as_they_were(logits):
    before = logits.copy()
    scores = Scores(logits, (4, 5), (4, 5))
    decide_labels(scores, Decision(reject=0.5))
    scores.to_probabilities()
    np.testing.assert_array_equal(logits, before)


def test_of_equals_the_first_class_wins():
    assert decide_labels(Scores(np.zeros((3, 1, 1), np.float32), *ONE_PIXEL), Decision()) == 0


def test_last_of_the_most_classes_can_win():
    logits = np.zeros((255, 1, 2), np.float32)
    logits[254, 0, 0] = logits[130, 0, 1] = 1
    assert decide_labels(Scores(logits, (1, 2), (1, 2)), Decision()).tolist() == [[254, 130]]


@pytest.mark.parametrize(("threshold", "label"), [(0.0, 1), (0.5, 1), (0.69, 1), (0.71, 0), (1, 0)])
def test_threshold_decides_for_one_output(threshold, label):
    assert decide_labels(one_output(0.7), Decision(threshold=threshold)) == label


def test_extreme_logits_stay_finite_without_a_warning():
    one = Scores(np.float32([[[200.0, -200.0]]]), (1, 2), (1, 2)).to_probabilities()
    np.testing.assert_allclose(one[1], [[1, 0]], atol=1e-30)
    two = Scores(np.float32([[[200.0]], [[-200.0]]]), *ONE_PIXEL)
    assert two.to_probabilities().ravel().tolist() == [1, 0]
    assert decide_labels(two, Decision(reject=0.9)) == 0


def test_unsure_pixels_are_rejected_to_the_background():
    # Probabilities of the best class 1: 0.5 and 0.8.
    logits = np.zeros((3, 1, 2), np.float32)
    logits[1] = np.log([[2, 8]])
    scores = Scores(logits, (1, 2), (1, 2))
    unsure = Decision(reject=0.6)
    assert decide_labels(scores, Decision()).tolist() == [[1, 1]]
    assert decide_labels(scores, unsure).tolist() == [[0, 1]]
    assert decide_labels(scores, unsure, background=2).tolist() == [[2, 1]]
    assert decide_labels(scores, unsure, background=None).tolist() == [[1, 1]]


def test_grid_is_interpolated_over_what_it_covers_and_cut_to_the_image():
    # Cell centres lie at x = 2 and 6; between them the logit rises by 1 per pixel.
    scores = Scores(np.float32([[[-2, 2]]]), (3, 7), (4, 8))
    foreground = scores.to_probabilities()[1]
    assert foreground.shape == (3, 7)
    logit = np.log(foreground / (1 - foreground))
    expected = [-2, -2, -1.5, -0.5, 0.5, 1.5, 2]
    np.testing.assert_allclose(logit, np.tile(expected, (3, 1)), atol=1e-5)
    assert decide_labels(scores, Decision()).tolist() == [[0, 0, 0, 0, 1, 1, 1]] * 3
