"""Errors that are claimed are fitted to be true wherever a feature tells places apart."""

import numpy as np
import pytest
import torch
from torch import nn

from segfit.training.claims import SHRINKAGES, fit_claims, fit_shrinkage

KINDS = 3


def draw_errors(rng, *, count=6000):
    """Kinds of places (V,), features that tell them apart (V, C), and errors of each (V,)."""
    kinds = rng.integers(0, KINDS, count)
    features = np.column_stack([np.eye(KINDS)[kinds], rng.normal(size=(count, 4)), np.ones(count)])
    errors = np.abs(rng.normal(size=count)) * np.array([0.3, 1.0, 4.0])[kinds]
    return kinds, features, errors


def say(head, features):
    """The errors that a layer claims."""
    with torch.no_grad():
        return head(torch.as_tensor(features, dtype=torch.float32))[:, -1].exp().double().numpy()


def test_each_kind_is_within_its_claim_as_often_as_it_should_be():
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    _, features, errors = draw_errors(rng)
    head = nn.Linear(features.shape[1], 5)
    nn.init.zeros_(head.weight[-1:])
    others = head.weight[:-1].clone()
    fit_claims(head, features, errors, say(head, features), images=400)
    kinds, features, errors = draw_errors(rng)
    claimed = say(head, features)
    for kind in range(KINDS):
        within = (errors <= claimed)[kinds == kind].mean()
        assert within == pytest.approx(0.683, abs=0.04)
        assert (errors <= 2 * claimed)[kinds == kind].mean() == pytest.approx(0.954, abs=0.02)
    torch.testing.assert_close(head.weight[:-1], others)


def test_what_is_right_stays():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(20_000, 4))
    head = nn.Linear(4, 2)
    claimed = say(head, features)
    before = head.weight.clone(), head.bias.clone()
    fit_claims(head, features, np.abs(rng.normal(size=len(claimed))) * claimed, claimed, images=40)
    torch.testing.assert_close(head.weight, before[0], atol=0.03, rtol=0)
    torch.testing.assert_close(head.bias, before[1], atol=0.03, rtol=0)


def test_a_feature_that_is_always_the_same_is_left_alone():
    rng = np.random.default_rng(2)
    features = np.ones((2000, 2))
    head = nn.Linear(2, 2)
    before = head.weight.clone()
    fit_claims(head, features, np.abs(rng.normal(size=2000)), say(head, features), images=4)
    torch.testing.assert_close(head.weight, before)
    assert np.isfinite(say(head, features)).all()


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_offsets_shrink_where_what_is_unsure_is_wrong(noise):
    rng = np.random.default_rng(3)
    targets, claimed = rng.normal(size=5000), rng.choice([0.1, 3.0], 5000)
    offsets = targets + noise * claimed * rng.normal(size=5000)
    found = fit_shrinkage(targets, offsets, claimed)
    assert found == (SHRINKAGES[-1] if noise else 0.0)
