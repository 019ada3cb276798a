"""Optimisers over a network's weights, in groups that have a peak learning rate each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from segfit.networks.classifier import Classifier
from segfit.training.plan.plan import Plan

WEIGHT_DECAY = 0.01
MOMENTUM = 0.9


def make_optimizer(network: Classifier, plan: Plan) -> torch.optim.Optimizer:
    """The plan's optimiser over all weights that learn, the encoder's at a rate of their own."""
    encoder_rate = plan.encoder_rate if network.encoder.pretrainable else 1.0
    groups = group_weights(network, plan.learning_rate, encoder_rate=encoder_rate)
    optimizers: dict[str, Callable[[], torch.optim.Optimizer]] = {
        "adamw": lambda: torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY, fused=True),
        "adam": lambda: torch.optim.Adam(groups, fused=True),
        "rmsprop": lambda: torch.optim.RMSprop(groups, momentum=MOMENTUM),
    }
    return optimizers[plan.optimizer]()


def make_regressor_optimizer(network: nn.Module, peak_rate: float) -> torch.optim.Optimizer:
    """AdamW over all weights of a regressor."""
    return torch.optim.AdamW([_group(list(network.parameters()), peak_rate)])


def group_weights(
    network: Classifier, peak_rate: float, *, encoder_rate: float
) -> list[dict[str, Any]]:
    """An optimiser's groups: the encoder's weights learn at ``encoder_rate`` times the rate."""
    encoder = [p for p in network.encoder.parameters() if p.requires_grad]
    inside = {id(p) for p in network.encoder.parameters()}
    rest = [p for p in network.parameters() if id(p) not in inside]
    groups = ((encoder, peak_rate * encoder_rate), (rest, peak_rate))
    return [_group(parameters, rate) for parameters, rate in groups if parameters]


def _group(parameters: list[nn.Parameter], peak_rate: float) -> dict[str, Any]:
    return {"params": parameters, "lr": peak_rate, "peak_rate": peak_rate}
