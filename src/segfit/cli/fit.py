"""``segfit fit``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

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
    FitFormats,
    Force,
    ImageChannels,
    Masks,
    MinArea,
    PixelScale,
    Results,
    Resume,
    ShardOption,
    SkipExisting,
    Smooth,
    Threads,
)
from segfit.cli.recording import make_recording
from segfit.cli.status import report_failures
from segfit.errors import SegfitError


def fit(
    context: typer.Context,
    paths: Masks,
    output: Results,
    shape: Annotated[
        str,
        typer.Option(
            help="What to fit:\n\n{shapes:lines}\n\n",
            autocompletion=complete("shapes"),
        ),
    ] = "auto",
    corners: Annotated[
        int | None, typer.Option(min=3, help="polygon: at most this many corners")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            metavar="PX", help="polygon, orthogonal: how far the shape may be from the outline"
        ),
    ] = None,
    smoothing: Annotated[
        float | None,
        typer.Option(metavar="PX", help="spline: how far it may be from the outline's points"),
    ] = None,
    radius: Annotated[
        float | None,
        typer.Option(metavar="PX", help="alpha: bays narrower than twice this are closed"),
    ] = None,
    scale: PixelScale = None,
    images: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the images, which are named like their masks (a.jpg for a_mask.png, "
            "too): for intensities, overlays and --refine",
            rich_help_panel=FILES,
        ),
    ] = None,
    channels: ImageChannels = None,
    min_area: MinArea = 0.0,
    smooth: Smooth = 5,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine/--no-refine",
            help="Move the outlines to where the images have their edges first; errors of the "
            "parameters then come from the image",
            rich_help_panel=RESULT,
        ),
    ] = False,
    formats: FitFormats = "csv,overlay",
    backend: Backend = None,
    device: Device = "cpu",
    threads: Threads = None,
    force: Force = False,
    skip_existing: SkipExisting = False,
    resume: Resume = False,
    shard: ShardOption = None,
) -> None:
    """Fit shapes to the regions of masks, and measure them.

    The tables have, for each region, the shape's parameters with their standard errors, its
    fitting error, and measures of the region itself; where no shape can be fitted, they say why.
    Results are named after the masks: cells_shapes.csv, cells_shapes.jpg.

    [dim]segfit fit masks/ -o shapes --shape ellipse --scale 0.65um/px[/]

    [dim]segfit fit masks/ -o sizes --shape none --images plates/ --format csv[/]

    [dim]segfit fit masks/ -o shapes --shape polygon --corners 4 --images photos/ --refine[/]
    """
    from segfit.batch.fit import FitJob, fit_masks
    from segfit.cli.display.fits import render_fits
    from segfit.cli.display.terminal import print_line, show_bar
    from segfit.imaging.find import find_images
    from segfit.shapes import make_fit

    if refine and images is None:
        raise SegfitError("--refine needs the images: give their folder with --images")
    job = FitJob(
        make_fit(
            shape,
            {
                "corners": corners,
                "tolerance_px": tolerance,
                "smoothing_px": smoothing,
                "alpha_px": radius,
            },
        ),
        scale=parse_scale_option(scale),
        min_area_px=min_area,
        smoothing=smooth,
        refiner=open_refiner(SHIPPED_REFINER, backend=backend, device=device, threads=threads)
        if refine
        else None,
    )
    masks = find_images(paths)
    recording = make_recording(context, resume=resume, shard=shard)
    console = open_console()
    classes = find_classes(console, masks)
    with show_bar(console, "fitting") as on_progress:
        report = fit_masks(
            job,
            masks,
            classes,
            output,
            split_names(formats),
            images=images,
            channels=parse_channel_option(channels),
            force=force,
            skip_existing=skip_existing,
            recording=recording,
            on_progress=on_progress,
            on_note=partial(print_line, console),
        )
    console.print(render_fits(report, output))
    report_failures(report)
