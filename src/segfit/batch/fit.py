"""Mask files → tables of measures and fitted shapes, and images of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segfit.basics.arrays import Int32Array
from segfit.basics.files import leaving_half_files_in
from segfit.basics.progress import OnProgress
from segfit.basics.show import show_briefly
from segfit.batch.files import ResultFiles, list_files, plan_files, prepare_folders
from segfit.batch.finishing import remove_noise
from segfit.batch.fit_formats import FIT_FORMATS, FittedMask
from segfit.batch.masks import open_masked_image, pair_masks, tell_turns
from segfit.batch.predict import check_names
from segfit.batch.record import Recording, RunRecord
from segfit.batch.run import BatchReport, FailedImage, run_batch
from segfit.batch.steps import Steps, Written
from segfit.classification.decision import Decision
from segfit.datasets.masks.mask_classes import MaskClasses
from segfit.imaging.channels import AS_READ, Channels
from segfit.imaging.files import read_scale
from segfit.imaging.orientation import UPRIGHT
from segfit.imaging.scale import IN_PIXELS, Scale
from segfit.imaging.stored import StoredImage
from segfit.partition import LabelGrid
from segfit.refiner import Refiner
from segfit.result.segmentation import Segmentation
from segfit.shapes import Fit, Outline
from segfit.shapes.rows import MeasuredRegion, measure_regions

SAMPLED_REGIONS = 20
"""That a report of a run shows."""


@dataclass(frozen=True)
class FitJob:
    """What is done to each mask.

    ``fit``: fits a shape to an outline; None measures only. ``scale``: of the tables; None for what
    each image's or mask's own file says. ``min_area_px``, ``smoothing``: see ``FinishedMethod``.
    ``refiner``: moves outlines first, so that points and parameters have errors; it needs the
    images.
    """

    fit: Callable[[Outline], Fit] | None
    scale: Scale | None = None
    min_area_px: float = 0.0
    smoothing: int = 0
    refiner: Refiner | None = None

    def __post_init__(self) -> None:
        Decision(min_area_px=self.min_area_px)  # raises SegfitError for an area that cannot be

    def __call__(self, opened: OpenedMask) -> FittedMask:
        """Clean, refine and measure one mask."""
        found = remove_noise(opened.segmentation, self.min_area_px)
        if self.refiner is not None:
            found = self.refiner(
                found.labels,
                found.image,
                classes=found.classes,
                objects=found.grid.objects,
                channels=AS_READ,
            )
        if self.smoothing:
            found = found.smooth(self.smoothing)
        regions = measure_regions(
            found,
            self.fit,
            channels=None if opened.stored is None else opened.stored.measured,
            own_objects=opened.objects,
        )
        scale = self.scale or opened.scale or IN_PIXELS
        return FittedMask(found, tuple(regions), scale, "" if self.scale else opened.scale_note)


@dataclass(frozen=True, eq=False)
class OpenedMask:
    """A mask as a segmentation, its own numbers of objects (H, W), and its image as it is stored.

    ``scale``: the size of a pixel, where the image's or the mask's file says it.
    """

    segmentation: Segmentation
    objects: Int32Array | None
    stored: StoredImage | None
    scale: Scale | None
    scale_note: str = ""

    __repr__ = show_briefly


@dataclass(frozen=True)
class MeasuredMask:
    """A mask that is done: its files, what is in them, and the time that it took.

    ``regions``: how many it has, ``without_shape``: how many of them no shape could be fitted to.
    ``sample``: the first regions of a run that a shape was sought for, ``SAMPLED_REGIONS`` of all
    its masks; what a thousand masks hold is in their files, and not in memory until the last one is
    done. ``scale``: how large a pixel is; ``scale_note``: why what a file says of that is not used.
    """

    path: Path
    files: tuple[Path, ...]
    regions: int
    without_shape: int
    sample: tuple[MeasuredRegion, ...]
    seconds: float
    scale: Scale = IN_PIXELS
    scale_note: str = ""

    __repr__ = show_briefly


def fit_masks(
    job: FitJob,
    masks: Sequence[Path],
    classes: MaskClasses,
    output: Path,
    formats: Sequence[str],
    *,
    images: Path | None = None,
    channels: Channels | None = None,
    force: bool = False,
    skip_existing: bool = False,
    recording: Recording | None = None,
    on_progress: OnProgress | None = None,
    on_note: Callable[[str], None] | None = None,
) -> BatchReport[MeasuredMask]:
    """Fit shapes to the regions of masks, and write each one's tables and images into a folder.

    ``formats``: names in ``FIT_FORMATS``. ``images``: the folder of the images, named like the
    masks; without it there are no intensities. ``channels``: of the images, to refine by and to
    show; measured are all of them. ``on_note`` is told how the masks of turned images are taken to
    lie. ``on_progress``, and what becomes of a mask that fails: see
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

    turns = tell_turns([(image, mask) for mask, image in image_of.items()], classes, on_note)

    def name_results(stem: Path) -> ResultFiles:
        files = {name: stem.with_name(stem.name + FIT_FORMATS[name].suffix) for name in formats}
        return {name: (path, path) for name, path in files.items()}

    files = plan_files(masks, output, name_results, also_read=image_of.values())
    record = RunRecord(output, recording, files, skip_existing=skip_existing)
    overwrite = force or record.may_overwrite
    prepare_folders({mask: files[mask] for mask in record.missing}, output, force=overwrite)
    is_shown = job.refiner is not None or any(FIT_FORMATS[name].shows_image for name in formats)

    def read(mask: Path) -> OpenedMask:
        image = image_of.get(mask)
        orientation = UPRIGHT if image is None else turns.of(image)
        return open_mask(
            mask, classes, image, orientation=orientation, channels=channels, is_shown=is_shown
        )

    sampled = 0

    def write(
        mask: Path, planned: ResultFiles, fitted: FittedMask, seconds: float
    ) -> Written[MeasuredMask]:
        nonlocal sampled
        with leaving_half_files_in(record.half_files):
            for name, paths in planned.items():
                FIT_FORMATS[name].write(fitted, paths[0], force=overwrite)
        tried = [one for one in fitted.regions if one.fit is not None or one.reason]
        sample = tuple(tried[: SAMPLED_REGIONS - sampled])
        sampled += len(sample)
        return Written(
            MeasuredMask(
                mask,
                list_files(planned),
                regions=len(fitted.regions),
                without_shape=sum(one.fit is None for one in tried),
                sample=sample,
                seconds=seconds,
                scale=fitted.scale,
                scale_note=fitted.scale_note,
            )
        )

    with record:
        report = run_batch(
            {mask: files[mask] for mask in record.missing},
            Steps(read, job, write),
            record=record,
            on_progress=on_progress,
        )
        record.end(failed=bool(report.failed))
    return replace(report, failed=(*unpaired, *report.failed))


def open_mask(
    mask: Path,
    classes: MaskClasses,
    image: Path | None,
    *,
    orientation: int = UPRIGHT,
    channels: Channels | None = None,
    is_shown: bool = True,
) -> OpenedMask:
    """A mask as a segmentation of its image, or of a grey one where there is none.

    ``orientation``, ``channels``, ``is_shown``: see ``open_masked_image``.
    """
    masked = open_masked_image(
        mask, classes.code, image, orientation=orientation, channels=channels, is_shown=is_shown
    )
    segmentation = Segmentation(
        masked.image,
        LabelGrid(masked.labels, masked.objects),
        classes.table,
        image_name=(image or mask).name,
    )
    scale, note = (
        (None, "") if masked.stored is None else (masked.stored.scale, masked.stored.scale_note)
    )
    if scale is None and not note:
        scale, note = read_scale(mask)
    return OpenedMask(segmentation, masked.objects, masked.stored, scale, note)
