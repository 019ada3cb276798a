"""Runs a model's networks: OpenVINO by default, ONNX Runtime or torch by choice.

Classifiers map (1, H, W, 3) uint8, sides multiples of 32, to (1, K, h, w) float32 logits, with
features behind them where the model has a regression network; regressors map what they see of
outlines or rectangles to offsets and errors.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from segfit.arrays import Float32Array, UInt8Array
from segfit.classification.classify import ScoreNetwork
from segfit.errors import SegfitError
from segfit.files import write_file
from segfit.model.archive import (
    BOX_GRAPH_NAME,
    GRAPH_NAME,
    REGRESSOR_GRAPH_NAME,
    AnyModelFile,
    Archive,
    ModelFile,
)
from segfit.refinement.boxes import BoxNetwork
from segfit.refinement.outlines import OutlineNetwork

Backend = Literal["openvino", "onnxruntime", "torch"]
BACKENDS: tuple[Backend, ...] = ("openvino", "onnxruntime", "torch")
Precision = Literal["single", "fastest"]
CACHE_VARIABLE = "SEGFIT_CACHE"


def open_network(
    model: ModelFile,
    *,
    backend: Backend = "openvino",
    threads: int | None = None,
    precision: Precision = "single",
) -> ScoreNetwork:
    """Make a model's classifier ready to run.

    ``threads``: None for as many as the machine has cores. ``precision``: "fastest" is bfloat16
    where the processor has it, with OpenVINO: half the time, logits right to two digits. The
    unpacked network and what the backend compiles from it stay in the user's cache folder (or in
    ``$SEGFIT_CACHE``), so that a second start is fast.
    """
    count = _check_choice(backend, threads)
    with _explained(backend, model):
        if backend == "openvino":
            return OpenVinoNetwork(unpack_network(model), threads=count, precision=precision)
        if backend == "onnxruntime":
            return OnnxRuntimeNetwork(unpack_network(model), threads=count)
        return TorchNetwork(model, threads=count)


def open_regressor(
    model: AnyModelFile, *, backend: Backend = "openvino", threads: int | None = None
) -> OutlineNetwork | None:
    """Make a model's regression network ready to run, as ``open_network`` does its classifier.

    None for a model that has none.
    """
    card = model.card.regressor
    if card is None:
        return None

    def restore() -> Any:
        from segfit.networks.export import restore_regressor

        assert model.regressor is not None
        return restore_regressor(card.architecture, model.regressor.weights)

    return _open_moving(model, REGRESSOR_GRAPH_NAME, restore, backend, threads)


def open_box_regressor(
    model: ModelFile, *, backend: Backend = "openvino", threads: int | None = None
) -> BoxNetwork | None:
    """Make a model's network for rectangles ready to run, as ``open_network`` does its classifier.

    None for a model that has none.
    """
    card = model.card.boxes
    if card is None:
        return None

    def restore() -> Any:
        from segfit.networks.export import restore_box_regressor

        assert model.boxes is not None
        return restore_box_regressor(card.architecture, model.boxes.weights)

    return _open_moving(model, BOX_GRAPH_NAME, restore, backend, threads)


def _open_moving(
    model: AnyModelFile,
    graph_name: str,
    restore: Callable[[], Any],
    backend: str,
    threads: int | None,
) -> OpenVinoRegressor | OnnxRuntimeRegressor | TorchRegressor:
    count = _check_choice(backend, threads)
    with _explained(backend, model):
        if backend == "openvino":
            return OpenVinoRegressor(unpack_network(model) / graph_name, threads=count)
        if backend == "onnxruntime":
            return OnnxRuntimeRegressor(unpack_network(model) / graph_name, threads=count)
        _start_torch(count)
        return TorchRegressor(restore())


def _check_choice(backend: str, threads: int | None) -> int:
    if backend not in BACKENDS:
        raise SegfitError(f"unknown backend {backend!r}: choose {', '.join(BACKENDS)}")
    if threads is not None and threads < 1:
        raise SegfitError(f"threads is 1 or more, or None for all cores; given {threads}")
    return threads or os.cpu_count() or 1


@contextmanager
def _explained(backend: str, model: AnyModelFile) -> Iterator[None]:
    try:
        yield
    except SegfitError:
        raise
    except Exception as error:  # each backend has error types of its own
        raise SegfitError(
            f"{backend} cannot run the network of the model {model.card.name} "
            f"({str(error).strip().partition(chr(10))[0]}): train it again, or try another backend"
        ) from error


FAMILIAR_AFTER = 8
"""Images of one size after which a network is compiled for the very size: a sixth faster."""
MOST_FAMILIAR = 6
"""Compilations for single sizes that are kept: upright and lying images at three scales."""


class OpenVinoNetwork:
    """A network on OpenVINO's CPU device.

    One compilation takes images of any size. A size that keeps coming back gets another of its
    own; the last few such ones are kept.
    """

    def __init__(self, folder: Path, *, threads: int, precision: Precision) -> None:
        self._core, self._settings = _start_openvino(folder, threads, precision)
        self._graph = str(folder / GRAPH_NAME)
        compiled = self._core.compile_model(self._graph, "CPU", self._settings)
        self._any_size = compiled.create_infer_request()
        self._familiar: dict[tuple[int, ...], Any] = {}  # the one that was used last comes last
        self._seen: Counter[tuple[int, ...]] = Counter()

    def __call__(self, images: UInt8Array) -> Float32Array:
        """Return the logits of one image."""
        request = self._choose_request(images.shape)
        results = request.infer([np.ascontiguousarray(images)], share_inputs=True)
        return np.asarray(results[0], dtype=np.float32)

    @property
    def familiar_sizes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the images that have a compilation of their own, the latest used last."""
        return tuple(self._familiar)

    def _choose_request(self, shape: tuple[int, ...]) -> Any:
        request = self._familiar.pop(shape, None)
        if request is None:
            self._seen[shape] += 1
            if self._seen[shape] <= FAMILIAR_AFTER:
                return self._any_size
            del self._seen[shape]
            model = self._core.read_model(self._graph)
            model.reshape(list(shape))
            compiled = self._core.compile_model(model, "CPU", self._settings)
            request = compiled.create_infer_request()
            for old in list(self._familiar)[: 1 - MOST_FAMILIAR]:
                del self._familiar[old]
        self._familiar[shape] = request
        return request


