"""Torch's own state, which belongs to the user's process: changed for a while, then restored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

CPU = torch.device("cpu")


@contextmanager
def use_seed(seed: int, device: torch.device = CPU) -> Iterator[None]:
    """Let torch's random numbers follow from ``seed`` inside, and continue outside undisturbed.

    On the processor and on ``device``: ``torch.manual_seed`` would seed every device for good.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=[]))
        torch.default_generator.manual_seed(seed)
        if device.type != "cpu":
            generator = find_generator(device)
            stack.callback(generator.set_state, generator.get_state())
            generator.manual_seed(seed)
        yield


def to_cpu(state: Any) -> Any:
    """A copy of a state whose tensors, however deep in it, are the processor's."""
    if isinstance(state, torch.Tensor):
        return state.detach().to(CPU, copy=True)  # what it is of goes on changing
    if isinstance(state, Mapping):
        return {key: to_cpu(value) for key, value in state.items()}
    return [to_cpu(value) for value in state] if isinstance(state, list) else state


def find_generator(device: torch.device) -> torch.Generator:
    """What draws the random numbers of a card, whose number is known."""
    if device.type == "mps":
        return torch.mps._get_default_mps_generator()
    generators: tuple[torch.Generator, ...] = torch.get_device_module(device).default_generators
    return generators[device.index]
