"""Mask files → tables of measures and fitted shapes, and images of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from segfit.arrays import UInt8Array
from segfit.batch.finishing import remove_noise
from segfit.batch.predict import FailedImage
from segfit.datasets.layout import index_by_stem
from segfit.datasets.masks.class_file import MaskClasses
from segfit.datasets.masks.codes import read_coded_mask
from segfit.datasets.masks.folders import read_masked_image
from segfit.errors import SegfitError
from segfit.files import check_writable, make_folder, write_file
from segfit.formats.draw import encode_image
from segfit.formats.geojson import close_ring
from segfit.formats.json_text import round_figure, write_json
from segfit.formats.tables import import_pyarrow, write_csv, write_json_rows, write_parquet
from segfit.partition import LabelGrid
from segfit.refiner import Refiner
from segfit.result.segmentation import Segmentation
from segfit.shapes import Fit, Outline
from segfit.shapes.rows import FittedRegion, Scale, draw_fits, fit_regions, to_rows

GREY = 128
PIXEL_SCALE = Scale()


@dataclass(frozen=True)
class FitJob:
    """What is done to each mask.

    ``fit``: fits a shape to an outline. ``scale``: of the tables. ``min_area_px``, ``smoothing``:
    see ``FinishedMethod``. ``refiner``: moves outlines first, so that points and parameters have
    errors; it needs the images.
    """

    fit: Callable[[Outline], Fit]
    scale: Scale = PIXEL_SCALE
    min_area_px: float = 0.0
    smoothing: int = 0
    refiner: Refiner | None = None

    def run(self, segmentation: Segmentation, *, has_colors: bool) -> FittedMask:
        """Clean, refine and measure one mask."""
        found = remove_noise(segmentation, self.min_area_px)
        if self.refiner is not None:
            found = self.refiner(
                found.labels, found.image, classes=found.classes, objects=found.grid.objects
            )
        if self.smoothing:
            found = found.smooth(self.smoothing)
        regions = fit_regions(found, self.fit, has_colors=has_colors)
        return FittedMask(found, tuple(regions), self.scale)


@dataclass(frozen=True)
class FittedMask:
    """A mask's regions with their shapes."""

    segmentation: Segmentation
    regions: tuple[FittedRegion, ...]
    scale: Scale

    @property
    def rows(self) -> list[dict[str, object]]:
        """The table."""
        return to_rows(self.regions, self.scale)


@dataclass(frozen=True)
class FitReport:
    """What became of every mask: regions fitted and not, by its file; and those that failed."""

    fitted: dict[Path, FittedMask]
    failed: tuple[FailedImage, ...]
    seconds: float


def _write_shapes(mask: FittedMask, path: Path, *, force: bool) -> None:
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [close_ring(ring) for ring in one.fit.rings],
            },
            "properties": {
                "region": one.number,
                "class": one.region.name,
                "shape": one.fit.shape,
                "rms_px": round_figure(one.fit.rms_px),
                "largest_px": round_figure(one.fit.largest_px),
                "iou": round_figure(one.fit.iou),
                **{name: round_figure(value) for name, value in one.fit.parameters.items()},
            },
        }
        for one in mask.regions
        if one.fit is not None
    ]
    write_json({"type": "FeatureCollection", "features": features}, path, force=force)


def _write_overlay(mask: FittedMask, path: Path, *, force: bool) -> None:
    drawn = draw_fits(mask.segmentation, mask.regions)
    write_file(path, encode_image(drawn, path), force=force)


class ShapeWriter(Protocol):
    """Writes what was found in a mask to ``path``; an existing file only with ``force``."""

    def __call__(self, mask: FittedMask, path: Path, *, force: bool) -> None:
        """Write it, or raise ``SegfitError`` and leave no half-written file."""
        ...


def _of_rows(write: Callable[..., None]) -> ShapeWriter:
    def write_rows(mask: FittedMask, path: Path, *, force: bool) -> None:
        write(mask.rows, path, force=force)

    return write_rows


FIT_FORMATS: dict[str, tuple[str, ShapeWriter]] = {
    "csv": ("_shapes.csv", _of_rows(write_csv)),
    "json": ("_shapes.json", _of_rows(write_json_rows)),
    "parquet": ("_shapes.parquet", _of_rows(write_parquet)),
    "geojson": ("_shapes.geojson", _write_shapes),
    "overlay": ("_shapes.jpg", _write_overlay),
}
"""What ``segfit fit --format`` can name: suffix and writer."""


def fit_masks(
    job: FitJob,
    masks: Sequence[Path],
    classes: MaskClasses,
    output: Path,
    formats: Sequence[str],
    *,
    images: Path | None = None,
    force: bool = False,
    on_done: Callable[[object], None] | None = None,
) -> FitReport:
    """Fit shapes to the regions of masks, and write each one's tables and images into a folder.

    ``images``: the folder of the images, named like the masks; without it there are no colors.
    A mask that fails is in the report, and the others are done. Raises ``SegfitError``, before any
    is read, for an unknown format and for results that exist (unless ``force``).
    """
    began = time.perf_counter()
    unknown = [name for name in formats if name not in FIT_FORMATS]
    if unknown or not formats:
        given = f"unknown format {', '.join(unknown)}" if unknown else "no format given"
        raise SegfitError(f"{given}: choose from {', '.join(FIT_FORMATS)}")
    if "parquet" in formats:
        import_pyarrow()
    by_stem = index_by_stem(images) if images is not None else {}
    files = _plan(masks, output, formats)
    make_folder(output)
    for planned in files.values():
        for path in planned.values():
            check_writable(path, force=force)
    fitted: dict[Path, FittedMask] = {}
    failed: list[FailedImage] = []
    for mask in masks:
        try:
            image = by_stem.get(mask.stem)
            if images is not None and image is None:
                raise SegfitError(f"no image of the name {mask.stem} in {images}")
            result = job.run(_read(mask, classes, image), has_colors=image is not None)
            for name, path in files[mask].items():
                write = FIT_FORMATS[name][1]
                write(result, path, force=force)
            fitted[mask] = result
        except SegfitError as error:
            failed.append(FailedImage(mask, str(error)))
        if on_done is not None:
            on_done(mask)
    return FitReport(fitted, tuple(failed), time.perf_counter() - began)


def _plan(
    masks: Sequence[Path], output: Path, formats: Sequence[str]
) -> dict[Path, Mapping[str, Path]]:
    stems = [mask.stem.casefold() for mask in masks]
    twice = [mask for mask in masks if stems.count(mask.stem.casefold()) > 1]
    if twice:
        raise SegfitError(
            f"{twice[0]} and {twice[1]} would be written to the same files: fit them into "
            "different folders"
        )
    return {
        mask: {name: output / f"{mask.stem}{FIT_FORMATS[name][0]}" for name in formats}
        for mask in masks
    }


def _read(mask: Path, classes: MaskClasses, image: Path | None) -> Segmentation:
    if image is None:
        decoded = read_coded_mask(mask, classes.code)
        labels, objects = decoded.labels, decoded.objects
        shown: UInt8Array = np.full((*labels.shape, 3), GREY, np.uint8)
    else:
        reading = read_masked_image(image, mask, classes.code)
        labels, objects, shown = reading.labels, reading.objects, reading.image
    segmentation = Segmentation(shown, LabelGrid(labels, objects), classes.table)
    return replace(segmentation, image_name=(image or mask).name)
