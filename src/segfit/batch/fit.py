"""Mask files → tables of measures and fitted shapes, and images of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.basics.show import show_briefly
from segfit.batch.files import ResultFiles, list_files, plan_files, prepare_folders
from segfit.batch.finishing import remove_noise
from segfit.batch.fit_formats import FIT_FORMATS, FittedMask
from segfit.batch.masks import pair_masks
from segfit.batch.predict import check_names
from segfit.batch.run import BatchReport, FailedImage, run_batch
from segfit.classification.decision import Decision
from segfit.datasets.masks.class_file import MaskClasses
from segfit.datasets.masks.codes import read_coded_mask
from segfit.datasets.masks.folders import read_masked_image
from segfit.partition import LabelGrid
from segfit.refiner import Refiner
from segfit.result.segmentation import Segmentation
from segfit.shapes import Fit, Outline
from segfit.shapes.rows import FittedRegion, Scale, fit_regions

GREY = 128
SAMPLED_REGIONS = 20
"""That a report of a run shows."""
PIXEL_SCALE = Scale()


@dataclass(frozen=True)
class FitJob:
    """What is done to each mask.

    ``fit``: fits a shape to an outline. ``scale``: of the tables. ``min_area_px``, ``smoothing``:
    see ``FinishedMethod``. ``refiner``: moves outlines first, so that points and parameters have
    errors; it needs the images. ``has_colors``: whether there are images, so that colors mean
    something.
    """

    fit: Callable[[Outline], Fit]
    scale: Scale = PIXEL_SCALE
    min_area_px: float = 0.0
    smoothing: int = 0
    refiner: Refiner | None = None
    has_colors: bool = False

    def __post_init__(self) -> None:
        Decision(min_area_px=self.min_area_px)  # raises SegfitError for an area that cannot be

    def __call__(self, segmentation: Segmentation) -> FittedMask:
        """Clean, refine and measure one mask."""
        found = remove_noise(segmentation, self.min_area_px)
        if self.refiner is not None:
            found = self.refiner(
                found.labels, found.image, classes=found.classes, objects=found.grid.objects
            )
        if self.smoothing:
            found = found.smooth(self.smoothing)
        regions = fit_regions(found, self.fit, has_colors=self.has_colors)
        return FittedMask(found, tuple(regions), self.scale)


@dataclass(frozen=True)
class MeasuredMask:
    """A mask that is done: its files, what is in them, and the time that it took.

    ``regions``: how many it has, ``without_shape``: how many of them no shape could be fitted to.
    ``sample``: the first regions of a run, ``SAMPLED_REGIONS`` of all its masks; what a thousand
    masks hold is in their files, and not in memory until the last one is done.
    """

    path: Path
    files: tuple[Path, ...]
    regions: int
    without_shape: int
    sample: tuple[FittedRegion, ...]
    seconds: float

    __repr__ = show_briefly


def fit_masks(
    job: FitJob,
    masks: Sequence[Path],
    classes: MaskClasses,
    output: Path,
    formats: Sequence[str],
    *,
    images: Path | None = None,
    force: bool = False,
    on_done: Callable[[MeasuredMask | FailedImage], None] | None = None,
) -> BatchReport[MeasuredMask]:
    """Fit shapes to the regions of masks, and write each one's tables and images into a folder.

    ``formats``: names in ``FIT_FORMATS``. ``images``: the folder of the images, named like the
    masks; without it there are no colors. ``on_done``, and what becomes of a mask that fails: see
    ``run_batch``; with ``images``, a mask without one has failed. Raises ``SegfitError``, before
    any mask is fitted, for an unknown format, for masks none of which has an image, and for results
    that exist (unless ``force``).
    """
    check_names(formats, FIT_FORMATS)
    for name in formats:
        check = FIT_FORMATS[name].check
        if check is not None:
            check()
    image_of: dict[Path, Path] = {}
    unpaired: tuple[FailedImage, ...] = ()
    if images is not None:
        paired = pair_masks(masks, images)
        image_of = {mask: image for image, mask in paired.masks.items()}
        masks, unpaired = list(image_of), paired.unpaired

    def name_results(stem: Path) -> ResultFiles:
        files = {name: stem.with_name(stem.name + FIT_FORMATS[name].suffix) for name in formats}
        return {name: (path, path) for name, path in files.items()}

    files = plan_files(masks, output, name_results, also_read=image_of.values())
    prepare_folders(files, output, force=force)

    def read(mask: Path) -> Segmentation:
        return read_mask(mask, classes, image_of.get(mask))

    sampled = 0

    def write(mask: Path, fitted: FittedMask, seconds: float) -> MeasuredMask:
        nonlocal sampled
        for name, paths in files[mask].items():
            FIT_FORMATS[name].write(fitted, paths[0], force=force)
        sample = fitted.regions[: SAMPLED_REGIONS - sampled]
        sampled += len(sample)
        return MeasuredMask(
            mask,
            list_files(files[mask]),
            regions=len(fitted.regions),
            without_shape=sum(one.fit is None for one in fitted.regions),
            sample=sample,
            seconds=seconds,
        )

    colored = replace(job, has_colors=images is not None)
    report = run_batch(masks, read=read, apply=colored, write=write, on_done=on_done)
    return replace(report, failed=(*unpaired, *report.failed))


def read_mask(mask: Path, classes: MaskClasses, image: Path | None) -> Segmentation:
    """A mask as a segmentation of its image, or of a grey one where there is none."""
    if image is None:
        decoded = read_coded_mask(mask, classes.code)
        labels, objects = decoded.labels, decoded.objects
        shown: UInt8Array = np.full((*labels.shape, 3), GREY, np.uint8)
    else:
        reading = read_masked_image(image, mask, classes.code)
        labels, objects, shown = reading.labels, reading.objects, reading.image
    segmentation = Segmentation(shown, LabelGrid(labels, objects), classes.table)
    return replace(segmentation, image_name=(image or mask).name)
