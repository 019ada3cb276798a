"""``segfit export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segfit.cli.choices import split_names
from segfit.cli.opening import open_console
from segfit.cli.options import FILES, ExportFormats, Force, Model


def export(
    model: Model,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for the files", rich_help_panel=FILES)
    ],
    formats: ExportFormats = "onnx",
    force: Force = False,
) -> None:
    """Write a model for programs without segfit: C++, JavaScript, or whatever runs ONNX.

    The graph takes an image of any size and gives labels and scores at its size: resizing, padding,
    contrast and threshold are inside. Networks that move outlines or boxes become graphs of their
    own. model.json and README.md say what each takes and gives.

    [dim]segfit export face -o exported[/]

    [dim]segfit export mine.segfit -o exported --format onnx,openvino[/]
    """
    from segfit.cli.display.exports import render_export
    from segfit.export.export import export_model

    done = export_model(model, output, formats=split_names(formats), force=force)
    open_console().print(render_export(done))
