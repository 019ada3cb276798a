"""``segfit scribble``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segfit.cli.batches import run_method
from segfit.cli.choices import split_names
from segfit.cli.opening import (
    open_console,
    open_data,
    parse_backend,
    parse_channel_option,
    parse_scale_option,
)
from segfit.cli.options import (
    FILES,
    RESULT,
    Backend,
    Device,
    Force,
    ImageChannels,
    KeepFolders,
    ModelFormats,
    PixelScale,
    Simplify,
    Threads,
)
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from segfit.datasets import Dataset, LabelledData
    from segfit.scribbles.segmenter import ScribbleSegmenter

TRAINING = "train"


def scribble(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Images with strokes: a folder with images/ and masks/ of the same names, in "
            "which 255 is not labelled; or whatever else segfit train reads",
        ),
    ],
    images: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[IMAGES]",
            help="Images to segment by what was fitted: images, folders, or 'scans/*.png'",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="NAME.segfit", help="Model to write", rich_help_panel=FILES
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="Folder for the results of IMAGES", rich_help_panel=FILES
        ),
    ] = None,
    formats: ModelFormats = "mask,overlay,json",
    seed: Annotated[
        int,
        typer.Option(
            help="Of the choice among more labelled pixels than are looked at",
            rich_help_panel=RESULT,
        ),
    ] = 0,
    simplify: Simplify = None,
    channels: ImageChannels = None,
    scale: PixelScale = None,
    keep_folders: KeepFolders = False,
    backend: Backend = None,
    device: Device = "cpu",
    threads: Threads = None,
    force: Force = False,
) -> None:
    """Fit a model to strokes, in seconds: a few for each class will do.

    The model is a file like any other, for segfit predict, evaluate and info. Objects are connected
    regions; where they touch, or strokes are many, train a network by segfit train.

    [dim]segfit scribble strokes/ -o cells.segfit[/]

    [dim]segfit scribble strokes/ plates/ -o cells.segfit --results found[/]
    """
    from segfit.basics.files import check_writable
    from segfit.batch.predict import check_formats
    from segfit.cli.display.terminal import print_line, show_bar
    from segfit.scribbles.segmenter import check_name, fit_scribbles
    from segfit.segmenter import take_read_images

    if output is None:
        raise SegfitError("no output given: name the model to write, -o NAME.segfit")
    check_name(output)
    check_writable(output, force=force)
    if bool(images) != (results is not None):
        raise SegfitError(
            "IMAGES and --results go together: give both, or neither to fit a model alone"
        )
    names = split_names(formats)
    check_formats(names)
    pixel_scale = parse_scale_option(scale)
    console = open_console()
    given = parse_channel_option(channels)
    labelled = open_data(console, data, hold_out=False, channels=given)
    for note in labelled.notes:
        print_line(console, note)
    with show_bar(console, "fitting") as on_progress:
        segmenter = fit_scribbles(
            choose_split(data, labelled),
            labelled.classes,
            name=output.stem,
            channels=labelled.channels,
            seed=seed,
            backend=parse_backend(backend),
            device=device,
            threads=threads,
            on_progress=on_progress,
        )
    print_line(console, describe_fit(segmenter))
    segmenter.save(output, force=force)
    print_line(console, f"written: {output} ({output.stat().st_size / 1e6:.2f} MB)")
    if images and results is not None:
        from segfit.imaging.find import find_images

        run_method(
            take_read_images(segmenter),
            find_images(images),
            results,
            names,
            title="segmenting",
            simplify_px=simplify,
            channels=labelled.channels,
            scale=pixel_scale,
            keep_folders=keep_folders,
            force=force,
            skip_existing=False,
            recording=None,
            workers=None,
        )


def choose_split(data: Path, labelled: LabelledData) -> Dataset:
    """The images to fit to; raises ``SegfitError`` where none of them are for that."""
    if TRAINING not in labelled.splits:
        raise SegfitError(
            f"{data} has the splits {', '.join(labelled.splits)} and no {TRAINING}: put what is to "
            f"be fitted to into {TRAINING}/"
        )
    return labelled.splits[TRAINING]


def describe_fit(segmenter: ScribbleSegmenter) -> str:
    """How many pixels of which classes a model was fitted to, and what it cannot find."""
    marks = segmenter.card.marks
    found = ", ".join(f"{name} {count:,} px" for name, count in marks.items() if count)
    without = [name for name, count in marks.items() if not count]
    lacking = f"; without strokes, so that they are never found: {', '.join(without)}"
    return f"Fitted to strokes of {found}{lacking if without else ''}."
