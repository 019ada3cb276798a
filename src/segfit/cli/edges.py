"""``segfit edges``."""

from __future__ import annotations

from typing import Annotated

import typer

from segfit.cli.batches import find_work, run_method
from segfit.cli.choices import complete, split_names
from segfit.cli.opening import parse_backend, parse_channel_option, parse_scale_option
from segfit.cli.options import (
    RESULT,
    Backend,
    Device,
    EdgeFormats,
    Force,
    ImageChannels,
    Images,
    KeepFolders,
    PixelScale,
    RayAddress,
    Results,
    Resume,
    ShardOption,
    Simplify,
    SkipExisting,
    Threads,
    WorkerCount,
)
from segfit.cli.recording import make_recording


def edges(
    context: typer.Context,
    paths: Images,
    output: Results,
    detector: Annotated[
        str,
        typer.Option(
            help="What finds edges: a .segfit file of such a model, or\n\n{detectors:lines}\n\n",
            autocompletion=complete("detectors", files=True),
        ),
    ] = "learned",
    strength: Annotated[
        float | None,
        typer.Option(
            help="How strong an edge must be to be linked and to separate regions, from 0 to 1; of "
            "learned edges, the share of people who would draw them",
            rich_help_panel=RESULT,
        ),
    ] = None,
    gap: Annotated[
        float,
        typer.Option(
            metavar="PX",
            min=0,
            help="Close gaps in edges up to this length",
            rich_help_panel=RESULT,
        ),
    ] = 8.0,
    shortest: Annotated[
        float,
        typer.Option(
            metavar="PX", min=0, help="Leave out lines shorter than this", rich_help_panel=RESULT
        ),
    ] = 5.0,
    formats: EdgeFormats = "edges,overlay,lines",
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
    """Find edges, link them into lines, and close them into regions.

    Results are named after their images: photo_edges.png, photo_overlay.jpg, photo_lines.geojson.

    [dim]segfit edges photo.jpg -o results[/]

    [dim]segfit edges photo.jpg -o results --strength 0.5 --format instances,geojson[/]
    """
    from segfit.methods import open_edge_finder

    images, shared = find_work(paths, workers=workers, threads=threads, device=device, ray=ray)
    finder = open_edge_finder(
        detector,
        strength=strength,
        gap_px=gap,
        shortest_px=shortest,
        backend=parse_backend(backend),
        device=device,
        threads=shared.threads,
    )
    run_method(
        finder,
        images,
        output,
        split_names(formats),
        title="finding edges",
        simplify_px=simplify,
        channels=parse_channel_option(channels) or finder.detector.channels,
        scale=parse_scale_option(scale),
        keep_folders=keep_folders,
        force=force,
        skip_existing=skip_existing,
        recording=make_recording(context, resume=resume, shard=shard),
        workers=shared,
    )
