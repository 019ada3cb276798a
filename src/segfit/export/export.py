"""Export a model: its graphs, what describes them, and a comparison with the model itself."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segfit.basics.files import FilePath, check_writable, make_folder, write_file
from segfit.basics.text import encode_text
from segfit.errors import SegfitError
from segfit.export.agreement import Agreement, measure_agreement, measure_rounded_agreement
from segfit.export.contract import SEGMENT, describe_graph, describe_model, write_readme
from segfit.export.formats import FORMATS, ExportFormat, choose_formats
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import ModelFile, read_archive
from segfit.model.card import Card, FeatureCard, ModelCard, ScribbleCard
from segfit.model.precision import Precision
from segfit.model.shipped import find_model
from segfit.runtime.quantization import Ranges
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    ``files``: paths and sizes in bytes. ``agreements``: with the model's labels, of the graph in
    single precision and of that in int8; none of a refiner, which has no labels. ``notes``: what
    to tell of it.
    """

    folder: Path
    files: tuple[tuple[Path, int], ...]
    agreements: tuple[Agreement, ...]
    notes: tuple[str, ...] = ()


def export_model(
    model: str | Path,
    folder: FilePath,
    *,
    formats: Iterable[str] = ("onnx",),
    precision: str = Precision.SINGLE,
    force: bool = False,
) -> Export:
    """Write a model for programs without segfit: graphs that take an image as it is.

    ``model``: the name of a shipped model, or the path of a ``.segfit`` file. ``formats``: "onnx",
    "openvino". ``precision``: "int8" for the IR of the labels' graph in that form; it stays in
    single precision, and the notes say so, where the model's card says that int8 costs too much.
    The folder also gets ``model.json`` and ``README.md``, which say what the graphs take and give.
    Labels are compared with the model's before anything is written. Raises ``SegfitError`` for
    another format or precision, for a file that is not a good model, for a folder that holds
    anything (unless ``force``, which replaces files of the same names), and where onnx is missing.

    >>> import segfit
    >>> export = segfit.export_model("face", "exported")  # doctest: +SKIP
    >>> export.agreements[0].equal / export.agreements[0].pixels  # doctest: +SKIP
    1.0
    """
    if find_spec("onnx") is None:
        raise SegfitError('export needs onnx, not installed here: pip install "segfit[export]"')
    from segfit.export.graphs import write_graphs

    chosen = choose_formats(formats)
    target = Path(folder)
    check_folder(target, force=force)
    contents = read_archive(find_model(model))
    if isinstance(contents.card, FeatureCard | ScribbleCard):
        raise SegfitError(
            f"{model} is for strokes, which no other program can compute: train a model for export "
            "by segfit train DATA -o NAME.segfit"
        )
    ranges, notes = choose_ranges(contents.card, Precision(precision), chosen)
    # What cannot be run is not exported either.
    sessions = open_sessions(contents, precision=Precision.SINGLE)
    graphs = write_graphs(contents)
    files = {
        name + suffix: content
        for name, graph in graphs.items()
        for format in chosen.values()
        for suffix, content in format.write(graph, ranges if name == SEGMENT else None).items()
    }
    agreements: list[Agreement] = []
    if isinstance(contents.card, ModelCard):
        segmenter = Segmenter(contents.card, sessions)
        agreements.append(measure_agreement(graphs[SEGMENT].SerializeToString(), segmenter))
        if ranges is not None:
            rounded = (files[SEGMENT + ".xml"], files[SEGMENT + ".bin"])
            agreements.append(measure_rounded_agreement(*rounded, segmenter))
    files |= _describe(contents, {name: describe_graph(name, g) for name, g in graphs.items()})
    make_folder(target)
    for name in files:
        check_writable(target / name, force=force)
    for name, content in files.items():
        write_file(target / name, content, force=force)
    sizes = tuple((target / name, len(content)) for name, content in files.items())
    return Export(target, sizes, tuple(agreements), notes)


def choose_ranges(
    card: Card, precision: Precision, formats: Mapping[str, ExportFormat]
) -> tuple[Ranges | None, tuple[str, ...]]:
    """What the labels' graph is to be rounded by, None for single precision; and what to tell.

    Raises ``SegfitError`` where there is no int8 form, and for another precision.
    """
    if precision is Precision.SINGLE:
        return None, ()
    if precision is not Precision.INT8:
        raise SegfitError(
            f"there is no export in {precision}: choose single or int8; what runs the graph may "
            "compute in 16 bits by settings of its own"
        )
    if not any(format.has_int8 for format in formats.values()):
        able = " or ".join(name for name, format in FORMATS.items() if format.has_int8)
        raise SegfitError(f"the int8 form is for {able}: add it to the formats")
    if not isinstance(card, ModelCard):
        raise SegfitError(f"{card.name} is a refiner, which has no int8 form: leave int8 out")
    faster = card.classifier.faster
    if faster is None or not faster.ranges:
        raise SegfitError(f"{card.name} has no int8 form: train it again, or leave int8 out")
    others = [name for name, format in formats.items() if not format.has_int8]
    notes = [f"{' and '.join(others)}: in single precision"] if others else []
    if not faster.costs_little(Precision.INT8):
        kept = f"kept in single precision: {faster.describe(Precision.INT8)}"
        return None, (*notes, kept)
    return _as_called(faster.ranges), tuple(notes)


def _as_called(ranges: Ranges) -> Ranges:
    """Ranges by the names that the classifier's tensors have in the graph that calls it."""
    return {f"{ClassifierArchitecture.NAME}/{name}": ends for name, ends in ranges.items()}


def check_folder(folder: Path, *, force: bool) -> None:
    """Raise ``SegfitError`` for what is no folder, and for one that holds something already."""
    if folder.exists() and not folder.is_dir():
        raise SegfitError(f"{folder} is a file: give the folder that the export goes to")
    if not force and folder.is_dir() and any(folder.iterdir()):
        raise SegfitError(
            f"the folder {folder} is not empty: choose another one, or allow overwriting with "
            "--force, which leaves other files there alone (in Python: force=True)"
        )


def _describe(contents: ModelFile[Card], graphs: dict[str, dict[str, Any]]) -> dict[str, bytes]:
    """The files that say what the others are."""
    description = describe_model(contents)
    whole = json.dumps({**description, "graphs": graphs}, indent=1, ensure_ascii=False)
    return {
        "model.json": encode_text(whole + "\n"),
        "README.md": encode_text(write_readme(description, graphs)),
    }
