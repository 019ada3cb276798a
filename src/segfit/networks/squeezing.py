"""Features squeezed where they are: a classifier gives what other networks look at of them.

Each network that goes by features begins with a layer that squeezes them to a few numbers, the same
at every place. In a finished model the classifier computes these layers: it gives 8 planes instead
of 64, and nobody copies the rest.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from segfit.model.architecture import ReaderArchitecture
from segfit.networks.classifier import Classifier
from segfit.networks.network import Network


def squeeze_planes(grid: Tensor, architecture: ReaderArchitecture, squeeze: nn.Module) -> Tensor:
    """A grid (1, F + K, h, w) with its features squeezed, (1, S + K, h, w), if they are not yet."""
    if architecture.squeezed_at is not None:
        return grid
    count = architecture.features
    return torch.cat([squeeze(grid[:, :count]), grid[:, count:]], dim=1)


def place_squeezing(
    classifier: Classifier, readers: Sequence[Network]
) -> tuple[Classifier, list[Network]]:
    """Copies of networks, of which the classifier computes the readers' layers that squeeze.

    ``readers``: networks that go by features, in the order in which the classifier is to give what
    they look at. Their weights stay their own.
    """
    classifier, begin, placed = copy.deepcopy(classifier), 0, []
    for reader in map(copy.deepcopy, readers):
        architecture = reader.architecture
        assert isinstance(architecture, ReaderArchitecture)
        assert isinstance(reader.squeeze, nn.Conv2d)
        reader.architecture = replace(architecture, squeezed_at=begin)
        classifier.squeezers.append(_round(reader.squeeze))
        begin += architecture.squeezed
        placed.append(reader)
    classifier.architecture = replace(classifier.architecture, gives_features=True, squeezed=begin)
    return classifier, placed


def _round(layer: nn.Conv2d) -> nn.Conv2d:
    """A copy of a layer, with the weights that its own network's file has of it."""
    rounded = copy.deepcopy(layer).cpu()
    rounded.weight.data = _to_half_and_back(rounded.weight.data)
    return rounded


def _to_half_and_back(values: Tensor) -> Tensor:
    return values.half().float()
