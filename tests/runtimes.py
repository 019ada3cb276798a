"""A network exported, and run by every runtime."""

import numpy as np
import torch

from segfit.model.archive import GRAPH_SUFFIX, WEIGHTS_SUFFIX
from segfit.networks.export import export_network, restore_network


def assert_runtimes_agree(network, inputs, folder, *, rtol=1e-3, atol=1e-3):
    """Answers of ONNX Runtime and OpenVINO are those of torch with the exported weights.

    ``inputs``: tensors in the order that the network takes them.
    """
    import onnxruntime
    import openvino

    exported = export_network(network)
    name = network.architecture.NAME  # the graph looks for its weights under it
    graph = folder / (name + GRAPH_SUFFIX)
    graph.write_bytes(exported.graph)
    (folder / (name + WEIGHTS_SUFFIX)).write_bytes(exported.weights)
    restored = restore_network(network.architecture, exported.weights)
    with torch.inference_mode():
        answers = restored(*inputs)
    expected = answers if isinstance(answers, tuple) else (answers,)
    session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
    names = [given.name for given in session.get_inputs()]
    arrays = {name: tensor.numpy() for name, tensor in zip(names, inputs, strict=True)}
    compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    results = compiled(arrays)
    for name, wanted in zip(network.outputs(), expected, strict=True):
        np.testing.assert_allclose(results[name], wanted.numpy(), rtol=rtol, atol=atol)
        np.testing.assert_allclose(
            session.run([name], arrays)[0], wanted.numpy(), rtol=rtol, atol=atol
        )
