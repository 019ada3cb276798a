"""Torch's own state, which belongs to the user's process: changed for a while, then restored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def use_seed(seed: int) -> Iterator[None]:
    """Let torch's random numbers follow from ``seed`` inside, and continue outside undisturbed.

    On the CPU: ``torch.manual_seed`` would seed every device for good.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
