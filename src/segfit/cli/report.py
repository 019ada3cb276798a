"""``segfit report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segfit.cli.choices import complete
from segfit.cli.decision import with_decision
from segfit.cli.opening import (
    open_console,
    open_split,
    parse_backend,
    parse_channel_option,
    parse_precision,
)
from segfit.cli.options import (
    FILES,
    SPECK_PX,
    Backend,
    Data,
    Device,
    Force,
    ImageChannels,
    MethodSettings,
    Precision,
    Refine,
    SplitObjects,
    Threads,
)
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from segfit.classification.decision import Decision
    from segfit.imaging.channels import Channels
    from segfit.report import Candidate, EarlierModel, LearningPoint
    from segfit.result.method import Method

    Open = Callable[[str], Method]


@with_decision
def report(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A .segfit file, the name of a shipped model ({segmenters}), or a method without "
            "training that separates foreground and background ({comparable_methods})",
            autocompletion=complete("segmenters", "comparable_methods", files=True),
        ),
    ],
    data: Data,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="FILE", help="The page", rich_help_panel=FILES),
    ],
    split: Annotated[
        str | None,
        typer.Option(
            help="Split of the data: {splits}; val where it is left out, and all images of data "
            "without splits",
            show_default=False,
            autocompletion=complete("splits"),
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="Another model or method to compare with, on the same images; the options of "
            "results and --set are not its",
            autocompletion=complete("segmenters", "comparable_methods", files=True),
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Models that learned from other numbers of images, for the learning curve: JSON "
            'such as [{"images": 10, "model": "ten.segfit"}, {"images": 20, "mean_iou": 0.71}]',
        ),
    ] = None,
    worst: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="How many of the worst images to show")
    ] = 12,
    settings: MethodSettings = None,
    *,
    decision: Decision,
    refine: Refine = True,
    split_objects: SplitObjects = False,
    channels: ImageChannels = None,
    backend: Backend = None,
    device: Device = "cpu",
    precision: Precision = "auto",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Write a page that tells how good a model is, and where it is not.

    One file, to open in any browser or to pass on: figures with intervals, what is taken for what,
    calibration, what more labelled images would bring, and the worst images.

    [dim]segfit report face portraits/ -o face.html[/]

    [dim]segfit report mine.segfit portraits/ -o mine.html --against face[/]
    """
    from datetime import UTC, datetime
    from functools import partial

    from segfit.basics.files import check_writable
    from segfit.basics.text import count_noun, parse_settings
    from segfit.cli.display.terminal import print_line, show_bar
    from segfit.methods import open_comparable
    from segfit.report import Candidate, EarlierModel, Hints, build_report, write_report

    check_writable(output, force=force)
    console = open_console()
    open_one = partial(
        open_comparable,
        min_area_px=SPECK_PX,
        backend=parse_backend(backend),
        device=device,
        threads=threads,
        precision=parse_precision(precision),
    )
    method = open_one(model, parse_settings(settings), decision=decision, refine=refine)
    options = describe_options(decision, refine=refine, settings=settings)
    candidates = [Candidate(name_method(model, options), method)]
    if against is not None:
        candidates.append(Candidate(name_method(against), open_one(against)))
    if len({one.name for one in candidates}) < len(candidates):
        raise SegfitError(
            f"{model} and {against} would both be called {candidates[0].name}: compare a model "
            "with another one, or with itself by other options; rename one of two files of a name"
        )
    points = [] if history is None else open_history(history, model, method, open_one)
    earlier = [one for one in points if isinstance(one, EarlierModel)]
    chosen_split, dataset = open_split(
        console,
        data,
        split,
        split_objects=split_objects,
        channels=parse_channel_option(channels) or find_channels([*candidates, *earlier]),
    )
    images, classes = count_noun(len(dataset), "image"), len(dataset.classes)
    with show_bar(console, "measuring") as on_progress:
        content = build_report(
            candidates[0],
            dataset,
            data=f"{data.resolve().name}, {chosen_split}: {images}, {classes} classes",
            against=candidates[1] if against is not None else None,
            history=points,
            worst=worst,
            settings={
                "made": datetime.now(UTC).strftime("%Y-%m-%d"),
                "computed": f"{device}, {precision} precision",
            },
            hints=Hints(
                learning="Train on a part of the images, then on more of them, and name the models "
                "and their numbers of images in a file for --history.",
                matrix="It is in what segfit evaluate --json writes.",
            ),
            on_progress=on_progress,
        )
    write_report(content, output, force=force)
    size_mb = output.stat().st_size / 1e6
    print_line(console, f"{output}: {size_mb:.1f} MB, opens in any browser")


def name_method(name: str, options: str = "") -> str:
    """What a page calls a model or a method: without folders, and with the options given."""
    bare = Path(name).stem if name.endswith(".segfit") else name
    return f"{bare}, {options}" if options else bare


def describe_options(decision: Decision, *, refine: bool, settings: list[str] | None) -> str:
    """The options that were given, as a page says them."""
    from dataclasses import fields

    given = [
        f"{one.name} {getattr(decision, one.name):g}"
        for one in fields(decision)
        if getattr(decision, one.name) != one.default
    ]
    return ", ".join([*given, *(settings or []), *([] if refine else ["outlines not refined"])])


def find_channels(methods: Sequence[Candidate | EarlierModel]) -> Channels | None:
    """The channels that all of the models look at; raises ``SegfitError`` where these differ."""
    from segfit.segmenter import AdjustedSegmenter

    wanted = {
        one.name: one.method.segmenter.card.channels
        for one in methods
        if isinstance(one.method, AdjustedSegmenter)
    }
    if len(set(wanted.values())) > 1:
        said = ", ".join(f"{name}: {channels or 'any'}" for name, channels in wanted.items())
        raise SegfitError(
            f"the models look at different channels ({said}): choose some for all by --channels"
        )
    return next(iter(wanted.values()), None)


def open_history(
    path: Path, model: str, method: Method, open_other: Open
) -> list[EarlierModel | LearningPoint]:
    """The points of a file; a model that is ``model`` is not opened again."""
    from segfit.model.shipped import find_model
    from segfit.report import EarlierModel, LearningPoint
    from segfit.report.history import read_history

    points: list[EarlierModel | LearningPoint] = []
    for point in read_history(path):
        if point.model is None:
            points.append(LearningPoint(point.images, point.mean_iou or 0.0))
            continue
        is_same = find_model(point.model).resolve() == find_model(model).resolve()
        opened = method if is_same else open_other(point.model)
        points.append(EarlierModel(name_method(point.model), point.images, opened))
    return points
