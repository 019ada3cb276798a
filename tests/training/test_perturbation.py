"""A classifier's outlines to learn from."""

import numpy as np

from segfit.result.scores import Scores
from segfit.training.data.perturbation import perturb_scores

HEIGHT, WIDTH = 48, 64


def test_shaken_scores_keep_their_frame():
    scores = Scores(
        np.zeros((3, 12, 16), np.float32), (HEIGHT, WIDTH), (HEIGHT, WIDTH),
        features=np.ones((5, 12, 16), np.float32),
    )  # fmt: skip
    perturbed = perturb_scores(scores, np.random.default_rng(3))
    assert perturbed.logits.shape == scores.logits.shape
    assert perturbed.logits.std() > 0
    assert perturbed.features is scores.features
    assert not scores.logits.any()
