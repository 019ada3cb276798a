"""Where a training computes: the processor or a card, and how exactly."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from segfit.errors import SegfitError
from segfit.runtime.devices import (
    NUMBERED_KINDS,
    Device,
    DeviceKind,
    choose_torch_device,
    computes_bfloat16,
    find_torch_device,
)
from segfit.runtime.threads import count_threads
from segfit.training.torch_state import CPU

MOST_LOADERS = 12
"""Threads that make batches for a card: more of them wait for each other."""


@dataclass(frozen=True)
class Placement:
    """A device of torch's, and whether networks of images learn on it in bfloat16.

    On the processor everything is in single precision. ``loaders``: threads that make batches
    ahead; 0 on the processor, where they would take its time.
    """

    device: torch.device = CPU
    has_bfloat16: bool = False
    loaders: int = 0

    @property
    def is_card(self) -> bool:
        """Whether it is anything but the processor."""
        return self.device.type != "cpu"

    def autocast(self) -> AbstractContextManager[object]:
        """Inside, convolutions and products of matrices compute in bfloat16, where that is so."""
        if not self.has_bfloat16:
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def pin(self, tensor: Tensor) -> Tensor:
        """The tensor in memory that a card can read by itself, while the processor goes on."""
        return tensor.pin_memory() if self.device.type == "cuda" else tensor

    def send(self, tensor: Tensor) -> Tensor:
        """The tensor on the device; itself where it is there already."""
        if self.device.type == "mps" and tensor.dtype == torch.float64:  # which has none
            tensor = tensor.float()
        return tensor.to(self.device, non_blocking=True)


ON_CPU = Placement()


def find_placement(
    name: str, *, threads: int | None = None, number: int | None = None
) -> tuple[Placement, str]:
    """Where to train by the name of a device; and what to tell of it, empty for the processor.

    ``name``: a kind of ``TRAINING_KINDS`` with a number if need be, or "auto": see
    ``choose_torch_device``. ``number``: of this process on its machine, where there are several,
    each of which takes the card of its number. Raises ``SegfitError`` for a device that is not
    there.
    """
    device = Device.parse(name)
    if number is not None and device.index is not None:
        raise SegfitError(
            f"device {device} is one card, for several processes: give --device {device.kind}, of "
            "which each takes one"
        )
    if number is not None and device.kind in NUMBERED_KINDS:
        device = replace(device, index=number)
    if device.kind is DeviceKind.AUTO:
        found, missing = choose_torch_device(number)
        if missing:
            return ON_CPU, f"trains on the processor: {missing}"
    else:
        found = find_torch_device(device)
    if found.type == "cpu":
        return ON_CPU, ""
    has_bfloat16 = computes_bfloat16(found)
    loaders = min(MOST_LOADERS, count_threads(threads))
    precision = "with bfloat16" if has_bfloat16 else "in single precision, for want of bfloat16"
    return (
        Placement(found, has_bfloat16, loaders),
        f"trains on {found} ({describe_card(found)}) {precision}",
    )


def describe_card(device: torch.device) -> str:
    """A card's name as its maker calls it."""
    if device.type == "mps":
        return "Apple GPU"
    name: str = torch.get_device_module(device).get_device_name(device)
    return name


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a card had too little memory; on Apple's that has no type of its own."""
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in str(error).lower()


def free_memory(device: torch.device) -> None:
    """Give back what torch keeps of a card's memory for later."""
    if device.type != "cpu":
        torch.get_device_module(device).empty_cache()
