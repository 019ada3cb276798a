"""Images of any size → layers of regions and images of labels, by a segmenter."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np

from segfit.basics.arrays import Float64Array
from segfit.basics.files import leaving_half_files_in
from segfit.basics.progress import OnProgress
from segfit.basics.stores import find_url, make_absolute
from segfit.basics.text import count_noun
from segfit.batch.cluster import TilesOnRay, open_cluster
from segfit.batch.files import ResultFiles, list_files, plan_files
from segfit.batch.image_run import ImageRun
from segfit.batch.predict import PredictedImage, check_names
from segfit.batch.record import PRIVATE_FOLDER, Recording, stamp_of
from segfit.batch.run import BatchReport
from segfit.batch.run_formats import RunFiles
from segfit.batch.steps import Steps, Written
from segfit.batch.workers import IN_THREADS, Workers
from segfit.classes import IGNORE
from segfit.errors import SegfitError
from segfit.formats import FORMATS
from segfit.formats.layers import LabelImage, open_label_image, open_layer
from segfit.formats.layers.extra import import_geo
from segfit.imaging.channel_names import ChannelChoice
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS, check_megapixels
from segfit.imaging.raster.open import open_raster
from segfit.imaging.raster.raster import Raster
from segfit.imaging.raster.shown import ShownRaster
from segfit.imaging.raster.window import Window
from segfit.imaging.read import check_size
from segfit.imaging.scale import IN_PIXELS, Scale
from segfit.result.regions import Region
from segfit.result.segmentation import Segmentation, paint_numbers
from segfit.segmenter import AdjustedSegmenter
from segfit.streaming.run import DoTiles, segment_raster

GEO = ("pyarrow", "pyogrio")
LAYER, LABELS, NUMBERS = "layer", "labels", "numbers"


@dataclass(frozen=True)
class LargeFormat:
    """A file that is written for an image of any size.

    ``name``: what ``--format`` names. ``purpose``: what is in it, in a few words. ``ending``: of
    its name, after the image's. ``kind``: a layer of regions, or an image of labels or of regions'
    numbers. ``needs``: modules of the extra ``geo``, which are looked for before hours of work.
    """

    name: str
    purpose: str
    ending: str
    kind: str
    needs: tuple[str, ...] = ()


LARGE_FORMATS: dict[str, LargeFormat] = {
    one.name: one
    for one in (
        LargeFormat(
            "gpkg", "regions as a GeoPackage, of an image of any size", ".gpkg", LAYER, GEO
        ),
        LargeFormat("fgb", "the same as FlatGeobuf", ".fgb", LAYER, GEO),
        LargeFormat("geoparquet", "the same as GeoParquet", ".parquet", LAYER, ("pyarrow",)),
        LargeFormat("geojson", "the same as GeoJSON", ".geojson", LAYER),
        LargeFormat("qupath", "the same as objects for QuPath", "_qupath.geojson", LAYER),
        LargeFormat(
            "labels", "classes as a tiled TIFF with overviews, of any size", "_labels.tif", LABELS
        ),
        LargeFormat("numbers", "the same of the regions' numbers", "_numbers.tif", NUMBERS),
    )
}
"""What is written window by window."""


class Regions(Protocol):
    """The regions of an image, in batches."""

    @property
    def region_count(self) -> int:
        """How many there are."""
        ...

    def list_regions(self) -> Iterator[Sequence[Region]]:
        """All of them, in the order of their numbers."""
        ...

    def paint(self, *, labels: LabelImage | None = None, numbers: LabelImage | None = None) -> None:
        """Write every pixel's class, and its region's number."""
        ...

    def count_pixels(self) -> Float64Array:
        """Pixels of each class."""
        ...


@dataclass(frozen=True, eq=False)
class WholeRegions:
    """The regions of an image that was segmented as a whole."""

    result: Segmentation

    @property
    def region_count(self) -> int:
        """How many there are."""
        return len(self.result.regions)

    def list_regions(self) -> Iterator[Sequence[Region]]:
        """All of them."""
        yield self.result.regions

    def paint(self, *, labels: LabelImage | None = None, numbers: LabelImage | None = None) -> None:
        """Write every pixel's class, and its region's number."""
        height, width = self.result.labels.shape
        window = Window(0, 0, width, height)
        if labels is not None:
            labels.write(window, self.result.labels)
        if numbers is not None:
            numbers.write(window, paint_numbers(self.result))

    def count_pixels(self) -> Float64Array:
        """Pixels of each class."""
        counts = np.bincount(self.result.labels.ravel(), minlength=IGNORE + 1)
        return counts[: len(self.result.classes)].astype(np.float64)


@dataclass(frozen=True, eq=False)
class FoundRegions:
    """What was found in an image, and what is known of the image. ``note``: for the user."""

    regions: Regions
    raster: Raster
    note: str


def predict_large(
    segmenter: AdjustedSegmenter,
    images: Sequence[Path],
    output: Path,
    formats: Sequence[str],
    *,
    channels: ChannelChoice = None,
    scale: Scale | None = None,
    keep_folders: bool = False,
    force: bool = False,
    skip_existing: bool = False,
    recording: Recording | None = None,
    workers: Workers = IN_THREADS,
    on_progress: OnProgress | None = None,
) -> BatchReport[PredictedImage]:
    """Segment image files of any size, and write each one's results, named by its stem.

    They are one after another, each with all processors, or in several processes, or on a cluster.

    ``formats``: names in ``LARGE_FORMATS``. ``output``: of a store, it gets files that were written
    here; an image that was not completed is begun again. ``workers``: see ``run_batch``.
    ``on_progress``: of the tiles, where it is one image in this process. The others, and what is
    raised, as in ``apply_method``. A model that looks at an image as a whole does so, and refuses
    one that is too large for it.
    """
    check_names(formats, LARGE_FORMATS)
    for module in (one for name in formats for one in LARGE_FORMATS[name].needs):
        import_geo(module)
    if workers.ray is not None:  # other machines work in other folders
        images, output = [make_absolute(path) for path in images], make_absolute(output)
    files = plan_files(images, output, partial(name_files, formats), keep_folders=keep_folders)
    run_files = RunFiles((), output, segmenter.classes)
    run = ImageRun(
        files,
        run_files,
        recording=recording,
        workers=workers,
        skip_existing=skip_existing,
        force=force,
    )
    with run, ExitStack() as stack:
        elsewhere = None
        has_shared_folder = recording is not None and find_url(output) is None
        if workers.ray is not None and has_shared_folder and goes_by_tiles(segmenter):
            processes = stack.enter_context(open_cluster(workers))
            if len(run.record.missing) < processes:  # those that are left would wait
                elsewhere, workers = TilesOnRay(workers), Workers(1, workers.threads)
        tells_tiles = len(images) == 1 and workers.are_this_process
        if recording is None or find_url(output) is not None:
            work = Path(stack.enter_context(TemporaryDirectory(prefix="segfit-")))
        else:
            work = output / PRIVATE_FOLDER / "tiles"
            if not recording.resume:
                shutil.rmtree(work, ignore_errors=True)
        steps = Steps(
            read=partial(open_shown, channels=channels),
            apply=partial(
                find_regions,
                segmenter,
                work,
                run_id=run.record.run_id,
                threads=workers.threads,
                elsewhere=elsewhere,
                on_progress=on_progress if tells_tiles else None,
            ),
            write=LayerWriter(
                segmenter,
                scale,
                work,
                run.overwrites,
                run.record.half_files,
            ),
        )
        told = None if tells_tiles else on_progress
        return run.do(steps, workers=workers, on_progress=told)


def name_files(formats: Sequence[str], stem: Path) -> ResultFiles:
    """The result files of a path without suffix, see ``plan_files``."""
    named = {}
    for name in dict.fromkeys(formats):
        path = stem.with_name(stem.name + LARGE_FORMATS[name].ending)
        named[name] = (path, path)
    return named


def open_shown(path: Path, *, channels: ChannelChoice) -> ShownRaster:
    """Open an image that can be segmented; raises ``SegfitError`` for another one."""
    raster = open_raster(path)
    check_size(np.empty((*raster.shape, 0)), str(path))
    return ShownRaster(raster, channels)


def find_regions(
    segmenter: AdjustedSegmenter,
    work: Path,
    image: ShownRaster,
    *,
    run_id: str,
    threads: int | None,
    elsewhere: DoTiles | None,
    on_progress: OnProgress | None,
) -> FoundRegions:
    """Segment an image: tile by tile, or as a whole where the model looks at it so.

    ``work``: where tiles are kept; those of the same run and the same file are used.
    """
    raster, own = image.raster, segmenter.segmenter
    notes = [*raster.notes, *([f"{image.note}."] if image.note else [])]
    if not goes_by_tiles(segmenter):
        height, width = raster.shape
        check_megapixels(raster.name, height, width, max_megapixels=DEFAULT_MAX_MEGAPIXELS)
        result = segmenter(image.read(Window(0, 0, width, height)))
        return FoundRegions(WholeRegions(result), raster, " ".join([*notes, result.note]).strip())
    found = segment_raster(
        own,
        image,
        work / name_work(raster.name),
        identity={"run": run_id, "image": raster.name, "stamp": stamp_of(Path(raster.name))},
        decision=segmenter.decision,
        refine=segmenter.refine,
        threads=threads,
        elsewhere=elsewhere,
        on_progress=on_progress,
    )
    if found.empty_share > 0:
        notes.append(f"{found.empty_share:.1%} of it holds nothing and was skipped.")
    if found.tiles_reused:
        notes.append(f"{count_noun(found.tiles_reused, 'tile')} had been done before.")
    return FoundRegions(found, raster, " ".join(notes))


def goes_by_tiles(segmenter: AdjustedSegmenter) -> bool:
    """Whether the model looks at objects at their size, rather than at an image as a whole."""
    return segmenter.segmenter.card.scaling.kind == "field"


def name_work(name: str) -> str:
    """The folder of an image's tiles."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]


