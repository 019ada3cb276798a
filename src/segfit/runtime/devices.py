"""Processors and cards by their names: what a device is, and whether it can be used here.

A device that is asked for is used or refused; only ``auto`` takes another one instead.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from segfit.errors import SegfitError

if TYPE_CHECKING:
    import torch


class DeviceKind(StrEnum):
    """What computes a network.

    ``gpu`` and ``npu`` are Intel's, by OpenVINO's names; ``tensorrt`` is a CUDA card through
    TensorRT.
    """

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    TENSORRT = "tensorrt"
    MPS = "mps"
    XPU = "xpu"
    GPU = "gpu"
    NPU = "npu"


TRAINING_KINDS = (DeviceKind.CPU, DeviceKind.CUDA, DeviceKind.MPS, DeviceKind.XPU)
"""What torch computes on."""
NUMBERED_KINDS = (DeviceKind.CUDA, DeviceKind.TENSORRT, DeviceKind.XPU, DeviceKind.GPU)
"""Of which a machine may have several."""
FIRST_WITH_BFLOAT16 = (8, 0)
"""Of NVIDIA's cards, by their compute capability; those before emulate it slowly."""


@dataclass(frozen=True)
class Device:
    """A device by its kind and, where a machine may have several, its number.

    ``index``: None for the first, until ``find_torch_device`` has settled it.

    >>> str(Device.parse("cuda:1")), str(Device.parse("GPU.0"))
    ('cuda:1', 'gpu:0')
    """

    kind: DeviceKind
    index: int | None = None

    @classmethod
    def parse(cls, name: str) -> Device:
        """A device by its name, such as "cpu", "cuda" or "cuda:1"; OpenVINO's "GPU.1" is one, too.

        Raises ``SegfitError`` for a name of no device.
        """
        match = re.fullmatch(r"([a-z]+)(?:[:.](\d+))?", name.strip().lower())
        if match is None or match[1] not in list(DeviceKind):
            raise SegfitError(
                f"unknown device {name!r}: choose {', '.join(DeviceKind)}, or one of several cards "
                "by its number, such as cuda:1"
            )
        kind, index = DeviceKind(match[1]), match[2]
        if index is not None and kind not in NUMBERED_KINDS:
            raise SegfitError(f"device {name!r}: {kind} has no numbers, give {kind} alone")
        return cls(kind, None if index is None else int(index))

    @property
    def is_cpu(self) -> bool:
        """Whether it is the processor that everything else runs on."""
        return self.kind is DeviceKind.CPU

    def __str__(self) -> str:
        return self.kind.value if self.index is None else f"{self.kind}:{self.index}"


CPU = Device(DeviceKind.CPU)


def find_torch_device(device: Device) -> torch.device:
    """A device as torch has it, with its number.

    Raises ``SegfitError`` for one that torch cannot use here: says what it found, and what helps.
    """
    import torch

    match device.kind:
        case DeviceKind.CPU:
            return torch.device("cpu")
        case DeviceKind.CUDA:
            _check_cuda()
            names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
        case DeviceKind.XPU:
            if not torch.xpu.is_available():
                raise SegfitError(_say_absent(device, f"torch {torch.__version__} finds none"))
            names = [torch.xpu.get_device_name(n) for n in range(torch.xpu.device_count())]
        case DeviceKind.MPS:
            if not torch.backends.mps.is_available():
                raise SegfitError(_say_absent(device, f"torch {torch.__version__} finds none"))
            names = ["Apple GPU"]
        case _:
            raise SegfitError(
                f"device {device} is not one of torch's: choose {', '.join(TRAINING_KINDS)}"
            )
    return _try_torch_device(settle_number(device, names))


def choose_torch_device(index: int | None = None) -> tuple[torch.device, str]:
    """The card that training takes by itself, or the processor; and why it takes no card.

    ``index``: of the card, for one of several processes; then none takes the processor instead, and
    a card that is not there raises ``SegfitError``. The reason is empty where torch was built
    without cards. Apple's are taken only when they are asked for: whether they have all that a
    training needs is not known yet.
    """
    import torch

    for kind, is_built in (
        (DeviceKind.CUDA, torch.version.cuda is not None or torch.version.hip is not None),
        (DeviceKind.XPU, torch.xpu._is_compiled()),
    ):
        if is_built:
            try:
                return find_torch_device(Device(kind, index)), ""
            except SegfitError as error:
                if index is not None:
                    raise
                return torch.device("cpu"), str(error)
    return torch.device("cpu"), ""


def computes_bfloat16(device: torch.device) -> bool:
    """Whether a card computes bfloat16 itself; of Apple's, that is not known yet."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= FIRST_WITH_BFLOAT16
    return device.type == "xpu"


def settle_number(device: Device, names: Sequence[str]) -> Device:
    """The device with its number; ``names``: of all that there are of its kind.

    Raises ``SegfitError`` for a number that there is none of.
    """
    index = device.index or 0
    if index >= len(names):
        there = ", ".join(f"{device.kind}:{number} ({name})" for number, name in enumerate(names))
        raise SegfitError(_say_absent(device, f"there is {there}" if names else "there is none"))
    return replace(device, index=index) if device.kind in NUMBERED_KINDS else device


def _check_cuda() -> None:
    """Raise ``SegfitError`` where torch can use no CUDA card."""
    import torch

    cuda = Device(DeviceKind.CUDA)
    if torch.version.cuda is None and torch.version.hip is None:
        raise SegfitError(
            _say_absent(
                cuda,
                f"torch {torch.__version__} was built without CUDA; install a build with it, see "
                "https://pytorch.org/get-started/locally",
            )
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it warns of is said below
        if torch.cuda.is_available():
            return
        try:
            torch.cuda.init()  # type: ignore[no-untyped-call]
            found = "torch finds no card"
        except (RuntimeError, AssertionError) as error:
            found = first_line(error)
    raise SegfitError(_say_absent(cuda, found))


def _try_torch_device(device: Device) -> torch.device:
    """Compute something on the device: a card may be there, and too old for this torch, or full."""
    import torch

    found = torch.device(str(device))
    try:
        torch.ones(1, device=found).sum().item()
    except RuntimeError as error:
        raise SegfitError(
            _say_absent(device, f"it does not compute: {first_line(error)}")
        ) from error
    return found


def _say_absent(device: Device, found: str) -> str:
    return f"device {device} cannot be used: {found}; or give --device cpu"


def first_line(error: BaseException) -> str:
    """The first line of what went wrong, without its full stop."""
    return str(error).strip().partition("\n")[0].rstrip(".")
