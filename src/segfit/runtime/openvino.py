"""Networks on OpenVINO's CPU device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray

from segfit.runtime.session import OpenedSession, Opening
from segfit.runtime.threads import count_threads

FAMILIAR_AFTER = 8
"""Images of one size after which a network is compiled for the very size: a sixth faster."""
MOST_FAMILIAR = 6
"""Compilations for single sizes that are kept: upright and lying images at three scales."""


class OpenVinoSession(OpenedSession):
    """A network on OpenVINO's CPU device.

    One compilation takes inputs of any size. For a network with an image as its only input, a size
    that keeps coming back gets another of its own; the last few such ones are kept.
    """

    def __init__(self, opening: Opening, network: str) -> None:
        super().__init__(opening, network)
        self._graph = str(opening.find_graph(network))
        self._core = openvino.Core()
        self._core.set_property({"CACHE_DIR": str(opening.folder / "openvino")})
        self._settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": count_threads(opening.threads),
        }
        if not opening.is_rough(network):
            self._settings["INFERENCE_PRECISION_HINT"] = "f32"
        compiled = self._core.compile_model(self._graph, "CPU", self._settings)
        self._any_size = compiled.create_infer_request()
        self._familiar: dict[tuple[int, ...], Any] = {}  # the one that was used last comes last
        self._seen: Counter[tuple[int, ...]] = Counter()

    def run(self, inputs: Mapping[str, NDArray[Any]], /) -> tuple[NDArray[Any], ...]:
        """The network's answers; its inputs are taken in their order."""
        arrays = [np.ascontiguousarray(array) for array in inputs.values()]
        request = self._any_size if len(arrays) > 1 else self._choose_request(arrays[0].shape)
        results = request.infer(arrays, share_inputs=True)
        return tuple(np.asarray(results[index]) for index in range(len(results)))

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
