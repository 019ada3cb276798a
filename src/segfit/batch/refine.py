"""Masks that came from anywhere, and their images → result files with refined outlines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from segfit.batch.predict import (
    FailedImage,
    Outcome,
    PredictionReport,
    check_formats,
    plan_files,
    write_results,
)
from segfit.datasets.labelled import Reading
from segfit.datasets.layout import index_by_stem
from segfit.datasets.masks.class_file import CLASS_FILE_NAME, MaskClasses, read_class_file
from segfit.datasets.masks.folders import read_masked_image
from segfit.datasets.masks.inference import infer_classes
from segfit.errors import SegfitError
from segfit.progress import OnProgress
from segfit.refiner import Refiner, check_cell
from segfit.result.segmentation import Segmentation


@dataclass(frozen=True)
class PairedMasks:
    """Masks by their images, and those that have none."""

    masks: dict[Path, Path]
    lonely: tuple[FailedImage, ...]


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
) -> PredictionReport:
    """Refine the outlines of masks, and write each one's results into a folder.

    ``off_by_px``: how far off the outlines may be, about. The rest, and what becomes of a mask that
    fails: as in ``predict.write_results``; masks without an image have failed. Raises
    ``SegfitError``, before any mask is refined, for a distance that cannot be, a format that is
    unknown or needs probabilities, and results that would overwrite each other or what is read.
    """
    check_cell(off_by_px)
    check_formats(formats, refiner.provide(classes.table))
    images = list(paired.masks)
    files = plan_files(
        images, output, formats, classes=classes.table, others=list(paired.masks.values())
    )

    def read(image: Path) -> Reading:
        return read_masked_image(image, paired.masks[image], classes.code)

    def refine(reading: Reading) -> Segmentation:
        return refiner(
            reading.labels,
            reading.image,
            classes=classes.table,
            objects=reading.objects,
            cell_px=off_by_px,
        )

    report = write_results(
        files,
        output,
        read=read,
        segment=refine,
        classes=classes.table,
        simplify_px=simplify_px,
        force=force,
        on_done=on_done,
    )
    return replace(report, failed=(*paired.lonely, *report.failed))


def pair_masks(masks: Sequence[Path], folder: Path) -> PairedMasks:
    """Find the image of each mask in a folder: the one of the same stem.

    Raises ``SegfitError`` where no mask has one, where two masks or two images share a stem, and
    where a mask would be its own image.
    """
    if not folder.is_dir():
        raise SegfitError(f"{folder} is not a folder: give the one that holds the masks' images")
    images = index_by_stem(folder)
    mask_of: dict[str, Path] = {}
    for mask in masks:
        other = mask_of.setdefault(mask.stem, mask)
        if other != mask:
            raise SegfitError(
                f"{other} and {mask} share a name; masks and images are paired by it: refine "
                "them one after the other"
            )
    found = {images[stem]: mask for stem, mask in mask_of.items() if stem in images}
    if not found:
        raise SegfitError(
            f"none of the {len(masks)} masks ({masks[0].name}, …) has an image of the same name "
            f"in {folder}: give the images' folder, or rename the files"
        )
    for image, mask in found.items():
        if image.resolve() == mask.resolve():
            raise SegfitError(
                f"{mask} would be its own image: masks and images must be in different folders"
            )
    lonely = tuple(
        FailedImage(mask, f"no image of the name {stem} in {folder}")
        for stem, mask in mask_of.items()
        if stem not in images
    )
    return PairedMasks(found, lonely)


def find_mask_classes(
    masks: Sequence[Path], *, on_progress: OnProgress | None = None
) -> MaskClasses:
    """The classes of masks: from ``classes.json``, or else from their values.

    The file may lie in the masks' folder or up to two above it, as data sets have it. Raises
    ``SegfitError`` where masks have different such files, and where the values do not tell the
    classes, see ``infer_classes``.
    """
    folders = dict.fromkeys(mask.resolve().parent for mask in masks)
    beside = {
        folder: next(
            (
                place / CLASS_FILE_NAME
                for place in (folder, *folder.parents[:2])
                if (place / CLASS_FILE_NAME).is_file()
            ),
            None,
        )
        for folder in folders
    }
    files = list(dict.fromkeys(beside.values()))
    if len(files) > 1:
        named = ", ".join(str(file) for file in files if file)
        raise SegfitError(
            f"the masks are in folders with different classes ({named}): refine one folder after "
            "the other"
        )
    if files[0] is not None:
        return read_class_file(files[0])
    return infer_classes(masks, on_progress=on_progress)
