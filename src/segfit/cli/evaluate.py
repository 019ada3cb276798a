"""``segfit evaluate``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segfit.cli.batches import share_work
from segfit.cli.choices import (
    STANDARD,
    complete,
    list_components,
    list_tasks,
    parse_choice,
)
from segfit.cli.decision import name_decision_options, with_decision
from segfit.cli.opening import (
    VALIDATION,
    choose_quality,
    open_console,
    open_refiner,
    open_segmenter,
    open_split,
    parse_backend,
    parse_channel_option,
    parse_precision,
)
from segfit.cli.options import (
    FILES,
    MACHINE,
    SPECK_PX,
    Backend,
    Data,
    Device,
    Force,
    ImageChannels,
    MethodSettings,
    Precision,
    Quality,
    RayAddress,
    SplitObjects,
    Threads,
)
from segfit.errors import SegfitError
from segfit.version import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from segfit.basics.progress import Spread
    from segfit.classification.decision import Decision
    from segfit.evaluation.edges import EdgeReport
    from segfit.evaluation.outlines import OutlineReport
    from segfit.evaluation.report import Report
    from segfit.imaging.channels import Channels
    from segfit.refiner import Refiner
    from segfit.result.method import Method
    from segfit.segmenter import Segmenter


@with_decision
def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .segfit file, the name of a shipped model ({models}), or a method without "
            "training that separates foreground and background ({comparable_methods}). With "
            "--task edges: {detectors}, or a .segfit file",
            autocompletion=complete("models", "comparable_methods", "detectors", files=True),
        ),
    ],
    data: Data,
    split: Annotated[
        str | None,
        typer.Option(
            help="Split of the data: {splits}; val where it is left out, and all images of data "
            "without splits",
            show_default=False,
            autocompletion=complete("splits"),
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(
            help="What DATA holds:\n\n{tasks:lines}\n\n", autocompletion=complete("tasks")
        ),
    ] = "regions",
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json", metavar="FILE", help="Write all figures to this file", rich_help_panel=FILES
        ),
    ] = None,
    component: Annotated[
        str,
        typer.Option(
            help="What to measure: {components}. A regressor begins with the true outlines, made "
            "coarse",
            autocompletion=complete("components"),
        ),
    ] = "both",
    settings: MethodSettings = None,
    *,
    decision: Decision,
    group_by_prefix: Annotated[
        bool,
        typer.Option(
            "--group-by-prefix",
            help="Also give figures for each group of images whose names share what precedes the "
            "first _",
        ),
    ] = False,
    split_objects: SplitObjects = False,
    quality: Quality = STANDARD,
    channels: ImageChannels = None,
    backend: Backend = None,
    device: Device = "cpu",
    precision: Precision = "auto",
    threads: Threads = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that compare images beside each other; one if not given, so that the "
            "time of an image is that of one alone",
            rich_help_panel=MACHINE,
        ),
    ] = None,
    ray: RayAddress = None,
    force: Force = False,
) -> None:
    """Compare what a model or a method finds with labelled images.

    [dim]segfit evaluate face portraits/ --json face.json[/]

    [dim]segfit evaluate otsu cells/[/]

    [dim]segfit evaluate outlines portraits/ --component regressor[/]

    [dim]segfit evaluate learned bsds500/ --task edges[/]
    """
    from segfit.basics.files import check_writable, write_file
    from segfit.basics.text import parse_settings
    from segfit.batch.spread import SpreadOut
    from segfit.batch.workers import AUTO
    from segfit.cli.display.reports import render_report
    from segfit.methods import open_comparable
    from segfit.segmenter import BY_THE_MODEL

    task = parse_choice(task, list_tasks(), "task")
    component = parse_choice(component, list_components(), "component")
    if task == "edges" and component != "both":
        raise SegfitError("--component is for models of regions: leave it out with --task edges")
    if task == "edges" or component == "regressor":
        check_unused(
            {
                ", ".join(name_decision_options()): decision != BY_THE_MODEL,
                "--group-by-prefix": group_by_prefix,
                "--split-objects": split_objects,
                "--quality": quality != STANDARD,
                "--set": bool(settings),
            },
            "--task edges" if task == "edges" else "--component regressor",
        )
    if json_file is not None:
        check_writable(json_file, force=force)
    every = AUTO if ray is not None else "1"
    shared = share_work(
        every if workers is None else str(workers), files=1, threads=threads, device=device, ray=ray
    )
    spread, place = SpreadOut(shared), data.absolute()  # other machines work in other folders
    console = open_console()
    chosen = parse_channel_option(channels)
    report: Report | OutlineReport | EdgeReport
    if task == "edges":
        split = split or VALIDATION
        report = compare_edges(
            console,
            model,
            place,
            split=split,
            channels=chosen,
            backend=backend,
            device=device,
            threads=shared.threads,
            precision=precision,
            spread=spread,
        )
    elif component == "regressor":
        split, report = compare_outlines(
            console,
            model,
            place,
            split=split,
            channels=chosen,
            backend=backend,
            device=device,
            threads=shared.threads,
            precision=precision,
            spread=spread,
        )
    else:
        split, report = compare_segmentations(
            console,
            choose_quality(
                open_comparable(
                    model,
                    parse_settings(settings),
                    decision=decision,
                    refine=component == "both",
                    min_area_px=SPECK_PX,
                    backend=parse_backend(backend),
                    device=device,
                    threads=shared.threads,
                    precision=parse_precision(precision),
                ),
                quality,
            ),
            place,
            split=split,
            group_by_prefix=group_by_prefix,
            split_objects=split_objects,
            channels=chosen,
            spread=spread,
        )
    console.print(render_report(report))
    if json_file is not None:
        given = {
            "model": model,
            "data": str(data),
            "split": split,
            "task": task,
            "component": component,
        }
        computed = {"backend": backend, "device": device, "precision": precision}
        computed["quality"] = quality
        choice = {"settings": settings or [], **asdict(decision), **computed}
        figures = {**given, **choice, "segfit_version": __version__, **report.to_dict()}
        write_file(json_file, (json.dumps(figures, indent=1) + "\n").encode(), force=force)


def check_unused(given: Mapping[str, bool], other: str) -> None:
    """Raise ``SegfitError`` if an option is given that is for regions found, not for ``other``."""
    for options, is_given in given.items():
        if is_given:
            raise SegfitError(
                f"{options}: only for regions that are found in an image; leave it out with {other}"
            )


def compare_segmentations(
    console: Console,
    method: Method,
    data: Path,
    *,
    split: str | None,
    group_by_prefix: bool,
    split_objects: bool,
    channels: Channels | None,
    spread: Spread,
) -> tuple[str, Report]:
    """Segment labelled images and compare the result with their truth; which split that was."""
    from segfit.cli.display.terminal import show_bar
    from segfit.evaluation.regions import evaluate, prefix_of
    from segfit.segmenter import AdjustedSegmenter

    if isinstance(method, AdjustedSegmenter):
        channels = channels or method.segmenter.card.channels
    chosen, dataset = open_split(
        console, data, split, split_objects=split_objects, channels=channels
    )
    with show_bar(console, "comparing") as on_progress:
        return chosen, evaluate(
            method,
            dataset,
            group_of=prefix_of if group_by_prefix else None,
            spread=spread,
            on_progress=on_progress,
        )


def compare_outlines(
    console: Console,
    model: str,
    data: Path,
    *,
    split: str | None,
    channels: Channels | None,
    backend: str | None,
    device: str,
    threads: int | None,
    precision: str,
    spread: Spread,
) -> tuple[str, OutlineReport]:
    """Refine outlines that are made coarse from the truth; which split that was."""
    from segfit.cli.display.terminal import show_bar
    from segfit.evaluation.outlines import evaluate_outlines
    from segfit.model.archive import read_archive
    from segfit.model.card import RefinerCard
    from segfit.model.shipped import find_model

    method: Segmenter | Refiner
    classes = None
    if isinstance(read_archive(find_model(model)).card, RefinerCard):
        method = open_refiner(model, backend=backend, device=device, threads=threads)
    else:
        method = open_segmenter(
            model, backend=backend, device=device, threads=threads, precision=precision
        )
        classes = method.classes
    chosen, dataset = open_split(console, data, split, channels=channels or method.card.channels)
    with show_bar(console, "comparing") as on_progress:
        report = evaluate_outlines(
            method, dataset, classes=classes, spread=spread, on_progress=on_progress
        )
    return chosen, report


def compare_edges(
    console: Console,
    model: str,
    data: Path,
    *,
    split: str,
    channels: Channels | None,
    backend: str | None,
    device: str,
    threads: int | None,
    precision: str,
    spread: Spread,
) -> EdgeReport:
    """Find edges in images that people drew, and compare them."""
    from segfit.cli.display.terminal import show_bar
    from segfit.datasets.drawn import open_drawn
    from segfit.evaluation.edges import evaluate_edges
    from segfit.methods import open_edge_finder

    finder = open_edge_finder(
        model,
        backend=parse_backend(backend),
        device=device,
        threads=threads,
        precision=parse_precision(precision),
    )
    images = open_drawn(data, split, channels=channels or finder.detector.channels)
    with show_bar(console, "comparing") as on_progress:
        return evaluate_edges(finder, images, spread=spread, on_progress=on_progress)
