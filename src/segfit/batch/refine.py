"""Masks and their images → result files with refined outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from segfit.basics.progress import OnProgress
from segfit.batch.files import plan_files
from segfit.batch.image_run import ImageRun
from segfit.batch.masks import MaskedImage, PairedMasks, open_masked_image, tell_turns
from segfit.batch.predict import (
    FoundImage,
    PredictedImage,
    ResultWriter,
    check_formats,
    name_results,
)
from segfit.batch.record import Recording
from segfit.batch.run import BatchReport
from segfit.batch.run_formats import RunFiles
from segfit.batch.steps import Steps
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.imaging.channels import AS_READ, Channels, choose_channels
from segfit.imaging.scale import Scale
from segfit.refinement.outlines import check_cell
from segfit.refiner import Refiner


def refine_masks(
    refiner: Refiner,
    paired: PairedMasks,
    classes: MaskClasses,
    output: Path,
    formats: Sequence[str],
    *,
    off_by_px: float,
    simplify_px: float | None = None,
    channels: Channels | None = None,
    scale: Scale | None = None,
    force: bool = False,
    skip_existing: bool = False,
    recording: Recording | None = None,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> BatchReport[PredictedImage]:
    """Refine the outlines of masks, and write each one's results into a folder.

    ``off_by_px``: how far off the outlines may be, about. ``channels``: of the images; those of the
    refiner, if not given. ``on_note`` is told how the masks of turned images are taken to lie. The
    rest, and what becomes of a mask that
    fails: see ``apply_method``; masks without an image have failed. Raises ``SegfitError``, before
    any mask is refined, for a distance that cannot be, a format that is unknown or needs
    probabilities, and results that would overwrite each other or what is read.
    """
    check_cell(off_by_px)
    check_formats(formats, refiner.provide(classes.table))
    images = list(paired.masks)
    files = plan_files(
        images,
        output,
        name_results(formats, classes.table, output),
        also_read=paired.masks.values(),
    )
    turns = tell_turns(list(paired.masks.items()), classes, on_note)
    run_files = RunFiles(formats, output, classes.table)
    run = ImageRun(files, run_files, recording=recording, skip_existing=skip_existing, force=force)
    chosen = choose_channels(channels, refiner.card.channels)

    def read(image: Path) -> MaskedImage:
        return open_masked_image(
            paired.masks[image],
            classes.code,
            image,
            orientation=turns.of(image),
            channels=chosen,
        )

    def refine(masked: MaskedImage) -> FoundImage:
        assert masked.stored is not None
        refined = refiner(
            masked.labels,
            masked.image,
            classes=classes.table,
            objects=masked.objects,
            cell_px=off_by_px,
            channels=AS_READ,
        )
        return FoundImage(refined, masked.stored)

    with run:
        write = ResultWriter(
            run_files,
            scale=scale,
            simplify_px=simplify_px,
            force=run.overwrites,
            half_files=run.record.half_files,
        )
        report = run.do(Steps(read, refine, write), on_progress=on_progress)
    return replace(report, failed=(*paired.unpaired, *report.failed))
