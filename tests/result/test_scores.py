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
