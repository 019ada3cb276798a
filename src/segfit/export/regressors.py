"""The exported graphs of the networks that move outlines and boxes.

Beside the network itself each does what its step in ``segfit.refinement`` does with the answers, so
that errors are standard errors. The grid that they take is ``evidence``, as the graph of labels
gives it; of its planes each picks those that its network looks at.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto, helper

from segfit.export.graph import GraphWriter, Value
from segfit.export.labelling import END
from segfit.model.architecture import BoxArchitecture, OutlineArchitecture, ReaderArchitecture
from segfit.model.card import NetworkCard

OFFSETS, ERRORS = "offsets", "errors"


def write_outlines(
    card: NetworkCard[OutlineArchitecture], network: ModelProto, *, squeezed: int = 0
) -> ModelProto:
    """Write a graph that takes what ``Strips.inputs`` gives.

    ``squeezed``: planes that the classifier gives instead of features, 0 if it gives these. It
    gives ``offsets`` and ``errors`` (V,) in steps; a strip of one color stays where it is, and
    its error is the strip's reach.
    """
    architecture = card.architecture
    names = ["image", "neighbours", "scale"]
    names += ["grid", "positions", "classes"] if architecture.needs_features else ["sides"]
    names += ["normals"] if architecture.has_objects else []
    graph = GraphWriter()
    given = _take_inputs(graph, network, names)
    seen = _pick_planes(given, names, network, architecture, squeezed)
    offsets, errors = graph.call(network, seen, name=architecture.NAME)
    is_flat = _find_flat(given[network.graph.input[0].name])
    stays = graph.constant(0, np.float32)
    reach = graph.constant((architecture.strip_points - 1) / 2, np.float32)
    graph.give(OFFSETS, is_flat.where(stays, offsets), ["vertices"])
    graph.give(ERRORS, is_flat.where(reach, errors) * card.temperature, ["vertices"])
    return graph.build(OutlineArchitecture.NAME)


def write_boxes(
    card: NetworkCard[BoxArchitecture], network: ModelProto, *, squeezed: int = 0
) -> ModelProto:
    """Write a graph that takes what ``BoxPatches.inputs`` gives.

    ``squeezed``: as in ``write_outlines``. It gives ``offsets`` and ``errors`` (B, 4) in shares of
    the sides.
    """
    names = ["image", "inside", "scale"]
    names += ["grid", "positions", "classes"] if card.architecture.needs_features else []
    graph = GraphWriter()
    given = _take_inputs(graph, network, names)
    seen = _pick_planes(given, names, network, card.architecture, squeezed)
    offsets, errors = graph.call(network, seen, name=card.architecture.NAME)
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


def _pick_planes(
    given: dict[str, Value],
    names: list[str],
    network: ModelProto,
    architecture: ReaderArchitecture,
    squeezed: int,
) -> dict[str, Value]:
    """The inputs; of the grid's planes, those that the network looks at and the rest."""
    if architecture.squeezed_at is None:
        return given
    own = network.graph.input[names.index("grid")].name
    grid, sees = given[own], architecture.sees
    parts = [
        grid.crop([sees.start], [sees.stop], axes=[1]),
        grid.crop([squeezed], [END], axes=[1]),
    ]
    return {**given, own: grid.graph.join(parts, axis=1)}


def _find_flat(image: Value) -> Value:
    """Which strips (V, T, 3) have one color only, (V,) bool."""
    levels = image.cast(np.int32)
    same = levels.equals(levels.crop([0], [1], axes=[1]))
    in_all = same.cast(np.int32).reduce("ReduceMin", 1).reduce("ReduceMin", 1)
    return in_all.cast(np.bool_)
