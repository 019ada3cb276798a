"""The int8 form of a network: its graph with the numbers that convolutions take rounded to 8 bits.

Quantization after training (Krishnamoorthi, 2018; Nagel et al., 2021): weights per output channel,
symmetric; everything else per tensor, within the range that it had over a model's training images.
OpenVINO then computes the convolutions in integers, and all the rest as before. A model file keeps
the ranges alone, since the rounded weights follow from the weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import openvino
from numpy.typing import NDArray
from openvino import opset13
from openvino.passes import ConstantFolding, Manager

from segfit.basics.files import write_file
from segfit.runtime.threads import READING_GRAPHS

CONVOLUTIONS = {"Convolution": 1, "GroupConvolution": 2}
"""By the axes of their weights that number output channels."""
PASSED_THROUGH = ("Pad", "Transpose")
"""What leaves values as they are: they are rounded before it, so that it moves bytes."""
LEVELS, WEIGHT_LEVELS = 256, 255
LEAST_RANGE = 0.01
"""Of values, so that a tensor that is always 0 has one."""
DIGITS = 5

Ranges = Mapping[str, tuple[float, float]]


def find_ranges(graph: Path, images: Iterable[NDArray[np.uint8]]) -> dict[str, tuple[float, float]]:
    """The least and the largest value of each tensor that int8 rounds, over images.

    ``graph``: an exported network of one input. ``images``: each (1, H, W, 3), as it takes them.
    Empty without any image.
    """
    model = _read_folded(graph)
    tensors = _find_tensors(model)
    answers = len(model.outputs)
    for output, _ in tensors.values():
        axes = np.arange(len(output.get_partial_shape()))
        model.add_outputs([opset13.reduce_min(output, axes).output(0)])
        model.add_outputs([opset13.reduce_max(output, axes).output(0)])
    settings = {"INFERENCE_PRECISION_HINT": "f32"}
    with READING_GRAPHS:
        request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    seen = []
    for image in images:
        found = request.infer([image])
        seen.append([float(found[answers + number]) for number in range(2 * len(tensors))])
    if not seen:
        return {}
    least, largest = np.min(seen, axis=0)[0::2], np.max(seen, axis=0)[1::2]
    pairs = zip(_round_all(least), _round_all(largest), strict=True)
    return dict(zip(tensors, pairs, strict=True))


def quantize(graph: Path | bytes, ranges: Ranges) -> openvino.Model:
    """A network's graph in its int8 form; ``ranges``: as ``find_ranges`` gave them.

    The graph may do more than the network; what has no range stays as it is. Raises ``KeyError``
    for ranges of another graph.
    """
    model = _read_folded(graph)
    tensors = _find_tensors(model)
    for name, (low, high) in ranges.items():
        output, uses = tensors[name]
        high = max(high, LEAST_RANGE)
        if low < 0:
            high = max(high, -low)
            low = -high * LEVELS / (LEVELS - 2)  # so that 0 stays 0
        else:
            low = 0.0
        rounded = _round(output, np.float32(low), np.float32(high), LEVELS)
        for use in uses:
            use.replace_source_output(rounded)
    for node in model.get_ops():
        if _has_fixed_weights(node):
            weights = node.input(1).get_source_output()
            values = weights.get_node().get_data()
            channels = CONVOLUTIONS[node.get_type_name()]
            axes = tuple(range(channels, values.ndim))
            high = np.maximum(np.abs(values).max(axis=axes, keepdims=True), np.float32(1e-9))
            rounded = _round(weights, -high, high, WEIGHT_LEVELS)
            node.input(1).replace_source_output(rounded)
    model.validate_nodes_and_infer_types()
    return model


def store_quantized(graph: Path, ranges: Ranges, folder: Path) -> Path:
    """Path of a network's int8 form in a folder; it is written there unless it is there.

    Raises ``OSError`` and ``SegfitError`` where it cannot be written.
    """
    ranged = repr(sorted(ranges.items())).encode()
    named = hashlib.blake2b(ranged, digest_size=6).hexdigest()
    target = folder / f"{graph.stem}-{named}.xml"
    suffixes = (".bin", ".xml")  # the graph after its numbers, so that it never lacks them
    if not all(target.with_suffix(suffix).is_file() for suffix in suffixes):
        with TemporaryDirectory() as partial:
            saved = Path(partial) / target.name
            openvino.save_model(quantize(graph, ranges), saved, compress_to_fp16=False)
            for suffix in suffixes:
                content = saved.with_suffix(suffix).read_bytes()
                write_file(target.with_suffix(suffix), content, force=True, durable=True)
    return target


def _read_folded(graph: Path | bytes) -> openvino.Model:
    """The graph, its weights as the numbers that the convolutions take."""
    with READING_GRAPHS:
        model = openvino.Core().read_model(graph)
    folding = Manager()
    folding.register_pass(ConstantFolding())
    folding.run_passes(model)
    return model


def _find_tensors(model: openvino.Model) -> dict[str, tuple[Any, list[Any]]]:
    """What int8 rounds, by name: the tensor, and the inputs that are to take it rounded.

    These are the images of convolutions with fixed weights, and both sides of a sum of such.
    """
    found: dict[str, tuple[Any, dict[tuple[str, int], Any]]] = {}
    for node in model.get_ordered_ops():
        if _has_fixed_weights(node):
            inputs = [node.input(0)]
        elif _is_sum(node):
            inputs = node.inputs()
        else:
            continue
        for taken in inputs:
            use, output = taken, taken.get_source_output()
            while output.get_node().get_type_name() in PASSED_THROUGH:
                use = output.get_node().input(0)
                output = use.get_source_output()
            _, uses = found.setdefault(min(output.get_names()), (output, {}))
            uses[use.get_node().get_friendly_name(), use.get_index()] = use
    return {name: (output, list(uses.values())) for name, (output, uses) in found.items()}


def _has_fixed_weights(node: Any) -> bool:
    return node.get_type_name() in CONVOLUTIONS and _is_constant(node.input(1))


def _is_sum(node: Any) -> bool:
    """Whether a node adds what two others have computed, in numbers that can be rounded."""
    return (
        node.get_type_name() == "Add"
        and node.get_output_element_type(0).is_real()
        and not any(map(_is_constant, node.inputs()))
    )


def _is_constant(taken: Any) -> bool:
    return bool(taken.get_source_output().get_node().get_type_name() == "Constant")


def _round(output: Any, low: Any, high: Any, levels: int) -> Any:
    """The output rounded to so many levels from ``low`` to ``high``, and clipped to them."""
    ends = [opset13.constant(end) for end in (low, high, low, high)]
    return opset13.fake_quantize(output, *ends, levels).output(0)


def _round_all(values: NDArray[Any]) -> list[float]:
    """Numbers of few digits: a card is read by people, too."""
    return [float(f"{value:.{DIGITS}g}") for value in values]
