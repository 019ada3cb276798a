"""What a session is: a network of a model that is ready to run, whatever computes it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4
from weakref import WeakValueDictionary

from numpy.typing import NDArray

from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.model.archive import GRAPH_SUFFIX, ModelFile
from segfit.model.card import Card
from segfit.model.precision import Precision
from segfit.runtime.cache import unpack_networks
from segfit.runtime.devices import CPU, Device
from segfit.runtime.precision import choose_precision
from segfit.runtime.threads import count_threads, explain_fork

Shape = tuple[int, ...]


class Backend(StrEnum):
    """What computes a network."""

    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"
    TORCH = "torch"

    @classmethod
    def _missing_(cls, value: object) -> Backend:
        raise SegfitError(f"unknown backend {value!r}: choose {', '.join(cls)}")


class Session(Protocol):
    """A network that is ready to run, in any number of threads at once."""

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[NDArray[Any], ...]:
        """Its answers, in the network's order; nothing that runs later changes them.

        ``inputs``: in the network's order, too, since older graphs have other names for them.
        """
        ...

    def prepare(self, shapes: Mapping[str, Shape], /) -> None:
        """Get ready for inputs of these shapes, where that makes them faster."""
        ...

    def release(self) -> None:
        """Give back the memory that it computes in; the next run takes it anew."""
        ...


@dataclass(frozen=True, eq=False)
class Opening:
    """How the networks of a model are opened, here or in another process."""

    model: ModelFile[Card]
    backend: Backend
    threads: int | None
    precision: Precision
    device: Device = CPU

    __repr__ = show_briefly

    @cached_property
    def folder(self) -> Path:
        """Where the networks lie as files."""
        return unpack_networks(self.model)

    def restore_files(self) -> bool:
        """Unpack the networks again where another process has removed some; whether one had."""
        files = [self.folder / name for name in self.model.members]
        if all(file.is_file() for file in files):
            return False
        self.__dict__["folder"] = unpack_networks(self.model)
        return True

    def find_graph(self, network: str) -> Path:
        """A network's graph as a file, the weights beside it."""
        return self.folder / (network + GRAPH_SUFFIX)

    def choose_precision(self, network: str) -> Precision:
        """What a network is computed in, see ``segfit.runtime.precision``."""
        card = self.model.card.networks[network]
        return choose_precision(self.precision, card, backend=self.backend, device=self.device)

    @property
    def computes_where_opened(self) -> bool:
        """Whether a process that is forked from this one cannot go on with what is open here.

        Threads and a card's memory stay behind. Without its threads a backend may compute for a
        long time, and waits for ever once it is forked while one of them was at work.
        """
        return count_threads(self.threads) > 1 or not self.device.is_cpu

    @property
    def opens_where_started(self) -> bool:
        """Whether nothing can be opened in a process that was forked once the backend had started.

        OpenVINO has threads for that however many it computes with.
        """
        return self.backend is Backend.OPENVINO or self.computes_where_opened

    def __reduce__(self) -> tuple[Any, ...]:
        return Opening, (self.model, self.backend, self.threads, self.precision, self.device)


class OpenedSession:
    """What the sessions of all backends share.

    A copy is the session itself where that is at hand: in the same process, and in one that was
    forked from it, where it computes with one thread or not at all. Elsewhere it opens the network
    anew.
    """

    def __init__(self, opening: Opening, network: str) -> None:
        self.opening, self.network = opening, network
        self.precision = opening.choose_precision(network)
        self.process = os.getpid()
        self._token = uuid4().hex
        _open_sessions[self._token] = self

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[NDArray[Any], ...]:
        """The network's answers, see ``Session``; ``SegfitError`` where it would wait for ever."""
        if self.process != os.getpid() and self.opening.computes_where_opened:
            raise explain_fork(self.opening.backend)
        return self._compute(inputs)

    def _compute(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        """The network's answers; its inputs are taken in their order."""
        raise NotImplementedError

    def prepare(self, shapes: Mapping[str, Shape], /) -> None:
        """Nothing: only OpenVINO compiles for a shape."""

    def release(self) -> None:
        """Give back the memory that it computes in: none, where a backend keeps none of its own."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _find_or_open, (self._token, type(self), self.opening, self.network)

    def __repr__(self) -> str:
        count = self.opening.threads
        threads = "1 thread" if count == 1 else f"{count or 'all'} threads"
        rough = "" if self.precision is Precision.SINGLE else f" in {self.precision}"
        device = self.opening.device
        place = f"with {threads}" if device.is_cpu else f"on {device}"
        return f"{self.opening.backend} {place}{rough}"


_open_sessions: WeakValueDictionary[str, OpenedSession] = WeakValueDictionary()


def _find_or_open(
    token: str, kind: type[OpenedSession], opening: Opening, network: str
) -> OpenedSession:
    found = _open_sessions.get(token)
    return kind(opening, network) if found is None else found
