"""Networks on ONNX Runtime's CPU provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segfit.errors import SegfitError
from segfit.runtime.session import OpenedSession, Opening
from segfit.runtime.threads import count_threads


class OnnxRuntimeSession(OpenedSession):
    """A network on ONNX Runtime's CPU provider, in single precision."""

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
        self._session = onnxruntime.InferenceSession(
            str(opening.find_graph(network)), options, providers=["CPUExecutionProvider"]
        )
        self._names = [entry.name for entry in self._session.get_inputs()]

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[NDArray[Any], ...]:
        """The network's answers; its inputs are taken in their order."""
        given = dict(zip(self._names, inputs.values(), strict=True))
        return tuple(np.asarray(answer) for answer in self._session.run(None, given))
