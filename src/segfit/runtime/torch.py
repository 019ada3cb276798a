"""Networks in torch, as they were trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Any

from numpy.typing import NDArray

from segfit.errors import SegfitError
from segfit.model.precision import Precision
from segfit.runtime.devices import computes_bfloat16, find_torch_device, first_line
from segfit.runtime.session import OpenedSession, Opening
from segfit.runtime.threads import count_threads

_thread_count = RLock()
"""Held by who changes torch's number of threads: that is a setting of the whole process."""


class TorchSession(OpenedSession):
    """A network in torch, restored from the model's weights.

    In single precision, but for one that may be rough and is on a card. One computes at a time,
    since each has its own number of threads, on which the last bits of its answers depend.
    """

    def __init__(self, opening: Opening, network: str) -> None:
        super().__init__(opening, network)
        try:
            from segfit.networks.export import restore_from
        except ImportError as error:
            raise SegfitError(
                'backend torch is not installed: pip install "segfit[train]"'
            ) from error
        self._threads = count_threads(opening.threads)
        import torch

        self._device = find_torch_device(opening.device)
        with torch.random.fork_rng(devices=[]):  # weights are drawn before they are filled in
            self._module = restore_from(opening.model, network).to(self._device)

    def _compute(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        import torch

        with _thread_count, use_threads(self._threads), self._use_precision():
            try:
                return self._module.run(inputs)
            except torch.OutOfMemoryError as error:
                raise SegfitError(
                    f"{self._device} has too little memory for this image "
                    f"({first_line(error)}): free what others take of it, or give --device cpu"
                ) from error

    @contextmanager
    def _use_precision(self) -> Iterator[None]:
        """On a card, compute in bfloat16 where the network may be rough, else in all digits.

        Left alone, cuDNN rounds what it multiplies to 10 binary digits; a rough network that finds
        no bfloat16 may have that.
        """
        import torch

        if self._device.type == "cpu":
            yield
            return
        rough = self.precision is Precision.BFLOAT16
        in_16_bits = rough and computes_bfloat16(self._device)
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = rough
        try:
            with torch.autocast(self._device.type, torch.bfloat16, enabled=in_16_bits):
                yield
        finally:
            torch.backends.cudnn.allow_tf32 = before


@contextmanager
def use_threads(threads: int | None) -> Iterator[None]:
    """Let torch compute with so many threads, and afterwards with as many as before.

    ``threads``: None for as many as there are processors to use, see ``count_threads``.
    """
    import torch

    count = count_threads(threads)
    with _thread_count:
        before = torch.get_num_threads()
        if before != count:
            torch.set_num_threads(count)
    try:
        yield
    finally:
        if before != count:
            with _thread_count:
                torch.set_num_threads(before)
