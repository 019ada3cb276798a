"""What all networks of a model share: how each is built, what goes in and what comes out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segfit.model.architecture import Architecture

Axes = dict[int, str]
"""Axes of a tensor that may vary, and what they are called in the graph."""


@dataclass(frozen=True, eq=False)
class Input:
    """What goes into a network: an example, and the axes along which others may differ from it."""

    example: Tensor
    axes: Axes = field(default_factory=dict)


class Network(nn.Module):
    """A network of a model; ``architecture``: all that it was built from."""

    architecture: Architecture

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[NDArray[Any], ...]:
        """Its answers to arrays, given in the order of its inputs, as a ``Session`` has them.

        On whatever device its weights are.
        """
        # torch takes no arrays that are read-only or run backwards.
        arrays = [np.require(array, None, ["C", "W"]) for array in inputs.values()]
        device = next(self.parameters()).device
        with torch.inference_mode():
            answers = self(*(torch.from_numpy(array).to(device) for array in arrays))
        return tuple(
            answer.float().cpu().numpy()
            for answer in (answers if isinstance(answers, tuple) else (answers,))
        )

    @abstractmethod
    def inputs(self) -> dict[str, Input]:
        """Its inputs by their names, in the order in which ``forward`` takes them."""

    @abstractmethod
    def outputs(self) -> dict[str, Axes]:
        """Its outputs by their names, in their order, and the axes of each that may vary."""


@dataclass(frozen=True, eq=False)
class NetworkKind:
    """What builds the networks of an architecture; a module of networks has one as ``NETWORK``."""

    architecture: type[Architecture]
    build: Callable[[Any], Network]
