"""Graphs run by ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime

Runner = Callable[..., dict[str, Any]]


def open_graph(model) -> Runner:
    """What runs a graph: arrays by the names of its inputs → its outputs by their names."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def run(**inputs: np.ndarray) -> dict[str, Any]:
        return dict(zip(names, session.run(None, inputs), strict=True))

    return run
