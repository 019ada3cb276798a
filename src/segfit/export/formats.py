"""The formats that a model can be exported to, and why not to others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from segfit.errors import SegfitError

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class ExportFormat:
    """``purpose``: what it is for, in a line. ``write``: a graph's files by their suffixes."""

    purpose: str
    write: Callable[[ModelProto], dict[str, bytes]]


def write_onnx(graph: ModelProto) -> dict[str, bytes]:
    """One file with the weights inside."""
    return {".onnx": graph.SerializeToString()}


def write_openvino(graph: ModelProto) -> dict[str, bytes]:
    """The topology and the weights beside it.

    The weights stay in the precision that they have, half for matrices and single for the rest:
    all in half precision saves 3 % of the bytes and makes ten times as many labels differ.
    """
    import openvino

    model = openvino.Core().read_model(graph.SerializeToString())
    for entry in graph.metadata_props:
        model.set_rt_info(entry.value, ["segfit", entry.key])
    with TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return {suffix: path.with_suffix(suffix).read_bytes() for suffix in (".xml", ".bin")}


FORMATS = {
    "onnx": ExportFormat(
        "one file for ONNX Runtime in C++, C#, Java, JavaScript and Python", write_onnx
    ),
    "openvino": ExportFormat("an IR, .xml and .bin, for OpenVINO", write_openvino),
}
REFUSED = {
    "tflite": "its converter from ONNX is made for images of one size, and these graphs take any: "
    "run the ONNX file by ONNX Runtime, which Android has, too",
    "coreml": "coremltools reads no ONNX any more: run the ONNX file by ONNX Runtime, which macOS "
    "and iOS have, too",
}
"""What others export to, with what to do instead."""


def choose_formats(names: Iterable[str]) -> dict[str, ExportFormat]:
    """Formats by their names; raises ``SegfitError`` for none, and for one that there is not."""
    chosen = {}
    for name in [names] if isinstance(names, str) else names:
        if name in REFUSED:
            raise SegfitError(f"there is no export to {name}: {REFUSED[name]}")
        if name not in FORMATS:
            raise SegfitError(f"unknown format {name}: choose {' or '.join(FORMATS)}")
        chosen[name] = FORMATS[name]
    if not chosen:
        raise SegfitError(f"no format given: choose {' or '.join(FORMATS)}")
    return chosen
