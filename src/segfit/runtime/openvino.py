"""Networks on OpenVINO's devices: processors, and Intel's GPUs and NPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from segfit.errors import SegfitError
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.precision import Precision
from segfit.runtime.cache import prune_cache, use_folder
from segfit.runtime.devices import Device, DeviceKind
from segfit.runtime.quantization import quantize, store_quantized
from segfit.runtime.session import OpenedSession, Opening, Shape
from segfit.runtime.threads import READING_GRAPHS, count_threads

# OpenVINO looks for NumPy when it is first given an array: two threads that do so at once wait for
# each other for ever, one of them with Python's lock. An import is done by one thread.
openvino.Tensor(np.zeros(1, np.float32))

KEPT_PRIMITIVES = 0
"""Of the sizes that a compiled network has met: they fill memory, and save a millisecond or two
where sizes alternate."""


class OpenVinoSession(OpenedSession):
    """A network on a device of OpenVINO's.

    One compilation takes inputs of any size; ``prepare`` makes others for single ones. An NPU has
    only these, so that it is for a classifier of images of few sizes: the other networks, whose
    inputs never have the same size twice, are left to the processor. Each run has a request of its
    own, so that runs share no buffer; OpenVINO itself lets them wait for each other where they
    would compute with the same processors.
    """

    def __init__(self, opening: Opening, network: str) -> None:
        super().__init__(opening, network)
        self._core = openvino.Core()
        self._device = find_device(opening.device, self._core.available_devices)
        is_npu = opening.device.kind is DeviceKind.NPU
        if is_npu and network != ClassifierArchitecture.NAME:
            self._device, is_npu = "CPU", False
        threads = count_threads(opening.threads)
        self._settings: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY"}
        if self._device == "CPU":
            self._settings["INFERENCE_NUM_THREADS"] = threads
            # Else it binds its first thread to the first processor, and that of another process,
            # with which it shares the machine, to the same one.
            self._settings["ENABLE_CPU_PINNING"] = False
            self._settings["CPU_RUNTIME_CACHE_CAPACITY"] = KEPT_PRIMITIVES
        if self.precision is not Precision.BFLOAT16 and not is_npu:  # which has 16 bits alone
            self._settings["INFERENCE_PRECISION_HINT"] = "f32"
        place = threads if self._device == "CPU" else self._device
        self._key = f"{network}-{self.precision}-{place}-{openvino.__version__.split('-')[0]}"
        with READING_GRAPHS:
            self._any_size = None if is_npu else self._compile(self._find_graph(), self._key)
        self._prepared: dict[tuple[Shape, ...], Any] = {}
        self._preparing = Lock()

    def _compute(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        arrays = [np.ascontiguousarray(array) for array in inputs.values()]
        shapes = tuple(array.shape for array in arrays)
        if self._any_size is None:
            self.prepare({name: array.shape for name, array in inputs.items()})
        compiled: Any = self._prepared.get(shapes, self._any_size)
        request = compiled.create_infer_request()
        results = request.infer(arrays, share_inputs=True, share_outputs=True)
        return tuple(np.asarray(results[index]) for index in range(len(results)))

    def prepare(self, shapes: Mapping[str, Shape], /) -> None:
        """Compile the network for inputs of these shapes, in their order, unless that is done."""
        wanted = tuple(shapes.values())
        with self._preparing, READING_GRAPHS:
            if wanted in self._prepared:
                return
            self.opening.restore_files()
            graph = self._find_graph()
            model = graph if isinstance(graph, openvino.Model) else self._core.read_model(graph)
            model.reshape(dict(zip(model.inputs, map(list, wanted), strict=True)))
            size = "x".join(str(side) for shape in wanted for side in shape)
            self._prepared[wanted] = self._compile(model, f"{self._key}-{size}")
        prune_cache(self.opening.folder.parent)

    def release(self) -> None:
        """Give back the memory that it computes in; the next run takes it anew."""
        for compiled in (self._any_size, *self._prepared.values()):
            with suppress(RuntimeError):  # another thread computes in it
                if compiled is not None:
                    compiled.release_memory()

    def _find_graph(self) -> Path | openvino.Model:
        """The network's graph in the form for its precision."""
        graph = self.opening.find_graph(self.network)
        faster = self.opening.model.card.networks[self.network].faster
        if self.precision is not Precision.INT8 or faster is None:
            return graph
        try:
            return store_quantized(graph, faster.ranges, use_folder(self.opening.folder / "int8"))
        except (OSError, SegfitError):  # the cache may not be writable
            return quantize(graph, faster.ranges)

    def _compile(self, graph: Path | openvino.Model, key: str) -> Any:
        """Compile a graph, or take what an earlier process has compiled from it."""
        try:
            folder = use_folder(self.opening.folder / "openvino" / key)
            settings = {**self._settings, "CACHE_DIR": str(folder)}
            return self._core.compile_model(graph, self._device, settings)
        except (OSError, RuntimeError):
            # The cache may not be writable; what is wrong with the network comes up again.
            return self._core.compile_model(graph, self._device, self._settings)


def find_device(device: Device, available: Sequence[str]) -> str:
    """OpenVINO's name for a device; ``available``: those that it has found, such as "GPU.0".

    Raises ``SegfitError`` for one that is not there.
    """
    kind = device.kind.upper()
    name = kind if device.index is None else f"{kind}.{device.index}"
    # The only one of its kind is listed without a number, several have one each.
    names = {name} if device.index else {kind, f"{kind}.0"}
    if not names & set(available):
        raise SegfitError(
            f"device {device} cannot be used: OpenVINO finds {', '.join(available)} here; install "
            "the driver of the device, or give --device cpu"
        )
    return name
