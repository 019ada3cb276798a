"""Export a model: its graphs, what describes them, and a comparison with the model itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segfit.basics.files import FilePath, check_writable, make_folder, write_file
from segfit.basics.text import encode_text
from segfit.errors import SegfitError
from segfit.export.agreement import Agreement, measure_agreement
from segfit.export.contract import SEGMENT, describe_graph, describe_model, write_readme
from segfit.export.formats import choose_formats
from segfit.model.archive import ModelFile, read_archive
from segfit.model.card import Card, ModelCard
from segfit.model.shipped import find_model
from segfit.runtime.sessions import open_sessions
from segfit.segmenter import Segmenter


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    ``files``: paths and sizes in bytes. ``agreement``: with the model's labels; None for a refiner,
    which has none.
    """

    folder: Path
    files: tuple[tuple[Path, int], ...]
    agreement: Agreement | None


def export_model(
    model: str | Path,
    folder: FilePath,
    *,
    formats: Iterable[str] = ("onnx",),
    force: bool = False,
) -> Export:
    """Write a model for programs without segfit: graphs that take an image as it is.

    ``model``: the name of a shipped model, or the path of a ``.segfit`` file. ``formats``: "onnx",
    "openvino". The folder also gets ``model.json`` and ``README.md``, which say what the graphs
    take and give. Labels are compared with the model's before anything is written. Raises
    ``SegfitError`` for another format, for a file that is not a good model, for a folder that holds
    anything (unless ``force``, which replaces files of the same names), and where onnx is missing.

    >>> import segfit
    >>> export = segfit.export_model("face", "exported")  # doctest: +SKIP
    >>> export.agreement.equal / export.agreement.pixels  # doctest: +SKIP
    1.0
    """
    if find_spec("onnx") is None:
        raise SegfitError('export needs onnx, not installed here: pip install "segfit[export]"')
    from segfit.export.graphs import write_graphs

    chosen = choose_formats(formats)
    target = Path(folder)
    check_folder(target, force=force)
    contents = read_archive(find_model(model))
    sessions = open_sessions(contents)  # what cannot be run is not exported either
    graphs = write_graphs(contents)
    agreement = None
    if isinstance(contents.card, ModelCard):
        segmenter = Segmenter(contents.card, sessions)
        agreement = measure_agreement(graphs[SEGMENT].SerializeToString(), segmenter)
    files = {
        name + suffix: content
        for name, graph in graphs.items()
        for format in chosen.values()
        for suffix, content in format.write(graph).items()
    }
    files |= _describe(contents, {name: describe_graph(name, g) for name, g in graphs.items()})
    make_folder(target)
    for name in files:
        check_writable(target / name, force=force)
    for name, content in files.items():
        write_file(target / name, content, force=force)
    sizes = tuple((target / name, len(content)) for name, content in files.items())
    return Export(target, sizes, agreement)


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
