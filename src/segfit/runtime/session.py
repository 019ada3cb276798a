"""What a session is: a network of a model that is ready to run, whatever computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from segfit.basics.show import show_briefly
from segfit.errors import SegfitError
from segfit.model.archive import GRAPH_SUFFIX, ModelFile
from segfit.model.card import Card
from segfit.runtime.cache import unpack_networks


class Backend(StrEnum):
    """What computes a network."""

    OPENVINO = "openvino"
    ONNXRUNTIME = "onnxruntime"
    TORCH = "torch"

    @classmethod
    def _missing_(cls, value: object) -> Backend:
        raise SegfitError(f"unknown backend {value!r}: choose {', '.join(cls)}")


class Precision(StrEnum):
    """How exactly a network is computed; ``FASTEST``: see ``open_sessions``."""

    SINGLE = "single"
    FASTEST = "fastest"

    @classmethod
    def _missing_(cls, value: object) -> Precision:
        raise SegfitError(f"unknown precision {value!r}: choose {', '.join(cls)}")


class Session(Protocol):
    """A network that is ready to run."""

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[NDArray[Any], ...]:
        """Its answers, in the network's order.

        ``inputs``: in the network's order, too, since older graphs have other names for them.
        """
        ...


@dataclass(frozen=True, eq=False)
class Opening:
    """How the networks of a model are opened, here or in another process."""

    model: ModelFile[Card]
    backend: Backend
    threads: int | None
    precision: Precision

    __repr__ = show_briefly

    @cached_property
    def folder(self) -> Path:
        """Where the networks lie as files."""
        return unpack_networks(self.model)

    def find_graph(self, network: str) -> Path:
        """A network's graph as a file, the weights beside it."""
        return self.folder / (network + GRAPH_SUFFIX)

    def is_rough(self, network: str) -> bool:
        """Whether a network may be computed in less than single precision."""
        architecture = self.model.card.networks[network].architecture
        return self.precision is Precision.FASTEST and architecture.MAY_BE_ROUGH

    def __reduce__(self) -> tuple[Any, ...]:
        return Opening, (self.model, self.backend, self.threads, self.precision)


class OpenedSession:
    """What the sessions of all backends share: a copy opens the network anew."""

    def __init__(self, opening: Opening, network: str) -> None:
        self.opening, self.network = opening, network

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.opening, self.network)

    def __repr__(self) -> str:
        count = self.opening.threads
        threads = "1 thread" if count == 1 else f"{count or 'all'} threads"
        rough = " in the fastest precision" if self.opening.is_rough(self.network) else ""
        return f"{self.opening.backend} with {threads}{rough}"
