import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segfit.result.scores import Scores

ONE_PIXEL = ((1, 1), (1, 1))
LOGITS = arrays(
    np.float32, st.tuples(st.integers(1, 5), st.just(4), st.just(5)),
    elements=st.floats(-20, 20, width=32),
)  # fmt: skip


def one_output(probability):
    return Scores(np.float32([[[np.log(probability / (1 - probability))]]]), *ONE_PIXEL)


@given(LOGITS)
def test_probabilities_sum_to_one(logits):
    probabilities = Scores(logits, (8, 10), (8, 10)).to_probabilities()
    assert probabilities.min() >= 0
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, rtol=1e-5)


def test_one_output_gives_two_probabilities():
    scores = one_output(0.7)
    assert scores.class_count == 2
    np.testing.assert_allclose(scores.to_probabilities().ravel(), [0.3, 0.7], rtol=1e-6)


def make_scores():
    rng = np.random.default_rng(0)
    features, maps = rng.normal(size=(2, 3, 6, 8)).astype(np.float32)
    logits = rng.normal(size=(1, 6, 8)).astype(np.float32)
    return Scores(logits, (24, 32), (24, 32), features=features, object_maps=maps)


def test_a_window_shows_points_the_same_as_the_whole_grid():
    scores = make_scores()
    points = np.float32([[[8.5, 13.0]], [[9.0, 20.5]]])  # x and y of two
    whole, places = scores.show(points, with_offsets=True)
    assert whole.shape == (1, 3 + 2 + 2, 6, 8)
    part, places_in_part = scores.show(points, whole=False, with_offsets=True)
    rows, columns = slice(1, 6), slice(1, 5)
    np.testing.assert_array_equal(part, whole[:, :, rows, columns])
    cells = (places + 1) / 2 * (8, 6)
    np.testing.assert_allclose((places_in_part + 1) / 2 * (4, 5), cells - (1, 1), atol=1e-5)


def test_points_beyond_the_edge_have_a_window_too():
    grid, places = make_scores().show(np.float32([[[-9.0, -5]], [[90.0, 95]]]), whole=False)
    assert grid.shape == (1, 5, 1, 1)
    assert (places[..., 0] < -1).all()
    assert (places[..., 1] > 1).all()


def test_a_network_is_shown_the_features_that_it_looks_at():
    scores = make_scores()
    whole, some = scores.to_grid(), scores.to_grid(features=slice(1, 3))
    np.testing.assert_array_equal(some, whole[:, 1:])
    shown, _ = scores.show(np.float32([[[8.5]], [[9.0]]]), features=slice(1, 3), with_offsets=True)
    np.testing.assert_array_equal(shown, scores.to_grid(with_offsets=True)[:, 1:])


def test_what_a_result_keeps_answers_the_same():
    scores = make_scores()
    kept = scores.for_result()
    np.testing.assert_array_equal(kept.to_probabilities(), scores.to_probabilities())
    np.testing.assert_allclose(kept.to_centres((24, 32)), scores.to_centres((24, 32)), atol=1e-3)
    np.testing.assert_allclose(kept.offsets, scores.offsets, rtol=1e-3)
    assert kept.offsets.dtype == np.float32
    assert kept.nbytes == (1 * 4 + 3 * 2) * 6 * 8
    assert kept.logits.base is None, "not a part of what was to go"
