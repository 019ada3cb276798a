"""What the exported graphs take and give, in words: for ``model.json``, the README and metadata."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from segfit.model.archive import ModelFile
from segfit.model.card import Card, ModelCard
from segfit.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto

SEGMENT, OUTLINES, BOXES = "segment", "outlines", "boxes"
"""Names of the graphs, and of their files without the suffix."""

PURPOSES = {
    SEGMENT: "labels and scores of an image of any size, at its size",
    OUTLINES: "how far off an outline is at each of its points, by strips of the image across it",
    BOXES: "how far off the four edges of a box are, by a patch of the image over it",
}
MEANINGS = {
    SEGMENT: {
        "image": "RGB, 0 to 255, rows from the top; sides of 8 px or more",
        "labels": "the class of each pixel, an index into classes",
        "scores": "probability of each class at each pixel; those of a pixel sum to 1",
        "centres": "how near the centre of its object each pixel is, 0 to 1",
        "offsets": "how far right and down of each pixel the centre of its object is, in pixels",
        "evidence": "features, class logits and offsets on the network's grid",
        "covered": "height and width in image pixels that the grid of evidence spans",
    },
    OUTLINES: {
        "image": "RGB along the strip across each vertex, from the left region to the right one",
        "neighbours": "indices of the vertices behind and ahead along the outline, by distance",
        "scale": "log2 of the grid's cell, or of how far off outlines may be, in steps",
        "grid": "evidence of the segment graph",
        "positions": "x and y on the grid, -1 to 1, of every second strip point",
        "classes": "classes on the left and on the right of the outline",
        "normals": "x and y of the unit vector across the outline, from left to right",
        "sides": "1 where the first outline has the left region, -1 the right one, 0 another",
        "offsets": "how far along its strip each vertex is to move, in steps",
        "errors": "standard error of each offset, in steps",
    },
    BOXES: {
        "image": "RGB, 0 to 255, on a grid over each box and a quarter of its side around it",
        "inside": "1 where the region of the box is, else 0, on the same grid",
        "scale": "log2 of the box's width and height in pixels",
        "grid": "evidence of the segment graph: its features and class logits",
        "positions": "x and y on the grid, -1 to 1, of each point of the patch",
        "classes": "class of each box",
        "offsets": "how far the top, right, bottom and left edges move outwards, in shares of the "
        "side across",
        "errors": "standard error of each offset",
    },
}


def describe_model(contents: ModelFile[Card]) -> dict[str, Any]:
    """What is to be known of a model: classes, resolution, threshold, origin, sizes of inputs."""
    card = contents.card
    description: dict[str, Any] = {
        "model": card.name,
        "description": card.description,
        "licence": card.licence,
        "data": card.data,
        "created": card.created,
        "checksum": contents.digest,
        "segfit_version": __version__,
        "channels": card.channels,
    }
    if card.regressor is not None:
        outlines = card.regressor.architecture
        description[OUTLINES] = {
            "strip_points": outlines.strip_points,
            "distances": outlines.dilations,
            "temperature": card.regressor.temperature,
        }
    if card.boxes is not None:
        description[BOXES] = {"grid_points": card.boxes.architecture.grid_points}
    if isinstance(card, ModelCard):
        classes = card.classes
        description |= {
            "classes": [
                {
                    "name": name,
                    "color": "#{:02x}{:02x}{:02x}".format(*color),
                    "objects": index in classes.object_classes,
                }
                for index, (name, color) in enumerate(
                    zip(classes.names, classes.colors, strict=True)
                )
            ],
            "background": classes.background,
            "scaling": asdict(card.scaling),
            "threshold": card.threshold if classes.is_binary else None,
        }
    return description


def describe_graph(name: str, graph: ModelProto) -> dict[str, Any]:
    """What a graph is for, and its inputs and outputs with their types, shapes and meanings."""
    return {
        "purpose": PURPOSES[name],
        "inputs": [_describe(value, MEANINGS[name]) for value in graph.graph.input],
        "outputs": [_describe(value, MEANINGS[name]) for value in graph.graph.output],
    }


def write_readme(description: dict[str, Any], graphs: dict[str, dict[str, Any]]) -> str:
    """A README of an exported folder, for who finds it without segfit."""
    lines = [f"# {description['model']}", "", description["description"], ""]
    for name, graph in graphs.items():
        lines += [f"## {name}", "", f"Gives {graph['purpose']}.", ""]
        lines += ["| | name | type | shape | |", "|---|---|---|---|---|"]
        for kind in ("inputs", "outputs"):
            lines += [
                f"| {kind.removesuffix('s')} | `{one['name']}` | {one['type']} | "
                f"{' × '.join(map(str, one['shape']))} | {one['meaning']} |"
                for one in graph[kind]
            ]
        lines.append("")
    if "classes" in description:
        lines += ["## Classes", "", "| label | name | color |", "|---|---|---|"]
        for index, entry in enumerate(description["classes"]):
            lines.append(f"| {index} | {entry['name']} | `{entry['color']}` |")
        lines.append("")
    lines += ["## Origin", ""]
    lines += [f"- {key}: {description[key]}" for key in ("licence", "data") if description[key]]
    lines += [
        f"- networks {description['checksum']}, made {description['created']}, exported by segfit "
        f"{description['segfit_version']}",
        "",
        "The same is in `model.json`. The whole contract, with a reference in Python, is in "
        "segfit's `docs/reference/export.md`.",
    ]
    return "\n".join(lines) + "\n"


def _describe(value: ValueInfoProto, meanings: dict[str, str]) -> dict[str, Any]:
    from onnx import helper

    kind = value.type.tensor_type
    return {
        "name": value.name,
        "type": helper.tensor_dtype_to_np_dtype(kind.elem_type).name,
        "shape": [side.dim_param or side.dim_value for side in kind.shape.dim],
        "meaning": meanings[value.name],
    }
