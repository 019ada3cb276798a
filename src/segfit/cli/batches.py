"""A method applied to many images, as the commands do it: a bar, a table, and what failed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segfit.cli.opening import open_console
from segfit.cli.status import report_failures
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from rich.console import Console

    from segfit.batch.predict import PredictedImage
    from segfit.batch.record import Recording
    from segfit.batch.run import BatchReport
    from segfit.batch.stacks import PlaneOptions
    from segfit.batch.workers import Workers
    from segfit.imaging.channel_names import ChannelChoice
    from segfit.imaging.scale import Scale
    from segfit.result.method import Method
    from segfit.segmenter import AdjustedSegmenter


def run_method(
    method: Method,
    images: list[Path],
    output: Path,
    formats: list[str],
    *,
    title: str,
    simplify_px: float | None,
    channels: ChannelChoice,
    scale: Scale | None,
    keep_folders: bool,
    force: bool,
    skip_existing: bool,
    recording: Recording | None,
    workers: Workers | None,
    planes: PlaneOptions | None = None,
) -> None:
    """Apply a method to images under a progress bar, and print what was found.

    ``workers``: None for this process alone. ``planes``: of stacks, None for single images.
    """
    from segfit.batch.large import predict_large, sort_formats
    from segfit.batch.predict import apply_method
    from segfit.batch.stacks import predict_stacks
    from segfit.batch.workers import IN_THREADS
    from segfit.cli.display.predictions import render_predictions
    from segfit.cli.display.terminal import show_bar

    apply: Callable[..., BatchReport[PredictedImage]] = partial(
        apply_method, method, simplify_px=simplify_px, workers=workers or IN_THREADS
    )
    if planes is not None:
        if simplify_px is not None:
            raise SegfitError("--simplify does not go with --planes: leave it out")
        apply = partial(predict_stacks, method, options=planes, workers=workers or IN_THREADS)
    elif sort_formats(formats):
        large = check_large(method, formats, simplify_px=simplify_px)
        apply = partial(predict_large, large, threads=(workers or IN_THREADS).threads)
    console = open_console()
    with show_bar(console, title) as on_progress:
        report = apply(
            images,
            output,
            formats,
            channels=channels,
            scale=scale,
            keep_folders=keep_folders,
            force=force,
            skip_existing=skip_existing,
            recording=recording,
            on_progress=on_progress,
        )
    has_table = has_run_table(formats)
    console.print(render_predictions(report, method.classes, output, report_scales=has_table))
    explain_shard(console, recording, formats)
    report_failures(report)


def check_large(
    method: Method, formats: list[str], *, simplify_px: float | None
) -> AdjustedSegmenter:
    """The method, which can segment images of any size; ``SegfitError`` for another one."""
    from segfit.errors import SegfitError
    from segfit.segmenter import AdjustedSegmenter

    names = ", ".join(formats)
    if not isinstance(method, AdjustedSegmenter):
        raise SegfitError(
            f"{names}: these are for the answers of a trained model, by segfit predict: choose "
            "another format"
        )
    if simplify_px is not None:
        raise SegfitError(f"--simplify does not go with {names}: leave it out")
    return method


def find_work(
    paths: list[str], *, workers: str, threads: int | None, device: str, ray: str | None
) -> tuple[list[Path], Workers]:
    """The images that paths stand for, and the processes that they are worth."""
    from segfit.imaging.find import find_images

    images = find_images(paths)
    return images, share_work(workers, files=len(images), threads=threads, device=device, ray=ray)


def share_work(
    workers: str, *, files: int, threads: int | None, device: str, ray: str | None
) -> Workers:
    """The processes that files are worth: of this machine, or all of a Ray cluster."""
    from segfit.batch.cluster import import_ray
    from segfit.batch.workers import AUTO, Workers, choose_workers

    if ray is None:
        return choose_workers(workers, files=files, threads=threads, on_processor=device == "cpu")
    if workers != AUTO:
        raise SegfitError(
            "--ray has a process for each processor of the cluster: leave --workers out"
        )
    import_ray()
    return Workers(1, threads or 1, ray=ray)


def explain_shard(console: Console, recording: Recording | None, formats: list[str]) -> None:
    """Say how files of the whole run come about, where this was a shard of one that has any."""
    from segfit.batch.run_formats import RUN_FORMATS
    from segfit.cli.display.terminal import print_line

    names = [RUN_FORMATS[name].file_name for name in formats if name in RUN_FORMATS]
    if recording is not None and recording.shard is not None and names:
        print_line(
            console,
            f"When all shards have ended, the same command with --resume instead of --shard writes "
            f"{' and '.join(names)}.",
        )


def has_run_table(formats: list[str]) -> bool:
    """Whether one of the formats is a table, in which lengths have a unit."""
    from segfit.batch.run_formats import TABLES

    return any(name in TABLES for name in formats)
