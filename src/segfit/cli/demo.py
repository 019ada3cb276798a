"""``segfit demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segfit.cli.opening import open_console
from segfit.cli.options import Force


def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the results")] = Path(
        "demo-output"
    ),
    with_training: Annotated[
        bool, typer.Option("--train", help="Train a model of your own on images of nuclei instead")
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0.3, help="With --train: how long the training takes")
    ] = 0.8,
    force: Force = False,
) -> None:
    """Segment a face and nuclei with the shipped models, or train a model on two dozen images.

    [dim]segfit demo[/]

    [dim]segfit demo --train[/]
    """
    if with_training:
        from segfit.cli.training_demo import run_training_demo

        run_training_demo(output, minutes=minutes, force=force, console=open_console())
    else:
        from segfit.cli.exhibits import run_demo

        run_demo(output, force=force, console=open_console())