class OnnxRuntimeNetwork:
    """A network on ONNX Runtime's CPU provider."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self._session = _start_onnxruntime(folder / GRAPH_NAME, threads)

    def __call__(self, images: UInt8Array) -> Float32Array:
        """Return the logits of one image."""
        (name,) = (entry.name for entry in self._session.get_inputs())
        (logits,) = self._session.run(None, {name: images})
        return np.asarray(logits, dtype=np.float32)


class TorchNetwork:
    """The module that was trained, restored from the model's weights."""

    def __init__(self, model: ModelFile, *, threads: int) -> None:
        self._torch = _start_torch(threads)
        from segfit.networks.export import restore_classifier

        self._module = restore_classifier(
            model.card.architecture,
            model.weights,
            with_features=model.card.regressor is not None,
        )

    def __call__(self, images: UInt8Array) -> Float32Array:
        """Return the logits of one image."""
        with self._torch.inference_mode():
            # torch takes no arrays that are read-only or run backwards.
            logits = self._module(self._torch.from_numpy(np.require(images, None, ["C", "W"])))
        return np.asarray(logits.numpy(), dtype=np.float32)


class Seen(Protocol):
    """What a regressor sees: strips across outlines, or patches around rectangles."""

    def inputs(self) -> dict[str, NDArray[Any]]:
        """Arrays by the names and in the order of the network's inputs."""
        ...


class OpenVinoRegressor:
    """A regressor on OpenVINO's CPU device, in single precision."""

    def __init__(self, graph: Path, *, threads: int) -> None:
        core, settings = _start_openvino(graph.parent, threads)
        self._request = core.compile_model(str(graph), "CPU", settings).create_infer_request()

    def __call__(self, seen: Seen) -> tuple[Float32Array, Float32Array]:
        """Return offsets and errors."""
        results = self._request.infer(list(seen.inputs().values()), share_inputs=True)
        return np.array(results["offsets"]), np.array(results["errors"])


class OnnxRuntimeRegressor:
    """A regressor on ONNX Runtime's CPU provider."""

    def __init__(self, graph: Path, *, threads: int) -> None:
        self._session = _start_onnxruntime(graph, threads)

    def __call__(self, seen: Seen) -> tuple[Float32Array, Float32Array]:
        """Return offsets and errors."""
        names = [entry.name for entry in self._session.get_inputs()]
        given = dict(zip(names, seen.inputs().values(), strict=True))
        offsets, errors = self._session.run(["offsets", "errors"], given)
        return offsets, errors


class TorchRegressor:
    """A regressor as it was trained, restored from the model's weights."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, seen: Seen) -> tuple[Float32Array, Float32Array]:
        """Return offsets and errors."""
        import torch

        with torch.inference_mode():
            offsets, errors = self._module(
                *(
                    torch.from_numpy(np.require(array, None, ["C", "W"]))
                    for array in seen.inputs().values()
                )
            )
        return offsets.numpy(), errors.numpy()


def _start_openvino(
    folder: Path, threads: int, precision: Precision = "single"
) -> tuple[Any, dict[str, Any]]:
    """OpenVINO, and the settings to compile a network with."""
    import openvino

    core = openvino.Core()
    core.set_property({"CACHE_DIR": str(folder / "openvino")})
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    if precision == "single":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    return core, settings


def _start_onnxruntime(graph: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise SegfitError(
            'backend onnxruntime is not installed: pip install "segfit[onnxruntime]"'
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _start_torch(threads: int) -> Any:
    try:
        import torch
    except ImportError as error:
        raise SegfitError('backend torch is not installed: pip install "segfit[train]"') from error
    torch.set_num_threads(threads)
    return torch


def unpack_network(model: Archive) -> Path:
    """Folder that holds the model's graph and weights as files; made once per network.

    What lies there already is compared with the model: a disk may have filled up or lost power.
    """
    cache = Path(os.environ.get(CACHE_VARIABLE) or user_cache_path("segfit"))
    folder = cache / model.digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in model.networks.items():
            if not _holds(folder / name, content):
                write_file(folder / name, content, force=True)
    except OSError as error:
        raise SegfitError(
            f"the cache folder {cache} cannot be written ({error.strerror}): "
            f"set {CACHE_VARIABLE} to a folder that can"
        ) from error
    except SegfitError as error:
        raise SegfitError(
            f"the cache folder {cache} cannot be used: {error}; or set {CACHE_VARIABLE} to another"
        ) from error
    return folder


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content
