"""``segfit refine``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from segfit.cli.batches import explain_shard, has_run_table
from segfit.cli.choices import complete, split_names
from segfit.cli.opening import (
    SHIPPED_REFINER,
    find_classes,
    open_console,
    open_refiner,
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
    MaskFormats,
    Masks,
    PixelScale,
    Results,
    Resume,
    ShardOption,
    Simplify,
    SkipExisting,
    Threads,
)
from segfit.cli.recording import make_recording
from segfit.cli.status import report_failures


def refine(
    context: typer.Context,
    paths: Masks,
    images: Annotated[
        Path,
        typer.Option(
            help="Folder of the images, which are named like their masks but for the suffix, "
            "and words such as mask in a_mask.png",
            rich_help_panel=FILES,
        ),
    ],
    output: Results,
    model: Annotated[
        str,
        typer.Option(
            help="A refiner: a .segfit file, or the name of a shipped one: {refiners}",
            rich_help_panel=FILES,
            autocompletion=complete("refiners", files=True),
        ),
    ] = SHIPPED_REFINER,
    formats: MaskFormats = "mask,overlay,json",
    off_by: Annotated[
        float,
        typer.Option(
            metavar="PX",
            help="How far off the masks' outlines may be, roughly",
            rich_help_panel=RESULT,
        ),
    ] = 4.0,
    simplify: Simplify = None,
    channels: ImageChannels = None,
    scale: PixelScale = None,
    backend: Backend = None,
    device: Device = "cpu",
    threads: Threads = None,
    force: Force = False,
    skip_existing: SkipExisting = False,
    resume: Resume = False,
    shard: ShardOption = None,
) -> None:
    """Move the outlines of masks to where the images have their edges.

    The masks may come from anywhere: another network, a hand, a threshold. Their classes come from
    a classes.json beside them, or else from their values. Results are named after the images.
    A mask that fails is left out and reported at the end; the exit status is then 1.

    [dim]segfit refine masks/ --images photos/ -o refined --format mask,polygons[/]
    """
    from segfit.batch.masks import pair_masks
    from segfit.batch.predict import check_formats
    from segfit.batch.refine import refine_masks
    from segfit.cli.display.predictions import render_predictions
    from segfit.cli.display.terminal import print_line, show_bar
    from segfit.imaging.find import find_images

    names = split_names(formats)
    check_formats(names)
    masks = find_images(paths)
    paired = pair_masks(masks, images)
    refiner = open_refiner(model, backend=backend, device=device, threads=threads)
    recording = make_recording(context, resume=resume, shard=shard)
    console = open_console()
    classes = find_classes(console, masks)
    with show_bar(console, "refining") as on_progress:
        report = refine_masks(
            refiner,
            paired,
            classes,
            output,
            names,
            off_by_px=off_by,
            simplify_px=simplify,
            channels=parse_channel_option(channels),
            scale=parse_scale_option(scale),
            force=force,
            skip_existing=skip_existing,
            recording=recording,
            on_progress=on_progress,
            on_note=partial(print_line, console),
        )
    has_table = has_run_table(names)
    console.print(render_predictions(report, classes.table, output, report_scales=has_table))
    explain_shard(console, recording, names)
    report_failures(report)
