"""Networks in training as what the steps of a prediction run, so that both walk the same path."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segfit.classification.classify import ScoreNetwork, classify
from segfit.model.scaling import Scaling
from segfit.networks.box_regressor import BoxRegressor
from segfit.networks.classifier import Classifier
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.refinement.boxes import BoxNetwork
from segfit.refinement.outlines import OutlineNetwork
from segfit.result.scores import Score


def make_score(network: Classifier, scaling: Scaling) -> Score:
    """A torch module as what gives the scores of an image, by the same path as prediction."""
    run = as_score_network(network)
    return partial(classify, network=run, scaling=scaling, architecture=network.architecture)


def as_score_network(network: Classifier) -> ScoreNetwork:
    """A torch module as what ``classify`` runs."""
    return lambda images: network.run({"images": images})


def as_outline_network(network: OutlineRegressor) -> OutlineNetwork:
    """A torch module as what ``refine_outlines`` runs."""
    return OutlineNetwork(network.run, network.architecture)


def as_box_network(network: BoxRegressor) -> BoxNetwork:
    """A torch module as what ``regress_boxes`` runs."""
    return BoxNetwork(network.run, network.architecture)


def as_tensors(inputs: Mapping[str, NDArray[Any]], device: torch.device) -> list[Tensor]:
    """A network's inputs, in its order, on the device that it is on."""
    return [as_tensor(array).to(device) for array in inputs.values()]


def as_tensor(array: NDArray[Any]) -> Tensor:
    """An array as a tensor; torch takes none that are read-only or run backwards."""
    return torch.from_numpy(np.require(array, None, ["C", "W"]))
