"""Losses on tensors small enough to be worked out by hand."""

import math

import pytest
import torch
from torch import nn

from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.networks.blocks import ConvNorm
from segfit.training.losses import (
    CROSS_ENTROPY_SHARE,
    LOSSES,
    as_class_logits,
    cross_entropy,
    dice,
    focal,
    parse_loss,
    squared_weights,
    symmetric_cross_entropy,
)


def logits_of(*pixels):
    """Logits (1, K, 1, W) whose softmax gives these probabilities, one tuple per pixel."""
    return torch.tensor(pixels).log().T[None, :, None, :]


def labels_of(*labels):
    return torch.tensor(labels)[None, None, :]


QUARTERS = logits_of((0.75, 0.25), (0.25, 0.75))
"""Two pixels of two classes: sure to three quarters of class 0, then of class 1."""


@pytest.mark.parametrize(
    ("loss", "labels", "expected"),
    [
        (cross_entropy, (0, 1), -math.log(0.75)),
        (cross_entropy, (0, 0), -(math.log(0.75) + math.log(0.25)) / 2),
        (cross_entropy, (0, IGNORE), -math.log(0.75)),
        (focal, (0, 1), -(0.25**2) * math.log(0.75)),
        (focal, (IGNORE, 0), -(0.75**2) * math.log(0.25)),
        (
            symmetric_cross_entropy,
            (0, 0),
            -CROSS_ENTROPY_SHARE * (math.log(0.75) + math.log(0.25)) / 2 + 4 * (0.25 + 0.75) / 2,
        ),
        (symmetric_cross_entropy, (0, IGNORE), -CROSS_ENTROPY_SHARE * math.log(0.75) + 4 * 0.25),
        # Overlap 0.75 of 1 + 1 (class 0 has probability 0.75 + 0.25), smoothed by one.
        (dice, (0, 1), 1 - (2 * 0.75 + 1) / (1 + 1 + 1)),
        # Class 1 is not there: only class 0 counts, overlap 1 of 2 + 1.
        (dice, (0, 0), 1 - (2 * 1 + 1) / (2 + 1 + 1)),
        (dice, (0, IGNORE), 1 - (2 * 0.75 + 1) / (1 + 0.75 + 1)),
    ],
)
def test_value_by_hand(loss, labels, expected):
    assert loss(QUARTERS, labels_of(*labels), None).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (cross_entropy, -(1 * math.log(0.75) + 3 * math.log(0.25)) / 4),
        (focal, -(1 * 0.25**2 * math.log(0.75) + 3 * 0.75**2 * math.log(0.25)) / 4),
        (
            symmetric_cross_entropy,
            -CROSS_ENTROPY_SHARE * (math.log(0.75) + 3 * math.log(0.25)) / 4
            + 4 * (0.25 + 3 * 0.75) / 4,
        ),
        # Each class: overlap 0.75 or 0.25 of 1 + (0.75 + 0.75) or 1 + (0.25 + 0.25).
        (dice, (1 * (1 - (1.5 + 1) / 3.5) + 3 * (1 - (0.5 + 1) / 2.5)) / 4),
    ],
)
def test_class_weights_weigh_the_mean(loss, expected):
    logits = logits_of((0.75, 0.25), (0.75, 0.25))
    found = loss(logits, labels_of(0, 1), torch.tensor([1.0, 3.0]))
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_equal_weights_change_nothing(name):
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    labels[0, 0] = IGNORE
    plain = LOSSES[name](logits, labels, None)
    torch.testing.assert_close(LOSSES[name](logits, labels, torch.ones(3)), plain)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.0])])
@pytest.mark.parametrize("name", LOSSES)
def test_nothing_known_gives_zero_and_a_gradient_of_zero(name, weights):
    logits = torch.randn(1, 2, 3, 3, requires_grad=True)
    loss = LOSSES[name](logits, torch.full((1, 3, 3), IGNORE), weights)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", LOSSES)
