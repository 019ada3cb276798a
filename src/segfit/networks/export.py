"""Networks → ONNX, with the weights beside it.

The graph's weights are references into the safetensors file from which training can resume, so that
a model file holds every number once.
"""

from __future__ import annotations

import io
import json
import struct
import warnings
from dataclasses import dataclass
from typing import TypeVar

import onnx
import torch
from onnx import TensorProto, helper
from safetensors.torch import load, save
from torch import Tensor, nn

from segfit.errors import SegfitError
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture, OutlineArchitecture
from segfit.networks.box_regressor import BoxRegressor
from segfit.networks.classifier import Classifier, FeatureClassifier
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.refinement.outlines import DILATIONS, EVIDENCE_SPACING

OPSET = 18
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class ExportedNetwork:
    """A graph in ONNX and the safetensors file, named ``weights_name``, that it refers to."""

    onnx: bytes
    weights: bytes


def export_classifier(
    network: Classifier, *, weights_name: str, with_features: bool = False
) -> ExportedNetwork:
    """Export the network as it stands; convolution weights are rounded to 16 bits.

    ``with_features``: the graph gives the feature vectors behind the logits.
    """
    weights = save(round_weights(network.state_dict()))
    rounded = restore_classifier(network.architecture, weights, with_features=with_features)
    traced = _trace(
        rounded,
        (torch.zeros((1, 64, 64, 3), dtype=torch.uint8),),
        inputs={"images": {1: "height", 2: "width"}},
        outputs={"logits": {2: "h", 3: "w"}},
    )
    return _export(traced, weights, weights_name)


def export_regressor(network: OutlineRegressor, *, weights_name: str) -> ExportedNetwork:
    """Export a regression network as it stands; its inputs are those of ``regress.Strips``."""
    weights = save(round_weights(network.state_dict()))
    rounded = restore_regressor(network.architecture, weights)
    vertices = {0: "vertices"}
    inputs: dict[str, dict[int, str]] = {"image": vertices, "neighbours": vertices, "scale": {}}
    points, features = network.architecture.strip_points, network.architecture.features
    example = {
        "image": torch.zeros((3, points, 3), dtype=torch.uint8),
        "neighbours": torch.zeros((3, 2 * len(DILATIONS)), dtype=torch.int64),
        "scale": torch.zeros(1),
    }
    if features:
        inputs |= {"grid": {1: "k", 2: "h", 3: "w"}, "positions": vertices, "classes": vertices}
        example |= {
            "grid": torch.zeros((1, features + 2, 4, 4)),
            "positions": torch.zeros((3, points, 2))[:, ::EVIDENCE_SPACING],
            "classes": torch.zeros((3, 2), dtype=torch.int64),
        }
        if network.architecture.has_objects:
            inputs |= {"normals": vertices}
            example |= {"normals": torch.zeros((3, 2))}
    else:
        inputs |= {"sides": vertices}
        example |= {"sides": torch.zeros((3, points))}
    traced = _trace(
        rounded,
        tuple(example.values()),
        inputs=inputs,
        outputs={"offsets": vertices, "errors": vertices},
    )
    return _export(traced, weights, weights_name)


def export_box_regressor(network: BoxRegressor, *, weights_name: str) -> ExportedNetwork:
    """Export a box network as it stands; its inputs are those of ``regress_boxes.BoxPatches``."""
    weights = save(round_weights(network.state_dict()))
    rounded = restore_box_regressor(network.architecture, weights)
    boxes = {0: "boxes"}
    points, features = network.architecture.grid_points, network.architecture.features
    inputs: dict[str, dict[int, str]] = {"image": boxes, "inside": boxes, "scale": boxes}
    example = {
        "image": torch.zeros((3, points, points, 3)),
        "inside": torch.zeros((3, points, points)),
        "scale": torch.zeros((3, 2)),
    }
    if features:
        inputs |= {"grid": {1: "k", 2: "h", 3: "w"}, "positions": boxes, "classes": boxes}
        example |= {
            "grid": torch.zeros((1, features + 2, 4, 4)),
            "positions": torch.zeros((3, points, points, 2)),
            "classes": torch.zeros(3, dtype=torch.int64),
        }
    traced = _trace(
        rounded,
        tuple(example.values()),
        inputs=inputs,
        outputs={"offsets": boxes, "errors": boxes},
    )
    return _export(traced, weights, weights_name)


def round_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Keep what a network computes with: matrices in 16 bits, vectors in 32, no counters."""
    return {
        name: value.detach().to(torch.float16 if value.ndim > 1 else torch.float32).contiguous()
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def restore_classifier(
    architecture: ClassifierArchitecture, weights: bytes, *, with_features: bool = False
) -> Classifier:
    """Build the network that a model file describes, in evaluation mode."""
    network = (FeatureClassifier if with_features else Classifier)(architecture)
    return _fill(network, weights)


def restore_regressor(architecture: OutlineArchitecture, weights: bytes) -> OutlineRegressor:
    """Build the regression network that a model file describes, in evaluation mode."""
    return _fill(OutlineRegressor(architecture), weights)


def restore_box_regressor(architecture: BoxArchitecture, weights: bytes) -> BoxRegressor:
    """Build the box network that a model file describes, in evaluation mode."""
    return _fill(BoxRegressor(architecture), weights)


def _fill(network: Network, weights: bytes) -> Network:
    state = {name: value.float() for name, value in load(weights).items()}
    missing, unknown = network.load_state_dict(state, strict=False)
    lacking = [name for name in missing if not name.endswith("num_batches_tracked")]
    if lacking or unknown:
        raise SegfitError(
            f"the weights do not fit the network: {len(lacking)} are missing ("
            f"{', '.join(lacking[:3])}), {len(unknown)} are unknown ({', '.join(unknown[:3])})"
        )
    return network.eval()


def _export(traced: bytes, weights: bytes, weights_name: str) -> ExportedNetwork:
    model = onnx.load_from_string(traced)
    _refer_to_weights(model, weights, weights_name)
    return ExportedNetwork(onnx=model.SerializeToString(), weights=weights)


def _trace(
    network: nn.Module,
    example: tuple[Tensor, ...],
    *,
    inputs: dict[str, dict[int, str]],
    outputs: dict[str, dict[int, str]],
) -> bytes:
    """Graph of a network; ``inputs``, ``outputs``: their names, and the axes that may vary."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter takes seconds where its successor takes tens of them, and a model
        # trained in three minutes has none to spare. It warns that it is the older one.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            example,
            buffer,  # type: ignore[arg-type]  # the tracing exporter takes a stream
            dynamo=False,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**inputs, **outputs},
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
