"""How far the labels of an exported graph are those of the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.classification.decision import Decision, decide_labels
from segfit.imaging.read import read_image
from segfit.segmenter import Segmenter

DEMO_DATA = Path(__file__).parents[1] / "demo_data"
DEMO_IMAGES = {
    "frame": DEMO_DATA / "astronaut.jpg",
    "field": DEMO_DATA / "nuclei" / "val" / "images" / "fluorescence_54fe2d341695.png",
}
"""What labels are compared on, by the kind of scaling."""
CPU_PROVIDER = "CPUExecutionProvider"


@dataclass(frozen=True)
class Agreement:
    """Of an image's ``pixels``, ``equal`` have the model's label; ``runtime`` ran the graph."""

    equal: int
    pixels: int
    runtime: str
    image_name: str


def measure_agreement(graph: bytes, segmenter: Segmenter) -> Agreement:
    """Compare the labels of a graph in ONNX with the model's, on an image that ships."""
    path = DEMO_IMAGES[segmenter.card.scaling.kind]
    image = read_image(path)
    labels, runtime = run_graph(graph, image)
    threshold = segmenter.card.threshold if segmenter.classes.is_binary else None
    expected = decide_labels(segmenter.score(image), Decision(threshold=threshold))
    return Agreement(int((labels == expected).sum()), labels.size, runtime, path.name)


def run_graph(graph: bytes, image: UInt8Array) -> tuple[UInt8Array, str]:
    """Labels of an image (H, W, 3) by a graph in ONNX, and the name of what ran it.

    That is ONNX Runtime, where it is installed and has its CPU provider; else OpenVINO.
    """
    try:
        import onnxruntime

        has_provider = CPU_PROVIDER in onnxruntime.get_available_providers()
    except ImportError:
        has_provider = False
    if has_provider:
        session = onnxruntime.InferenceSession(graph, providers=[CPU_PROVIDER])
        (labels,) = session.run(["labels"], {"image": image})
        return np.asarray(labels, np.uint8), "ONNX Runtime"
    import openvino

    core = openvino.Core()
    compiled = core.compile_model(
        core.read_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "f32"}
    )
    return np.asarray(compiled(image)["labels"], np.uint8), "OpenVINO"
