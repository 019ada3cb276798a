"""Losses between logits and labels.

Shapes: ``N`` crops, ``K`` classes, ``H, W`` their size. All take logits (N, K, H, W), labels
(N, H, W) int64 with ``IGNORE`` where nothing is known, and class weights (K,) or None; all return
a scalar, and 0 where every pixel is ignored.

The description behind the project prints Σ(p log q − q log p) + α‖W‖². Read literally it is not
bounded and its first sign is wrong; what it describes is the symmetric cross-entropy
−Σ p log q − Σ q log p of Wang et al. (ICCV 2019), with log 0 clipped, plus an L2 term.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from segfit.classes import IGNORE
from segfit.errors import SegfitError

LOG_ZERO = -4.0
"""What log 0 is clipped to in the reverse cross-entropy, as in Wang et al."""
CROSS_ENTROPY_SHARE = 0.5
"""Weight of the forward term beside the reverse one; with less, rare classes come too late."""
FOCAL_GAMMA = 2.0

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


def as_class_logits(logits: Tensor) -> Tensor:
    """Two classes for a network with one output: sigmoid(z) is the softmax of (0, z)."""
    if logits.shape[1] > 1:
        return logits
    return torch.cat([torch.zeros_like(logits), logits], dim=1)  # (N, 2, H, W)


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """−Σ p log q, the mean over the pixels that are not ignored."""
    per_pixel = F.cross_entropy(
        logits, labels, weight=weights, ignore_index=IGNORE, reduction="none"
    )
    return _mean_over_known(per_pixel, labels, weights)


def symmetric_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """−Σ p log q − Σ q log p with log 0 = −4: keeps its head where labels are wrong.

    With a one-hot p the reverse term is 4 (1 − q of the label), which is bounded, so that a pixel
    that contradicts all its like cannot pull without end.
    """
    known, safe = _known(labels)
    q_label = logits.softmax(dim=1).gather(1, safe[:, None])[:, 0]  # (N, H, W)
    reverse = -LOG_ZERO * (1 - q_label) * known
    if weights is not None:
        reverse = reverse * weights[safe]
    forward = cross_entropy(logits, labels, weights)
    return CROSS_ENTROPY_SHARE * forward + _mean_over_known(reverse, labels, weights)


def focal(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Cross-entropy times (1 − q)²: pixels that are right already count less (Lin et al., 2017)."""
    per_pixel = F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")
    hard = (1 - torch.exp(-per_pixel)) ** FOCAL_GAMMA
    weighted = hard * per_pixel
    if weights is not None:
        weighted = weighted * weights[_known(labels)[1]]
    return _mean_over_known(weighted, labels, weights)


def dice(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """1 − soft Dice, averaged over the classes that the batch holds (Milletari et al., 2016)."""
    known, safe = _known(labels)
    q = logits.softmax(dim=1) * known[:, None]
    p = F.one_hot(safe, logits.shape[1]).permute(0, 3, 1, 2) * known[:, None]
    overlap = (p * q).sum(dim=(0, 2, 3))  # (K,)
    total = p.sum(dim=(0, 2, 3)) + q.sum(dim=(0, 2, 3))
    present = (p.sum(dim=(0, 2, 3)) > 0).float()
    share = present if weights is None else present * weights
    loss = (1 - (2 * overlap + 1) / (total + 1)) * share
    return loss.sum() / share.sum().clamp(min=1e-6)


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "symmetric_cross_entropy": symmetric_cross_entropy,
    "dice": dice,
    "focal": focal,
}


def parse_loss(text: str) -> Loss:
    """Turn "cross_entropy" or "cross_entropy + 0.5 dice" into the loss that it names."""
    terms: list[tuple[float, Loss]] = []
    for term in text.split("+"):
        *factor, name = term.replace("*", " ").split() or [""]
        if name not in LOSSES or len(factor) > 1:
            raise SegfitError(
                f"loss {text!r}: {term.strip()!r} is unknown; terms are {', '.join(LOSSES)}, "
                'added with +, each with an optional factor: "cross_entropy + 0.5 dice"'
            )
        terms.append((_parse_factor(factor[0], text) if factor else 1.0, LOSSES[name]))

    def total(logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        values = [factor * loss(logits, labels, weights) for factor, loss in terms]
        return torch.stack(values).sum()

    return total


def _parse_factor(factor: str, text: str) -> float:
    try:
        value = float(factor)
    except ValueError as error:
        raise SegfitError(f"loss {text!r}: {factor!r} is not a number") from error
    if not 0 < value < math.inf:
        raise SegfitError(f"loss {text!r}: a factor is a positive number, given {factor}")
    return value


def squared_weights(network: nn.Module) -> Tensor:
    """‖W‖² over the weights of convolutions and linear layers, not of norms and biases."""
    matrices = [p for p in network.parameters() if p.requires_grad and p.ndim > 1]
    return torch.stack([matrix.square().sum() for matrix in matrices]).sum()


def _known(labels: Tensor) -> tuple[Tensor, Tensor]:
    """1 where a label is known; and labels that may index, 0 where it is not."""
    known = labels != IGNORE
    return known.float(), torch.where(known, labels, 0)


def _mean_over_known(per_pixel: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    known, safe = _known(labels)
    mass = known if weights is None else known * weights[safe]
    return per_pixel.sum() / mass.sum().clamp(min=1e-6)
