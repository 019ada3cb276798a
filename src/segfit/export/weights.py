"""Networks of a model file → models that hold their weights themselves."""

from __future__ import annotations

import onnx
from onnx import ModelProto, TensorProto

from segfit.model.archive import NetworkFiles


def embed_weights(network: NetworkFiles) -> ModelProto:
    """A network's graph with the weights, to which it refers, inside."""
    model = onnx.load_from_string(network.graph)
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            start = int(place["offset"])
            tensor.raw_data = network.weights[start : start + int(place["length"])]
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
    return model
