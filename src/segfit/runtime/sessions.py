"""A model's networks made ready to run: one session each, by the backend that is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from segfit.errors import SegfitError
from segfit.model.archive import ModelFile
from segfit.model.card import Card
from segfit.model.precision import Precision
from segfit.runtime.cache import prune_cache
from segfit.runtime.session import Backend, Opening, Session
from segfit.runtime.threads import count_threads, explain_fork

_started_in: dict[Backend, int] = {}
"""The process in which each backend opened its first network: this one, or one before a fork."""


def open_sessions(
    model: ModelFile[Card],
    *,
    backend: str = Backend.OPENVINO,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> dict[str, Session]:
    """Make a model's networks ready to run, by the names that its card has for them.

    ``threads``: None for as many as there are processors to use, see ``count_threads``.
    ``precision``: of the classifier; with OpenVINO, "auto" is the fastest of int8, bfloat16 and
    single that the card says costs little and that the processor has instructions for, see
    ``choose_precision``. The sessions may run in any number of threads at once.

    The unpacked networks and what the backend compiles from them stay in the user's cache folder
    (or in ``$SEGFIT_CACHE``), so that a second start is fast; beyond ``LIMIT_BYTES`` goes what was
    used longest ago. Raises ``SegfitError`` for another backend or precision, for one that there
    is not, for no threads, for networks that cannot be run, and in a process that was forked
    after the backend had started.
    """
    count_threads(threads)  # a mistake is named before anything is unpacked
    opening = Opening(model, Backend(backend), threads, Precision(precision))
    sessions = {name: open_session(opening, name) for name in model.card.networks}
    if opening.backend is not Backend.TORCH:
        prune_cache(opening.folder.parent)
    return sessions


def describe_networks(card: Card, sessions: Mapping[str, Session]) -> list[str]:
    """Say in a few lines which networks a model has, and what computes them."""
    networks = [f"{name}: {network.architecture}" for name, network in card.networks.items()]
    return [*networks, "run by " + ", ".join(dict.fromkeys(map(repr, sessions.values())))]


def open_session(opening: Opening, network: str) -> Session:
    """Make one network of a model ready to run; see ``open_sessions``."""
    _check_process(opening)
    try:
        kind = _choose_kind(opening.backend)
        try:
            return kind(opening, network)
        except Exception:
            if opening.backend is Backend.TORCH or not opening.restore_files():
                raise
            return kind(opening, network)  # another process had pruned what was to be read
    except SegfitError:
        raise
    except Exception as error:  # each backend has error types of its own
        raise SegfitError(
            f"{opening.backend} cannot run the network of the model {opening.model.card.name} "
            f"({str(error).strip().partition(chr(10))[0]}): train it again, or try another backend"
        ) from error


def _check_process(opening: Opening) -> None:
    """Raise ``SegfitError`` where the backend has started threads and lost them by a fork.

    OpenVINO then hangs or dies whatever it is to open; the others, where they want such threads.
    """
    started_in = _started_in.setdefault(opening.backend, os.getpid())
    needs_threads = opening.backend is Backend.OPENVINO or count_threads(opening.threads) > 1
    if needs_threads and started_in != os.getpid():
        raise explain_fork(opening.backend)


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
