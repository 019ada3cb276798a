"""``segfit predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from segfit.cli.batches import find_work, run_method
from segfit.cli.choices import (
    PROBABILITIES,
    STANDARD,
    complete,
    list_probabilities,
    parse_choice,
    split_names,
)
from segfit.cli.decision import with_decision
from segfit.cli.opening import (
    choose_quality,
    open_segmenter,
    parse_channel_option,
    parse_scale_option,
)
from segfit.cli.options import (
    FILES,
    Backend,
    Device,
    Force,
    ImageChannels,
    Images,
    KeepFolders,
    LeastOverlap,
    Link,
    ModelFormats,
    PixelScale,
    Planes,
    Precision,
    Quality,
    RayAddress,
    Refine,
    Results,
    Resume,
    SegmenterModel,
    ShardOption,
    Simplify,
    SkipExisting,
    Threads,
    WorkerCount,
)
from segfit.cli.recording import make_recording
from segfit.errors import SegfitError

if TYPE_CHECKING:
    from segfit.batch.stacks import PlaneOptions
    from segfit.classification.decision import Decision


@with_decision
def predict(
    context: typer.Context,
    model: SegmenterModel,
    paths: Images,
    output: Results,
    formats: ModelFormats = "mask,overlay,json",
    *,
    decision: Decision,
    refine: Refine = True,
    quality: Quality = STANDARD,
    simplify: Simplify = None,
    channels: ImageChannels = None,
    scale: PixelScale = None,
    planes: Planes = None,
    link: Link = None,
    link_iou: LeastOverlap = 0.25,
    probabilities: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Also write every class's probability: {probabilities}",
            rich_help_panel=FILES,
            autocompletion=complete("probabilities"),
        ),
    ] = None,
    keep_folders: KeepFolders = False,
    backend: Backend = None,
    device: Device = "cpu",
    precision: Precision = "auto",
    threads: Threads = None,
    workers: WorkerCount = "auto",
    ray: RayAddress = None,
    force: Force = False,
    skip_existing: SkipExisting = False,
    resume: Resume = False,
    shard: ShardOption = None,
) -> None:
    """Segment images.

    Results are named after their images: photo.png (a mask), photo_overlay.jpg, photo.json.
    Images too large for memory, such as slides and maps, go window by window into gpkg, fgb,
    geoparquet, geojson, qupath, labels and numbers. Stacks go plane by plane with --planes all.
    An image that fails is left out and reported at the end; the exit status is then 1.

    [dim]segfit predict face holiday.jpg -o results[/]

    [dim]segfit predict nuclei 'plates/**/*.tif' -o results --keep-folders --format mask,json[/]

    [dim]segfit predict face holiday.jpg -o results --format geojson,svg --simplify 0.7[/]

    [dim]segfit predict nuclei plates/ -o results --format table,overlay --channels 2[/]

    [dim]segfit predict nuclei slide.svs -o results --format gpkg,labels[/]

    [dim]segfit predict nuclei embryo.ome.tif -o results --planes all --link z[/]
    """
    from segfit.batch.large import sort_formats
    from segfit.batch.predict import check_formats, check_names
    from segfit.batch.stacks import DEFAULT_OF_STACKS, STACK_FORMATS
    from segfit.segmenter import AdjustedSegmenter

    names = split_names(formats)
    if probabilities is not None:
        kind = parse_choice(probabilities, list_probabilities(), "kind of probabilities")
        names.append(f"{PROBABILITIES}{kind}")
    stacks = _parse_planes(planes, link, link_iou)
    if stacks is not None:
        source = context.get_parameter_source("formats")
        if source is not None and source.name == "DEFAULT":
            names = list(DEFAULT_OF_STACKS)
        check_names(names, STACK_FORMATS)
    are_large = stacks is None and sort_formats(names)
    if stacks is None and not are_large:
        check_formats(names)
    given, pixel_scale = parse_channel_option(channels), parse_scale_option(scale)
    images, shared = find_work(
        paths, workers=workers, threads=threads, device=device, ray=ray, are_large=are_large
    )
    segmenter = open_segmenter(
        model, backend=backend, device=device, threads=shared.threads, precision=precision
    )
    run_method(
        choose_quality(AdjustedSegmenter(segmenter, decision, refine=refine), quality),
        images,
        output,
        names,
        title="segmenting",
        simplify_px=simplify,
        channels=given or segmenter.card.own_channels,
        scale=pixel_scale,
        keep_folders=keep_folders,
        force=force,
        skip_existing=skip_existing,
        recording=make_recording(context, resume=resume, shard=shard),
        workers=shared,
        planes=stacks,
    )


def _parse_planes(planes: str | None, link: str | None, least_iou: float) -> PlaneOptions | None:
    """How to go through stacks, where that is asked for."""
    from segfit.batch.stacks import PlaneOptions
    from segfit.imaging.planes import check_choice
    from segfit.streaming.linking import Linker

    if planes is None:
        if link is not None:
            raise SegfitError("--link is for stacks: give --planes all, too, or leave it out")
        return None
    check_choice(planes)
    Linker(least_iou)
    return PlaneOptions(planes, link, least_iou)
