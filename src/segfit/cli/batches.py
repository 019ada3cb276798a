"""A method applied to many images, as the commands do it: a bar, a table, and what failed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from segfit.cli.opening import open_console
from segfit.cli.status import report_failures

if TYPE_CHECKING:
    from segfit.basics.progress import OnProgress
    from segfit.imaging.channels import Channels
    from segfit.imaging.scale import Scale
    from segfit.result.method import Method


def run_method(
    method: Method,
    paths: list[str],
    output: Path,
    formats: list[str],
    *,
    title: str,
    simplify_px: float | None,
    channels: Channels | None,
    scale: Scale | None,
    keep_folders: bool,
    force: bool,
) -> None:
    """Apply a method to images under a progress bar, and print what was found."""
    from segfit.batch.predict import apply_method
    from segfit.cli.display.predictions import render_predictions
    from segfit.cli.display.terminal import show_bar
    from segfit.imaging.find import find_images

    images = find_images(paths)
    console = open_console()
    with show_bar(console, title) as on_progress:
        report = apply_method(
            method,
            images,
            output,
            formats,
            simplify_px=simplify_px,
            channels=channels,
            scale=scale,
            keep_folders=keep_folders,
            force=force,
            on_done=count_outcomes(on_progress, len(images)),
        )
    has_table = has_run_table(formats)
    console.print(render_predictions(report, method.classes, output, report_scales=has_table))
    report_failures(report.failed, len(images))


def has_run_table(formats: list[str]) -> bool:
    """Whether one of the formats is a table, in which lengths have a unit."""
    from segfit.batch.run_formats import TABLES

    return any(name in TABLES for name in formats)


def count_outcomes(on_progress: OnProgress, total: int) -> Callable[[object], None]:
    """Turn "this one is done" into "so many are done"."""
    numbers = itertools.count(1)
    return lambda outcome: on_progress(next(numbers), total)
