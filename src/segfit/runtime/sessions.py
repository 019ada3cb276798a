"""Networks of a model, ready to run: one session each, whatever computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from segfit.runtime.threads import count_threads


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
        return open_session, (self.opening, self.network)

    def __repr__(self) -> str:
        count = self.opening.threads
        threads = "1 thread" if count == 1 else f"{count or 'all'} threads"
        rough = " in the fastest precision" if self.opening.is_rough(self.network) else ""
        return f"{self.opening.backend} with {threads}{rough}"


def open_sessions(
    model: ModelFile[Card],
    *,
    backend: str = Backend.OPENVINO,
    threads: int | None = None,
    precision: str = Precision.SINGLE,
) -> dict[str, Session]:
    """Make a model's networks ready to run, by the names that its card has for them.

    ``threads``: None for as many as there are processors to use, see ``count_threads``.
    ``precision``: "fastest" is bfloat16 where the processor has it, with OpenVINO, for the
    classifier: half the time, logits right to two digits. The unpacked networks and what the
    backend compiles from them stay in the user's cache folder (or in ``$SEGFIT_CACHE``), so that a
    second start is fast. Raises ``SegfitError`` for another backend or precision, for one that is
    not installed, for no threads, and for networks that cannot be run.
    """
    count_threads(threads)  # a mistake is named before anything is unpacked
    opening = Opening(model, Backend(backend), threads, Precision(precision))
    return {name: open_session(opening, name) for name in model.card.networks}


def describe_networks(card: Card, sessions: Mapping[str, Session]) -> list[str]:
    """Say in a few lines which networks a model has, and what computes them."""
    networks = [f"{name}: {network.architecture}" for name, network in card.networks.items()]
    return [*networks, "run by " + ", ".join(dict.fromkeys(map(repr, sessions.values())))]


def open_session(opening: Opening, network: str) -> Session:
    """Make one network of a model ready to run; see ``open_sessions``."""
    try:
        return _choose_kind(opening.backend)(opening, network)
    except SegfitError:
        raise
    except Exception as error:  # each backend has error types of its own
        raise SegfitError(
            f"{opening.backend} cannot run the network of the model {opening.model.card.name} "
            f"({str(error).strip().partition(chr(10))[0]}): train it again, or try another backend"
        ) from error


def _choose_kind(backend: Backend) -> Callable[[Opening, str], Session]:
    """What opens a session; a backend is imported when it is first chosen."""
    match backend:
        case Backend.OPENVINO:
            from segfit.runtime.openvino import OpenVinoSession

            return OpenVinoSession
        case Backend.ONNXRUNTIME:
            from segfit.runtime.onnxruntime import OnnxRuntimeSession

            return OnnxRuntimeSession
        case Backend.TORCH:
            from segfit.runtime.torch import TorchSession

            return TorchSession
