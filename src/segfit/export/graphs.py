"""The graphs that a model is exported as, by the names of their files."""

from __future__ import annotations

import json
from typing import Any

from onnx import ModelProto, helper

from segfit.export.contract import BOXES, OUTLINES, SEGMENT, describe_model
from segfit.export.labelling import write_labelling
from segfit.export.regressors import write_boxes, write_outlines
from segfit.export.weights import embed_weights
from segfit.model.architecture import BoxArchitecture, ClassifierArchitecture, OutlineArchitecture
from segfit.model.archive import ModelFile
from segfit.model.card import Card, ModelCard
from segfit.version import __version__


def write_graphs(contents: ModelFile[Card]) -> dict[str, ModelProto]:
    """Write the graphs of a model's networks, whole and with all that goes with them.

    A segmenter has ``segment``; it and a refiner may have ``outlines``, and ``boxes``.
    """
    card = contents.card
    networks = {name: embed_weights(network) for name, network in contents.networks.items()}
    graphs, squeezed = {}, 0
    if isinstance(card, ModelCard):
        squeezed = card.architecture.squeezed
        graphs[SEGMENT] = write_labelling(card, networks[ClassifierArchitecture.NAME])
    if card.regressor is not None:
        graphs[OUTLINES] = write_outlines(
            card.regressor, networks[OutlineArchitecture.NAME], squeezed=squeezed
        )
    if card.boxes is not None:
        graphs[BOXES] = write_boxes(card.boxes, networks[BoxArchitecture.NAME], squeezed=squeezed)
    properties = _write_properties(describe_model(contents))
    for graph in graphs.values():
        helper.set_model_props(graph, properties)
        graph.producer_name, graph.producer_version = "segfit", __version__
        graph.doc_string = card.description
    return graphs


def _write_properties(description: dict[str, Any]) -> dict[str, str]:
    """A description as the texts that ONNX keeps; what is no text as JSON."""
    return {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in description.items()
    }