@dataclass(frozen=True)
class LayerWriter:
    """Writes what was found in an image to the files that are planned for it.

    ``scale``: of a pixel, where it was given. ``work``: where tiles are kept until then.
    """

    segmenter: AdjustedSegmenter
    scale: Scale | None
    work: Path
    force: bool
    half_files: Path | None

    def __call__(
        self, path: Path, files: ResultFiles, found: FoundRegions, seconds: float
    ) -> Written[PredictedImage]:
        """Write the files, and say what is in them; raises ``SegfitError`` where that fails."""
        raster, regions = found.raster, found.regions
        scale = self.scale or raster.scale or IN_PIXELS
        with leaving_half_files_in(self.half_files):
            self._write_layers(files, raster, regions, scale)
            self._write_images(files, raster, regions, scale)
        raster.close()
        counts = regions.count_pixels()
        height, width = raster.shape
        shutil.rmtree(self.work / name_work(raster.name), ignore_errors=True)
        note = f"{count_noun(regions.region_count, 'region')}. {found.note}".strip()
        row = PredictedImage(
            path,
            list_files(files),
            tuple((counts / (height * width)).tolist()),
            seconds,
            note=note,
            scale=scale,
            scale_note="" if self.scale else raster.scale_note,
        )
        return Written(row)

    def _write_layers(
        self, files: ResultFiles, raster: Raster, regions: Regions, scale: Scale
    ) -> None:
        with ExitStack() as stack:
            layers = [
                stack.enter_context(
                    open_layer(
                        target,
                        classes=self.segmenter.classes,
                        placement=raster.placement,
                        scale=scale,
                        force=self.force,
                    )
                )
                for name, (target, *_) in files.items()
                if LARGE_FORMATS[name].kind == LAYER
            ]
            if not layers:
                return
            for batch in regions.list_regions():
                for layer in layers:
                    layer.write(batch)

    def _write_images(
        self, files: ResultFiles, raster: Raster, regions: Regions, scale: Scale
    ) -> None:
        kinds = {LABELS: np.uint8, NUMBERS: np.uint32}
        with ExitStack() as stack:
            images: dict[str, LabelImage] = {
                LARGE_FORMATS[name].kind: stack.enter_context(
                    open_label_image(
                        target,
                        shape=raster.shape,
                        dtype=kinds[LARGE_FORMATS[name].kind],
                        classes=self.segmenter.classes
                        if LARGE_FORMATS[name].kind == LABELS
                        else None,
                        placement=raster.placement,
                        scale=scale,
                        force=self.force,
                    )
                )
                for name, (target, *_) in files.items()
                if LARGE_FORMATS[name].kind in kinds
            }
            if images:
                regions.paint(labels=images.get(LABELS), numbers=images.get(NUMBERS))


def sort_formats(formats: Sequence[str]) -> bool:
    """Whether these are formats for images of any size.

    Raises ``SegfitError`` for some that are and some that are not.
    """
    large = [name for name in formats if name in LARGE_FORMATS and name not in FORMATS]
    others = [name for name in formats if name not in LARGE_FORMATS]
    if large and others:
        are = "is" if len(large) == 1 else "are"
        raise SegfitError(
            f"{', '.join(large)} {are} written window by window, and {', '.join(others)} of an "
            "image as a whole: give one kind at a time, in two runs"
        )
    return bool(large)
