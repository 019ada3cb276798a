import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide, decide_labels, drop_unsure
from segfit.partition import LabelGrid
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


def two_squares(*, second):
    """Scores of two squares apart, of which the second is so probable, and their objects."""
    probabilities = np.full((24, 48), 0.01)
    probabilities[4:16, 4:16], probabilities[4:16, 28:40] = 0.95, second
    logits = np.log(probabilities / (1 - probabilities))[None].astype(np.float32)
    maps = np.zeros((3, 24, 48), np.float32)
    rows, columns = np.indices((24, 48)) + 0.5
    maps[1] = np.where(columns < 24, 10 - columns, 34 - columns)
    maps[2] = 10 - rows
    return Scores(logits, (24, 48), (24, 48), object_maps=maps)


CELLS = ClassTable.from_names(("background", "cell"), object_classes=(1,))


@pytest.mark.parametrize(
    ("second", "decision", "found"),
    [
        (0.6, Decision(), 2),
        (0.6, Decision(certainty=0.5), 1),
        (0.8, Decision(certainty=0.5), 2),
        (0.6, Decision(0.1, certainty=0.5), 2),  # who wants what is hardly probable gets it
        (0.8, Decision(0.7, certainty=0.5), 1),
    ],
)
def test_objects_of_which_a_model_is_unsure_are_none(second, decision, found):
    grid = decide(two_squares(second=second), decision, CELLS)
    assert np.unique(grid.objects).tolist() == list(range(found + 1))
    np.testing.assert_array_equal(grid.labels, grid.objects > 0)


def test_what_stays_of_objects_is_numbered_anew():
    scores = two_squares(second=0.6)
    objects = np.zeros((24, 48), np.int32)
    objects[4:16, 28:40], objects[4:16, 4:16] = 1, 2
    grid = drop_unsure(
        LabelGrid((objects > 0).astype(np.uint8), objects), scores, Decision(0.5, certainty=0.5)
    )
    assert (grid.objects[4:16, 4:16] == 1).all()
    assert grid.objects.max() == 1
    assert not grid.labels[4:16, 28:40].any()


def test_nothing_is_dropped_of_nothing():
    nothing = LabelGrid(np.zeros((24, 48), np.uint8), np.zeros((24, 48), np.int32))
    assert drop_unsure(nothing, two_squares(second=0.6), Decision(certainty=0.5)) is nothing
