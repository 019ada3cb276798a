"""Losses of the regressors, worked by hand."""

import numpy as np
import pytest
import torch

from segfit.model.architecture import OutlineArchitecture
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.training.regression_losses import (
    LINEAR_FROM,
    box_loss,
    frame_iou,
    negative_log_likelihood,
    outline_loss,
)


def test_loss_of_outlines_is_least_where_the_truth_is():
    targets = torch.tensor([2.25, float("nan"), 99.0])
    right = torch.full((3, 17), -9.0)
    right[0, 10], right[0, 11] = np.log(0.75), np.log(0.25)
    wrong = right.roll(3, dims=1)
    sure = torch.full((3,), -1.0)
    good = outline_loss(right, torch.tensor([2.25, 0, 0]), sure, targets)
    bad = outline_loss(wrong, torch.tensor([5.25, 0, 0]), sure, targets)
    assert good < bad
    unknown = outline_loss(right, torch.zeros(3), sure, torch.full((3,), float("nan")))
    assert unknown == 0


@pytest.mark.parametrize("target", [0.0, 2.25, -3.5])
def test_the_answer_that_costs_least_has_its_mean_at_the_target(target):
    network = OutlineRegressor(OutlineArchitecture(width=8))
    logits = torch.zeros(1, 17, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        still = torch.tensor([target])  # the cross-entropy alone
        outline_loss(logits, still, torch.zeros(1), still).backward()
        optimizer.step()
    assert network.mean_near_mode(logits.detach()).item() == pytest.approx(target, abs=0.01)


def test_overlap_in_a_common_frame():
    offsets = torch.tensor([[0.0, 0, 0, 0], [0, 0.5, 0, 0], [0.25, 0, 0, -0.25]])
    targets = torch.tensor([[0.0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    expected = [1, 1 / 1.5, 0.75 / (1 + 1.25 * 0.75 - 0.75)]
    torch.testing.assert_close(frame_iou(offsets, targets), torch.tensor(expected))


def test_loss_of_boxes_is_least_where_the_truth_is():
    targets = torch.tensor([[0.1, -0.1, 0.0, 0.2]])
    sure, unsure = torch.full((1, 4), -4.0), torch.full((1, 4), -1.0)
    assert box_loss(targets, sure, targets) < box_loss(targets, unsure, targets)
    off = targets + 0.2
    assert box_loss(targets, sure, targets) < box_loss(off, sure, targets)
    assert box_loss(off, unsure, targets) < box_loss(off, sure, targets)


def test_likelihood_of_a_standardised_residual_grows_in_a_straight_line():
    errors, log_errors = torch.tensor([0.0, 2.0, 10.0, 11.0]), torch.tensor([1.0, 0.0, 0.0, 0.0])
    at_ten = LINEAR_FROM * (10 - LINEAR_FROM / 2)
    found = negative_log_likelihood(errors, log_errors)
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0, at_ten, at_ten + LINEAR_FROM]))


@pytest.mark.parametrize("sizes", [1.5, LINEAR_FROM, 6.5, 100.0, 1e6])
def test_whatever_is_further_out_than_claimed_raises_the_claim(sizes):
    log_errors = torch.zeros(2, requires_grad=True)
    negative_log_likelihood(torch.tensor([sizes, -sizes]), log_errors).sum().backward()
    assert (log_errors.grad < 0).all(), "a step downhill must raise it"


def test_an_outlier_pulls_an_offset_as_hard_as_one_at_the_bound():
    errors = torch.tensor([LINEAR_FROM, 50.0], requires_grad=True)
    negative_log_likelihood(errors, torch.zeros(2)).sum().backward()
    torch.testing.assert_close(errors.grad, torch.full((2,), LINEAR_FROM))
