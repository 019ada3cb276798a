"""Networks on ONNX Runtime: on the processor, or on a card through CUDA or TensorRT."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.errors import SegfitError
from segfit.model.precision import Precision
from segfit.runtime.cache import use_folder
from segfit.runtime.devices import DeviceKind
from segfit.runtime.session import OpenedSession, Opening
from segfit.runtime.threads import count_threads

PROVIDERS = {
    DeviceKind.CPU: "CPUExecutionProvider",
    DeviceKind.CUDA: "CUDAExecutionProvider",
    DeviceKind.TENSORRT: "TensorrtExecutionProvider",
}
"""What ONNX Runtime calls that which computes on a device."""


class OnnxRuntimeSession(OpenedSession):
    """A network on ONNX Runtime, in single precision unless it may be rough."""

    def __init__(self, opening: Opening, network: str) -> None:
        super().__init__(opening, network)
        try:
            import onnxruntime
        except ImportError as error:
            raise SegfitError(
                'backend onnxruntime is not installed: pip install "segfit[onnxruntime]"'
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count_threads(opening.threads)
        provider = PROVIDERS[opening.device.kind]
        if not opening.device.is_cpu:
            check_provider(provider, onnxruntime.get_available_providers())
            load_libraries()
        self._session = onnxruntime.InferenceSession(
            str(opening.find_graph(network)),
            options,
            providers=[(provider, choose_settings(opening, network))],
            enable_fallback=False,
        )
        used = self._session.get_providers()
        if provider not in used:  # it only logs that its libraries cannot be loaded
            raise SegfitError(
                f"device {opening.device} cannot be used: ONNX Runtime could not load its "
                f"{provider} and took {', '.join(used)} instead; install the CUDA and cuDNN that "
                "it was built for, or give --backend torch or --device cpu"
            )
        self._names = [entry.name for entry in self._session.get_inputs()]

    def _compute(self, inputs: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], ...]:
        given = dict(zip(self._names, inputs.values(), strict=True))
        return tuple(np.asarray(answer) for answer in self._session.run(None, given))


def has_provider(kind: DeviceKind) -> bool:
    """Whether ONNX Runtime is installed, with what computes on such a device."""
    try:
        import onnxruntime
    except ImportError:
        return False
    return PROVIDERS[kind] in onnxruntime.get_available_providers()


def check_provider(provider: str, available: list[str]) -> None:
    """Raise ``SegfitError`` where the ONNX Runtime that is installed lacks a provider."""
    if provider not in available:
        raise SegfitError(
            f"onnxruntime here has {', '.join(available)} and no {provider}: pip uninstall "
            "onnxruntime, then pip install onnxruntime-gpu; or give --backend torch or --device cpu"
        )


def load_libraries() -> None:
    """Load CUDA and cuDNN where they came as packages; ONNX Runtime does not look there itself."""
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):  # from version 1.21 on
        with redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()


def choose_settings(opening: Opening, network: str) -> dict[str, str]:
    """Settings of the provider: in single precision it must not round to 10 binary digits."""
    device, rough = opening.device, opening.choose_precision(network) is Precision.BFLOAT16
    if device.is_cpu:
        return {}
    if device.kind is DeviceKind.CUDA:
        return {"device_id": str(device.index or 0), "use_tf32": str(int(rough))}
    return {
        "device_id": str(device.index or 0),
        "trt_fp16_enable": str(int(rough)),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(use_folder(opening.folder / "tensorrt")),
    }
