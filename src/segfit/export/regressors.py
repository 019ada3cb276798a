"""The exported graphs of the networks that move outlines and boxes.

Beside the network itself each does what its step in ``segfit.refinement`` does with the answers, so
that errors are standard errors.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, helper

from segfit.export.graph import GraphWriter, Value
from segfit.model.architecture import BoxArchitecture, OutlineArchitecture
from segfit.model.card import NetworkCard

OFFSETS, ERRORS = "offsets", "errors"


def write_outlines(card: NetworkCard[OutlineArchitecture], network: ModelProto) -> ModelProto:
    """Write a graph that takes what ``Strips.inputs`` gives.

    It gives ``offsets`` and ``errors`` (V,) in steps; a strip of one color stays where it is, and
    its error is the strip's reach.
    """
    architecture = card.architecture
    names = ["image", "neighbours", "scale"]
    names += ["grid", "positions", "classes"] if architecture.needs_features else ["sides"]
    names += ["normals"] if architecture.has_objects else []
    graph = GraphWriter()
    given = _take_inputs(graph, network, names)
    offsets, errors = graph.call(network, given, name=architecture.NAME)
    is_flat = _find_flat(given[network.graph.input[0].name])
    stays = graph.constant(0, np.float32)
    reach = graph.constant((architecture.strip_points - 1) / 2, np.float32)
    graph.give(OFFSETS, is_flat.where(stays, offsets), ["vertices"])
    graph.give(ERRORS, is_flat.where(reach, errors) * card.temperature, ["vertices"])
    return graph.build(OutlineArchitecture.NAME)


def write_boxes(card: NetworkCard[BoxArchitecture], network: ModelProto) -> ModelProto:
    """Write a graph that takes what ``BoxPatches.inputs`` gives.

    It gives ``offsets`` and ``errors`` (B, 4) in shares of the sides.
    """
    names = ["image", "inside", "scale"]
    names += ["grid", "positions", "classes"] if card.architecture.needs_features else []
    graph = GraphWriter()
    given = _take_inputs(graph, network, names)
    offsets, errors = graph.call(network, given, name=card.architecture.NAME)
    graph.give(OFFSETS, offsets, ["boxes", 4])
    graph.give(ERRORS, errors * card.temperature, ["boxes", 4])
    return graph.build(BoxArchitecture.NAME)


def _take_inputs(graph: GraphWriter, network: ModelProto, names: list[str]) -> dict[str, Value]:
    """The network's inputs under today's names, since older graphs have others; by its own."""
    taken = {}
    for name, own in zip(names, network.graph.input, strict=True):
        kind = own.type.tensor_type
        axes = [side.dim_param or side.dim_value for side in kind.shape.dim]
        taken[own.name] = graph.take(name, helper.tensor_dtype_to_np_dtype(kind.elem_type), axes)
    return taken


def _find_flat(image: Value) -> Value:
    """Which strips (V, T, 3) have one color only, (V,) bool."""
    levels = image.cast(np.int32)
    same = levels.equals(levels.crop([0], [1], axes=[1]))
    in_all = same.cast(np.int32).reduce("ReduceMin", 1).reduce("ReduceMin", 1)
    return in_all.cast(np.bool_)
