"""The exported graph of a segmenter: an image of any size → labels and scores at its size.

Shapes: ``H, W`` the image; ``h, w`` the network's grid; ``K`` classes, ``F`` features.
"""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from segfit.classification.classify import LARGEST_SCORE, OBJECT_MAPS
from segfit.classification.decision import find_logit
from segfit.export.graph import GraphWriter, Value
from segfit.export.resampling import pad_to_multiples, write_scaling
from segfit.model.card import ModelCard

SIDES = ("height", "width")
END = 1 << 31
"""Beyond every axis."""


def write_labelling(card: ModelCard, classifier: ModelProto) -> ModelProto:
    """Write a graph that takes ``image``, (H, W, 3) uint8 RGB, and does all that is done to it.

    ``classifier``: its network, with its weights. The graph gives ``labels`` (H, W) uint8 and
    ``scores`` (K, H, W) float32; for a model with objects ``centres`` (H, W) and ``offsets``
    (2, H, W) float32; and for one with further networks that go by it ``evidence``
    (1, S + K, h, w), what these look at of the features and the logits, and ``covered`` (2,) int64.
    Unlike ``classify`` it looks at every image as a whole.
    """
    graph = GraphWriter()
    image = graph.take("image", np.uint8, [*SIDES, 3])
    working = write_scaling(image, card.scaling)
    padded = pad_to_multiples(working).insert_axes(0)
    planes, *_ = graph.call(classifier, {_input_name(classifier): padded}, name="classifier")
    grid = _clean(_crop_to_cells(planes, working, card.architecture.output_stride))
    covered = [
        _measure_cover(image.side(axis), working.side(axis), grid.side(axis + 2), card)
        for axis in (0, 1)
    ]
    outputs = card.architecture.outputs
    maps = OBJECT_MAPS if card.architecture.has_objects else 0
    seen = _upsample(_planes(grid, 0, outputs + maps), covered, image)  # (1, …, H, W)
    logits = _planes(seen, 0, outputs) if maps else seen
    labels, scores = _decide(logits.squeeze(0), card)
    graph.give("labels", labels, SIDES)
    graph.give("scores", scores, [len(card.classes), *SIDES])
    if maps:
        centres, offsets = _show_objects(_planes(seen, outputs, outputs + maps), covered, grid)
        graph.give("centres", centres, SIDES)
        graph.give("offsets", offsets, [2, *SIDES])
    if any(network.architecture.needs_features for network in card.networks.values()):
        graph.give("evidence", _join_evidence(grid, card), [1, "planes", "h", "w"])
        graph.give("covered", graph.join(covered), [2])
    return graph.build(card.name)


def _input_name(network: ModelProto) -> str:
    (given,) = network.graph.input
    return str(given.name)


def _planes(grid: Value, start: int, end: int) -> Value:
    return grid.crop([start], [end], axes=[1])


def _crop_to_cells(planes: Value, working: Value, stride: int) -> Value:
    """The cells (1, C, h, w) that the working image touches."""
    cells = [(working.side(axis) + (stride - 1)) / stride for axis in (0, 1)]
    return planes.crop([0, 0], cells, axes=[2, 3])


def _clean(grid: Value) -> Value:
    """The grid without what is no number, as ``classify`` gives it."""
    nothing = grid.graph.constant(0, grid.dtype)
    numbers = grid.apply("IsNaN", dtype=np.bool_).where(nothing, grid)
    return numbers.at_least(-LARGEST_SCORE).at_most(LARGEST_SCORE)


def _measure_cover(own: Value, working: Value, cells: Value, card: ModelCard) -> Value:
    """Image pixels that the grid's cells span along an axis, (1,) int64."""
    # Added to the image's side, so that a whole number of cells spans it exactly in any precision.
    beyond = (cells * card.architecture.output_stride - working).cast(np.float64)
    scaled = beyond * own.cast(np.float64) / working.cast(np.float64)
    return own + scaled.apply("Round").cast(np.int64)


def _upsample(planes: Value, covered: list[Value], image: Value) -> Value:
    """Planes (1, C, h, w) at the image's size, bilinearly: (1, C, H, W)."""
    graph = planes.graph
    sides = graph.join([planes.side(0), planes.side(1), *covered])
    full = graph.apply("Resize", planes, None, None, sides, mode="linear")
    return full.crop([0, 0], [image.side(0), image.side(1)], axes=[2, 3])


def _decide(logits: Value, card: ModelCard) -> tuple[Value, Value]:
    """Labels (H, W) and probabilities (K, H, W) by logits, (1, H, W) or (K, H, W)."""
    if card.classes.is_binary:
        labels = (logits > find_logit(card.threshold)).cast(np.uint8).squeeze(0)
        foreground = logits.apply("Sigmoid")
        background = logits.graph.constant(1, logits.dtype) - foreground
        return labels, logits.graph.join([background, foreground])
    labels = logits.apply("ArgMax", dtype=np.int64, axis=0, keepdims=0).cast(np.uint8)
    shares = (logits - logits.reduce("ReduceMax", 0, keep=True)).apply("Exp")
    return labels, shares / shares.reduce("ReduceSum", 0, keep=True)


def _show_objects(maps: Value, covered: list[Value], grid: Value) -> tuple[Value, Value]:
    """How near an object's centre each pixel is, and how far right and down, in pixels, it is."""
    centres = _planes(maps, 0, 1).squeeze(0, 1).apply("Sigmoid")
    cells_px = [
        covered[axis].cast(maps.dtype) / grid.side(axis + 2).cast(maps.dtype) for axis in (1, 0)
    ]
    across = maps.graph.join(cells_px).reshape(2, 1, 1)
    return centres, _planes(maps, 1, OBJECT_MAPS).squeeze(0) * across


def _join_evidence(grid: Value, card: ModelCard) -> Value:
    """What ``Scores.to_grid`` gives: features, class logits, offsets of objects in cells."""
    outputs = card.architecture.outputs
    maps = OBJECT_MAPS if card.architecture.has_objects else 0
    logits = _planes(grid, 0, outputs)
    parts = [_planes(grid, outputs + maps, END), logits]
    if card.classes.is_binary:
        parts.insert(1, logits * 0)
    if maps:
        parts.append(_planes(grid, outputs + 1, outputs + maps))
    return grid.graph.join(parts, axis=1)