def test_ignored_pixels_have_no_gradient(name):
    logits = torch.randn(1, 3, 1, 4, requires_grad=True)
    LOSSES[name](logits, labels_of(0, IGNORE, 2, IGNORE), None).backward()
    changed = logits.grad.abs().sum(dim=1).flatten() > 0
    assert changed.tolist() == [True, False, True, False]


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_finite_where_the_network_is_certain(name):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]]).T[None, :, None].clone()
    logits.requires_grad_()
    loss = LOSSES[name](logits, labels_of(0, 0), None)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_better_is_less(name):
    labels = labels_of(0, 1)
    values = [
        LOSSES[name](logits_of((q, 1 - q), (1 - q, q)), labels, None).item()
        for q in (0.1, 0.5, 0.9, 0.999)
    ]
    assert values == sorted(values, reverse=True)


def test_reverse_term_is_bounded_where_cross_entropy_is_not():
    certain, labels = torch.tensor([1e4, 0.0]).view(1, 2, 1, 1), labels_of(1)
    forward = cross_entropy(certain, labels, None).item()
    reverse = symmetric_cross_entropy(certain, labels, None).item() - CROSS_ENTROPY_SHARE * forward
    assert forward == pytest.approx(1e4)
    assert reverse == pytest.approx(4, abs=1e-2)


@pytest.mark.parametrize("name", LOSSES)
def test_one_output_is_two_classes(name):
    one = torch.randn(2, 1, 3, 3)
    two = as_class_logits(one)
    assert two.shape == (2, 2, 3, 3)
    torch.testing.assert_close(two.softmax(dim=1)[:, 1:], one.sigmoid())
    labels = torch.randint(0, 2, (2, 3, 3))
    either = torch.cat([one * -0.5, one * 0.5], dim=1)
    torch.testing.assert_close(LOSSES[name](two, labels, None), LOSSES[name](either, labels, None))
    assert as_class_logits(two) is two


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("cross_entropy", {"cross_entropy": 1}),
        ("cross_entropy + 0.5 dice", {"cross_entropy": 1, "dice": 0.5}),
        ("2*focal+1e1 dice", {"focal": 2, "dice": 10}),
        ("dice + dice", {"dice": 2}),
        ("  symmetric_cross_entropy ", {"symmetric_cross_entropy": 1}),
    ],
)
def test_sum_of_losses(text, factors):
    labels = labels_of(0, 1)
    expected = sum(
        factor * LOSSES[name](QUARTERS, labels, None) for name, factor in factors.items()
    )
    torch.testing.assert_close(parse_loss(text)(QUARTERS, labels, None), expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is unknown; terms are cross_entropy, symmetric_cross_entropy, dice, focal"),
        ("crossentropy", "'crossentropy' is unknown"),
        ("dice +", "'' is unknown"),
        ("dice - focal", "'dice - focal' is unknown"),
        ("half dice", "'half' is not a number"),
        ("1 2 dice", "'1 2 dice' is unknown"),
        ("-1 dice", "a factor is a positive number, given -1"),
        ("nan dice", "a factor is a positive number, given nan"),
        ("inf dice", "a factor is a positive number, given inf"),
        ("0 dice", "a factor is a positive number, given 0"),
    ],
)
def test_text_that_is_no_loss_is_explained(text, message):
    with pytest.raises(SegfitError) as caught:
        parse_loss(text)
    assert message in str(caught.value)


def test_l2_leaves_out_norms_and_biases():
    layers = nn.Sequential(ConvNorm(1, 2), nn.Conv2d(2, 1, 1), nn.Linear(1, 1))
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.fill_(3)
    # 2 weights of the first, 2 of the second, 1 of the third.
    assert squared_weights(layers).item() == 5 * 9
    layers[0].requires_grad_(False)
    assert squared_weights(layers).item() == 3 * 9
