"""Networks → ONNX, with the weights beside it.

The graph's weights are references into the safetensors file from which training can resume, so that
a model file holds every number once.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import load, save
from torch import Tensor

from segfit.basics.discovery import collect
from segfit.errors import SegfitError
from segfit.model.architecture import Architecture, ReaderArchitecture
from segfit.model.archive import WEIGHTS_SUFFIX, ModelFile, NetworkFiles
from segfit.networks.classifier import Classifier
from segfit.networks.network import Network, NetworkKind

OPSET = 18
SQUEEZERS = "squeezers."
"""Weights of a classifier that are other networks'."""
OLDER_LAYERS = {"fold_picture": "fold_image"}
AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def export_network(network: Network) -> NetworkFiles:
    """Export a network as it stands; matrices and convolutions are rounded to 16 bits.

    The graph refers to weights in a file beside it that is named like the network. The layers with
    which a classifier squeezes features are those of other networks: the graph has them, too, and
    the file of weights does not.
    """
    state = network.state_dict()
    weights = save(round_weights({name: state[name] for name in state if not _is_borrowed(name)}))
    restored = restore_network(network.architecture, weights)
    if isinstance(restored, Classifier) and isinstance(network, Classifier):
        restored.squeezers = network.squeezers
    model = onnx.load_from_string(_trace(restored))
    _refer_to_weights(model, weights, network.architecture.NAME + WEIGHTS_SUFFIX)
    return NetworkFiles(graph=model.SerializeToString(), weights=weights)


def restore_network(architecture: Architecture, weights: bytes) -> Network:
    """Build a network that a model file describes, in evaluation mode."""
    return load_weights(_find_kinds()[type(architecture)].build(architecture), weights)


def restore_from(model: ModelFile[Any], name: str) -> Network:
    """Build one of a model's networks, in evaluation mode, with all that it computes."""
    network = restore_network(model.card.networks[name].architecture, model.networks[name].weights)
    if isinstance(network, Classifier) and network.architecture.squeezed:
        network.squeezers.extend(_find_squeezers(model))
    return network


def _find_squeezers(model: ModelFile[Any]) -> Iterable[torch.nn.Module]:
    """The layers with which a model's networks squeeze features, in the order of their planes."""
    readers = {
        name: card.architecture
        for name, card in model.card.networks.items()
        if isinstance(card.architecture, ReaderArchitecture) and card.architecture.needs_features
    }
    for name, architecture in sorted(readers.items(), key=lambda entry: entry[1].sees.start):
        reader = restore_network(architecture, model.networks[name].weights)
        assert isinstance(reader.squeeze, torch.nn.Module)
        yield reader.squeeze


def _is_borrowed(name: str) -> bool:
    return name.startswith(SQUEEZERS)


@cache
def _find_kinds() -> dict[type[Architecture], NetworkKind]:
    """What builds the networks of each architecture."""
    return {kind.architecture: kind for kind in collect("segfit.networks", "NETWORK", NetworkKind)}


def load_weights(network: AnyNetwork, weights: bytes) -> AnyNetwork:
    """Fill a network with the weights of a model file, and put it in evaluation mode.

    Raises ``SegfitError`` for weights of another network.
    """
    state = {_rename(name): value.float() for name, value in load(weights).items()}
    missing, unknown = network.load_state_dict(state, strict=False)
    lacking = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lacking or unknown:
        raise SegfitError(
            f"the weights do not fit the network: {len(lacking)} are missing ("
            f"{', '.join(lacking[:3])}), {len(unknown)} are unknown ({', '.join(unknown[:3])})"
        )
    return network.eval()


def _rename(name: str) -> str:
    """A weight's name as today's networks have it; models before format 3 have others."""
    layer, dot, rest = name.partition(".")
    return OLDER_LAYERS.get(layer, layer) + dot + rest


def round_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keep what a network computes with: matrices in 16 bits, vectors in 32, no counters."""
    return {
        name: value.detach()
        .cpu()
        .to(torch.float16 if value.ndim > 1 else torch.float32)
        .contiguous()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _trace(network: Network) -> bytes:
    """Graph of a network, its weights in it."""
    inputs, outputs = network.inputs(), network.outputs()
    axes = {name: given.axes for name, given in inputs.items()}
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter takes seconds where its successor takes tens of them, and a model
        # trained in three minutes has none to spare. It warns that it is the older one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            tuple(given.example for given in inputs.values()),
            buffer,  # type: ignore[arg-type]  # the tracing exporter takes a stream
            dynamo=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**axes, **outputs},
            do_constant_folding=False,
            opset_version=OPSET,
        )
    return buffer.getvalue()


def _refer_to_weights(model: onnx.ModelProto, weights: bytes, weights_name: str) -> None:
    """Replace the graph's own copies by references into the safetensors file.

    The file format (https://github.com/huggingface/safetensors#format): the header's length in
    8 bytes, the header in JSON with each tensor's dtype and offsets, then the bare numbers.
    """
    (header_length,) = struct.unpack("<Q", weights[:8])
    header = json.loads(weights[8 : 8 + header_length])
    # The tracer keeps equal tensors once and copies them by name; here each has its own.
    nodes = [node for node in model.graph.node if not set(node.output) & header.keys()]
    constants = [c for c in model.graph.initializer if c.name not in header]
    used = {name for node in nodes for name in node.input}
    casts = []
    for name in sorted(used & header.keys()):
        entry = header[name]
        begin, end = entry["data_offsets"]
        half = entry["dtype"] == "F16"
        reference = TensorProto(
            name=f"{name}.half" if half else name,
            dims=entry["shape"],
            data_type=TensorProto.FLOAT16 if half else TensorProto.FLOAT,
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": weights_name, "offset": 8 + header_length + begin}
        for key, value in {**place, "length": end - begin}.items():
            reference.external_data.add(key=key, value=str(value))
        constants.append(reference)
        if half:
            casts.append(helper.make_node("Cast", [reference.name], [name], to=TensorProto.FLOAT))
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend([*casts, *nodes])
    model.graph.initializer.extend(constants)
