"""``segfit segment`` and ``segfit methods``."""

from __future__ import annotations

from typing import Annotated

import typer

from segfit.cli.batches import find_work, run_method
from segfit.cli.choices import complete, split_names
from segfit.cli.opening import (
    SHIPPED_REFINER,
    open_console,
    open_refiner,
    parse_channel_option,
    parse_scale_option,
)
from segfit.cli.options import (
    RESULT,
    SPECK_PX,
    Backend,
    Device,
    Force,
    ImageChannels,
    Images,
    KeepFolders,
    MaskFormats,
    MethodSettings,
    MinArea,
    PixelScale,
    RayAddress,
    Results,
    Resume,
    ShardOption,
    Simplify,
    SkipExisting,
    Smooth,
    Threads,
    WorkerCount,
)
from segfit.cli.recording import make_recording
from segfit.errors import SegfitError


def segment(
    context: typer.Context,
    paths: Images,
    output: Results,
    method: Annotated[
        str,
        typer.Option(
            help="{methods}; see [bold]segfit methods[/]", autocompletion=complete("methods")
        ),
    ] = "auto",
    settings: MethodSettings = None,
    foreground: Annotated[
        str | None,
        typer.Option(
            metavar="HINT",
            help="For methods that begin with a hint: a box left,top,right,bottom around the "
            "foreground, points 'x,y x,y' in it, or the path of a rough mask",
        ),
    ] = None,
    background: Annotated[
        str | None,
        typer.Option(
            metavar="POINTS",
            help="For methods that begin with a hint: points 'x,y x,y' outside the foreground",
        ),
    ] = None,
    min_area: MinArea = SPECK_PX,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine/--no-refine",
            help="Move the outlines to where the image has its edges, by the shipped refiner",
            rich_help_panel=RESULT,
        ),
    ] = False,
    smooth: Smooth = 0,
    formats: MaskFormats = "mask,overlay,json",
    simplify: Simplify = None,
    channels: ImageChannels = None,
    scale: PixelScale = None,
    keep_folders: KeepFolders = False,
    backend: Backend = None,
    device: Device = "cpu",
    threads: Threads = None,
    workers: WorkerCount = "auto",
    ray: RayAddress = None,
    force: Force = False,
    skip_existing: SkipExisting = False,
    resume: Resume = False,
    shard: ShardOption = None,
) -> None:
    """Segment images by a classical method, without training.

    Results are named after their images: photo.png (a mask), photo_overlay.jpg, photo.json.

    [dim]segfit segment photo.jpg -o results --method kmeans --set clusters=3[/]

    [dim]segfit segment photo.jpg -o results --method grabcut --foreground 40,20,300,280[/]
    """
    from segfit.basics.text import parse_settings
    from segfit.batch.finishing import FinishedMethod
    from segfit.classical.shared.hint_text import parse_hint, parse_points
    from segfit.classical.shared.hints import HINTS
    from segfit.methods import list_hinted, make_method

    given = parse_settings(settings)
    if (foreground or background) and method not in list_hinted():
        raise SegfitError(
            f"--foreground and --background are hints for {' and '.join(list_hinted())}, and "
            f"{method} takes none: leave them out, or choose one of these methods"
        )
    if method in list_hinted() and foreground is None and not given.keys() & HINTS:
        raise SegfitError(
            f"{method} begins with a hint: give --foreground, a box left,top,right,bottom around "
            "the foreground, points 'x,y x,y' in it, or the path of a rough mask"
        )
    if foreground is not None:
        given |= parse_hint(foreground)
    if background is not None:
        given["background_points"] = parse_points(background)
    images, shared = find_work(paths, workers=workers, threads=threads, device=device, ray=ray)
    refiner = (
        open_refiner(SHIPPED_REFINER, backend=backend, device=device, threads=shared.threads)
        if refine
        else None
    )
    run_method(
        FinishedMethod(
            make_method(method, given), min_area_px=min_area, smoothing=smooth, refiner=refiner
        ),
        images,
        output,
        split_names(formats),
        title="segmenting",
        simplify_px=simplify,
        channels=parse_channel_option(channels),
        scale=parse_scale_option(scale),
        keep_folders=keep_folders,
        force=force,
        skip_existing=skip_existing,
        recording=make_recording(context, resume=resume, shard=shard),
        workers=shared,
    )


def methods() -> None:
    """List the methods of segfit segment: what each is for, when it fails, its settings."""
    from segfit.cli.display.methods import render_methods

    open_console().print(render_methods())
