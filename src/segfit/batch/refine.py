"""Masks and their images → result files with refined outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from segfit.batch.files import plan_files, prepare_folders
from segfit.batch.masks import PairedMasks
from segfit.batch.predict import (
    Outcome,
    PredictedImage,
    ResultWriter,
    check_formats,
    name_results,
)
from segfit.batch.run import BatchReport, run_batch
from segfit.batch.run_formats import RunFiles
from segfit.datasets.labelled import Reading
from segfit.datasets.masks.folders import read_masked_image
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.datasets.masks.orientation import find_turns
from segfit.refinement.outlines import check_cell
from segfit.refiner import Refiner
from segfit.result.segmentation import Segmentation


def refine_masks(
    refiner: Refiner,
    paired: PairedMasks,
    classes: MaskClasses,
    output: Path,
    formats: Sequence[str],
    *,
    off_by_px: float,
    simplify_px: float | None = None,
    force: bool = False,
    on_done: Callable[[Outcome], None] | None = None,
    on_note: Callable[[str], None] | None = None,
) -> BatchReport[PredictedImage]:
    """Refine the outlines of masks, and write each one's results into a folder.

    ``off_by_px``: how far off the outlines may be, about. ``on_note`` is told how the masks of
    turned images are taken to lie. The rest, and what becomes of a mask that
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
    turns = find_turns(list(paired.masks.items()), classes.code, said=classes.orientation)
    if turns.note and on_note is not None:
        on_note(turns.note)
    run_files = RunFiles(formats, output, classes.table)
    prepare_folders({**files, output: run_files.planned}, output, force=force)
    run_files.write_companions(force=force)

    def read(image: Path) -> Reading:
        return read_masked_image(
            image, paired.masks[image], classes.code, orientation=turns.of(image)
        )

    def refine(reading: Reading) -> Segmentation:
        return refiner(
            reading.labels,
            reading.image,
            classes=classes.table,
            objects=reading.objects,
            cell_px=off_by_px,
        )

    write = ResultWriter(files, run_files, simplify_px=simplify_px, force=force)
    report = run_batch(images, read=read, apply=refine, write=write, on_done=on_done)
    run_files.write(force=force)
    return replace(report, failed=(*paired.unpaired, *report.failed))
