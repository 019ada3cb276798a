"""Losses of the regressors: where an outline or an edge of a box is, and how sure that is.

Shapes: ``V`` vertices, ``T`` strip points; ``B`` boxes, edges are top, right, bottom, left.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from segfit.refinement.boxes import LARGEST_INWARDS, MARGIN

OUTLINE_ERROR_WEIGHT = 0.3
"""Of the likelihood of offset and error beside the cross-entropy over strip points."""
TARGET_SPREAD = 0.7
"""Of what the network learns to answer, in steps. A bell has logits that are linear in its place;
those of a share between two points are not, and take long to learn to a hundredth of a pixel."""
BOX_ERROR_WEIGHT = 0.1
"""Of the likelihood of offset and error beside the distance and the overlap."""
BETA = 0.05
"""Of a side: from here on an offset's loss grows in proportion."""
LINEAR_FROM = 3.0
"""Standard errors from which on an offset pulls no harder: labels are wrong now and then."""


def outline_loss(logits: Tensor, offsets: Tensor, log_errors: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over the strip points, and the likelihood of offset and standard error.

    ``logits``: (V, T); ``offsets``, ``log_errors``, ``targets``: (V,), in steps. A target is a bell
    over the strip points; where it is NaN or beyond the strip, the vertex does not count.
    """
    points = logits.shape[1]
    reach = (points - 1) / 2
    known = torch.isfinite(targets) & (targets.abs() < reach)
    target = torch.where(known, targets, 0.0)
    distances = torch.arange(points, device=logits.device) - reach - target[:, None]  # (V, T)
    bell = torch.softmax(-0.5 * (distances / TARGET_SPREAD).square(), dim=1)
    cross_entropy = -(bell * F.log_softmax(logits, dim=1)).sum(dim=1)
    likelihood = negative_log_likelihood(offsets - target, log_errors)
    weights = known.float()
    total = ((cross_entropy + OUTLINE_ERROR_WEIGHT * likelihood) * weights).sum()
    return total / weights.sum().clamp(min=1.0)


def box_loss(offsets: Tensor, log_errors: Tensor, targets: Tensor) -> Tensor:
    """Distance of the edges, overlap of the boxes, and likelihood of offset and error.

    All (B, 4), in shares of the sides; a target that the network cannot say counts as the nearest
    that it can.
    """
    reached = targets.clamp(-LARGEST_INWARDS, MARGIN)
    distance = F.smooth_l1_loss(offsets, reached, beta=BETA)
    overlap = frame_iou(offsets, reached).mean()
    likelihood = negative_log_likelihood(offsets - reached, log_errors).mean()
    return distance + (1 - overlap) + BOX_ERROR_WEIGHT * likelihood


def negative_log_likelihood(errors: Tensor, log_errors: Tensor) -> Tensor:
    """Of errors under distributions of these logarithms of standard errors, each alone.

    Normal ones with exponential tails (Huber, 1964): the square of a standardised residual up to
    ``LINEAR_FROM``, a straight line beyond. An outlier, too, raises the error that is claimed, and
    the more the further out it is; were it clamped instead, it would lower it. A constant is left
    out.
    """
    residuals = errors * torch.exp(-log_errors)
    nothing = torch.zeros_like(residuals)
    return log_errors + F.huber_loss(residuals, nothing, reduction="none", delta=LINEAR_FROM)


def frame_iou(offsets: Tensor, targets: Tensor) -> Tensor:
    """IoU (B,) of boxes given by the offsets (B, 4) of their edges in a common frame."""
    shared = 1 + torch.minimum(offsets, targets)
    shared = shared[:, :2] + shared[:, 2:] - 1
    sides, target_sides = (1 + x[:, :2] + x[:, 2:] for x in (offsets, targets))
    area = shared.clamp(min=0).prod(dim=1)
    return area / (sides.prod(dim=1) + target_sides.prod(dim=1) - area)
