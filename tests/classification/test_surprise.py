"""How unlike a model's own images an image is."""

import numpy as np

from segfit.classification.surprise import (
    describe_planes,
    describe_scores,
    join_figures,
    measure_surprise,
)
from segfit.model.domain import Domain
from segfit.result.scores import Scores

PLANE = np.float32([[1, 3], [1, 3]])
"""Its mean is 2, its standard deviation 1."""


def make_scores(logits, features=None):
    return Scores(np.float32(logits), (8, 8), (8, 8), features)


def test_figures_are_means_and_then_deviations_of_the_logits():
    assert describe_scores(make_scores([PLANE, 5 * PLANE])).tolist() == [2, 10, 1, 5]


def test_figures_are_of_features_where_there_are_any():
    scores = make_scores([PLANE, PLANE], np.float32([3 * PLANE]))
    assert describe_scores(scores).tolist() == [6, 3]


def test_figures_of_parts_join_to_those_of_the_whole():
    planes = np.random.default_rng(0).normal(2, 3, (5, 4, 6)).astype(np.float32)
    parts = [(4 * width, describe_planes(part)) for width, part in split_in(planes, 2)]
    np.testing.assert_allclose(join_figures(parts), describe_planes(planes), rtol=1e-6)
    scores = Scores(planes, (8, 8), (8, 8), planes[:1], feature_figures=join_figures(parts))
    np.testing.assert_allclose(describe_scores(scores), describe_planes(planes).ravel())


def split_in(planes, column):
    return (column, planes[..., :column]), (planes.shape[2] - column, planes[..., column:])


def test_surprise_is_a_distance_of_mahalanobis_over_the_bound():
    domain = Domain(
        mean=(0, 2), deviation=(1, 0.5), axes=((0, 1),), variances=(4,), rest=1, bound=0.5
    )
    # Standardised: (2, -2). Along the axis -2, which is 1 of its variance; across it 2, so 4.
    distance = np.sqrt((1 + 4) / 2)
    assert np.isclose(measure_surprise(make_scores([PLANE]), domain), distance / 0.5)


def test_without_axes_all_directions_are_alike():
    domain = Domain(mean=(0, 1), deviation=(1, 1), axes=(), variances=(), rest=2, bound=1)
    assert np.isclose(measure_surprise(make_scores([PLANE]), domain), np.sqrt(4 / 2 / 2))


def test_the_middle_of_a_domain_surprises_by_nothing():
    domain = Domain(mean=(2, 1), deviation=(1, 1), axes=(), variances=(), rest=1, bound=1)
    assert measure_surprise(make_scores([PLANE]), domain) == 0
