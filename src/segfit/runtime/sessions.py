"""A model's networks made ready to run: one session each, by the backend that is wanted."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from segfit.errors import SegfitError
from segfit.model.archive import ModelFile
from segfit.model.card import Card
from segfit.model.precision import Precision
from segfit.runtime.cache import prune_cache
from segfit.runtime.devices import CPU, Device, DeviceKind
from segfit.runtime.session import Backend, Opening, Session
from segfit.runtime.threads import count_threads, explain_fork

KINDS: dict[Backend, tuple[DeviceKind, ...]] = {
    Backend.OPENVINO: (DeviceKind.CPU, DeviceKind.GPU, DeviceKind.NPU),
    Backend.ONNXRUNTIME: (DeviceKind.CPU, DeviceKind.CUDA, DeviceKind.TENSORRT),
    Backend.TORCH: (DeviceKind.CPU, DeviceKind.CUDA, DeviceKind.MPS, DeviceKind.XPU),
}
"""What each backend computes on."""
AUTOMATIC_KINDS = (DeviceKind.CUDA, DeviceKind.XPU)
"""The cards that "auto" tries, before it takes the processor."""
_started_in: dict[Backend, int] = {}
"""The process in which each backend opened its first network: this one, or one before a fork."""


def open_sessions(
    model: ModelFile[Card],
    *,
    backend: str | None = None,
    device: str = DeviceKind.CPU,
    threads: int | None = None,
    precision: str = Precision.AUTO,
) -> dict[str, Session]:
    """Make a model's networks ready to run, by the names that its card has for them.

    ``backend``: None for the one that suits the device, see ``choose_backend``. ``device``: see
    ``Device.parse``; "auto" is a CUDA card or an Intel GPU that a backend can use, else the
    processor. ``threads``: None for as many as there are processors to use, see ``count_threads``.
    ``precision``: of the classifier; with OpenVINO on the processor, "auto" is the fastest of int8,
    bfloat16 and single that the card says costs little and that the processor has instructions for,
    elsewhere it is single, see ``choose_precision``. The sessions may run in any number of threads
    at once.

    The unpacked networks and what the backend compiles from them stay in the user's cache folder
    (or in ``$SEGFIT_CACHE``), so that a second start is fast; beyond ``LIMIT_BYTES`` goes what was
    used longest ago. Raises ``SegfitError`` for another backend, device or precision, for one that
    is not there, for no threads, for networks that cannot be run, and in a process that was forked
    after the backend had started.
    """
    count_threads(threads)  # a mistake is named before anything is unpacked
    named = None if backend is None else Backend(backend)
    wanted, how = Device.parse(device), Precision(precision)
    if wanted.kind is not DeviceKind.AUTO:
        return _open_on(wanted, model, named, threads, how)
    for kind in AUTOMATIC_KINDS:
        if named is None or kind in KINDS[named]:
            try:
                return _open_on(Device(kind), model, named, threads, how)
            except SegfitError:  # there is no such card
                continue
    return _open_on(CPU, model, named, threads, how)


def _open_on(
    device: Device,
    model: ModelFile[Card],
    backend: Backend | None,
    threads: int | None,
    precision: Precision,
) -> dict[str, Session]:
    chosen = backend or choose_backend(device)
    if device.kind not in KINDS[chosen]:
        suitable = [name.value for name, kinds in KINDS.items() if device.kind in kinds]
        raise SegfitError(
            f"backend {chosen} does not compute on {device}: leave --backend out, or give "
            f"{' or '.join(suitable)}"
        )
    opening = Opening(model, chosen, threads, precision, device)
    sessions = {name: open_session(opening, name) for name in model.card.networks}
    if opening.backend is not Backend.TORCH:
        prune_cache(opening.folder.parent)
    return sessions


def choose_backend(device: Device) -> Backend:
    """What computes on a device where no backend is named.

    OpenVINO on processors and its own devices; on a CUDA card ONNX Runtime, if that which is
    installed can, since it starts in less time and memory than torch.
    """
    if device.kind in KINDS[Backend.OPENVINO]:
        return Backend.OPENVINO
    if device.kind in KINDS[Backend.ONNXRUNTIME]:
        from segfit.runtime.onnxruntime import has_provider

        if device.kind not in KINDS[Backend.TORCH] or has_provider(device.kind):
            return Backend.ONNXRUNTIME
    return Backend.TORCH


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

    OpenVINO then hangs or dies whatever it is to open; the others, where they want such threads or
    a card.
    """
    started_in = _started_in.setdefault(opening.backend, os.getpid())
    if opening.opens_where_started and started_in != os.getpid():
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
