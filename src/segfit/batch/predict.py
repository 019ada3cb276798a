"""Many images → result files, by any method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.basics.files import leaving_half_files_in
from segfit.basics.progress import OnProgress
from segfit.basics.show import show_briefly
from segfit.basics.stores import find_url, make_absolute
from segfit.batch.files import ResultFiles, list_files, plan_files
from segfit.batch.image_run import ImageRun
from segfit.batch.record import Recording
from segfit.batch.run import BatchReport
from segfit.batch.run_formats import RUN_FORMATS, DoneImage, RunFiles
from segfit.batch.steps import Steps, Written
from segfit.batch.workers import IN_THREADS, Workers
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats import FORMATS, LACKING, Content
from segfit.imaging.channel_names import ChannelChoice, describe_choice
from segfit.imaging.limits import DEFAULT_MAX_MEGAPIXELS
from segfit.imaging.raster.open import read_zarr
from segfit.imaging.raster.zarr_windows import is_zarr
from segfit.imaging.read import check_size, read_stored
from segfit.imaging.scale import IN_PIXELS, Scale
from segfit.imaging.stored import StoredImage
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation
from segfit.segmenter import take_read_images

EXACT_IN_SINGLE = 1 << 24
"""Numbers up to which single precision counts."""


@dataclass(frozen=True)
class PredictedImage:
    """An image that is done: its files, the share of every class, and the time to segment it.

    ``surprise`` and ``note``: as in ``Segmentation``. ``scale``: how large a pixel is;
    ``scale_note``: why what the file says of that is not used.
    """

    path: Path
    files: tuple[Path, ...]
    shares: tuple[float, ...]
    seconds: float
    surprise: float | None = None
    note: str = ""
    scale: Scale = IN_PIXELS
    scale_note: str = ""


def apply_method(
    method: Method,
    images: Sequence[Path],
    output: Path,
    formats: Sequence[str],
    *,
    simplify_px: float | None = None,
    channels: ChannelChoice = None,
    scale: Scale | None = None,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
    keep_folders: bool = False,
    force: bool = False,
    skip_existing: bool = False,
    recording: Recording | None = None,
    workers: Workers = IN_THREADS,
    on_progress: OnProgress | None = None,
) -> BatchReport[PredictedImage]:
    """Segment image files and write each one's results, named by its stem, into a folder.

    ``output`` is made where it does not exist. ``formats``: names in ``formats.FORMATS``, and in
    ``RUN_FORMATS`` for a file of all images. ``channels``, ``max_megapixels``: of the images, see
    ``read_image``. ``scale``: of tables; None for each image's own, where its file says it.
    ``simplify_px``: how far borders may move to have fewer points; None leaves them as they are.
    ``keep_folders``: results lie in the same subfolders as the images, below the folder that all of
    them share. ``skip_existing``: images whose own result files all exist are left out.
    ``recording``: how the run is recorded in the folder, so that it can be resumed; None for not at
    all. ``workers``, ``on_progress``, and what becomes of an image that fails: see ``run_batch``;
    a method for several processes can be pickled.

    Raises ``SegfitError``, before any image is segmented, for a format that is unknown or needs
    what the method does not provide, and for results that would overwrite each other, an image, or
    (unless ``force``) a file that exists; for a run to resume, see ``RunRecord``.
    """
    check_formats(formats, method.provides)
    if workers.ray is not None:  # other machines work in other folders
        images, output = [make_absolute(path) for path in images], make_absolute(output)
    files = plan_files(
        images, output, name_results(formats, method.classes, output), keep_folders=keep_folders
    )
    run_files = RunFiles(formats, output, method.classes)
    run = ImageRun(
        files,
        run_files,
        recording=recording,
        workers=workers,
        skip_existing=skip_existing,
        force=force,
    )
    with run:
        write = ResultWriter(
            run_files,
            scale=scale,
            simplify_px=simplify_px,
            force=run.overwrites,
            half_files=run.record.half_files,
        )
        steps = Steps(
            read=partial(open_image, channels=channels, max_megapixels=max_megapixels),
            apply=partial(_segment, take_read_images(method)),
            write=write,
        )
        return run.do(steps, on_progress=on_progress)


@dataclass(frozen=True)
class ResultWriter:
    """Writes what was found in an image to the files that are planned for it.

    ``run_files``: those of all images, which say what they need of it. ``scale``: of tables, where
    it was given. ``half_files``: where files are begun, None for beside their places.
    """

    run_files: RunFiles
    scale: Scale | None
    simplify_px: float | None
    force: bool
    half_files: Path | None = None

    def __call__(
        self, path: Path, files: ResultFiles, found: FoundImage, seconds: float
    ) -> Written[PredictedImage]:
        """Write the files, and say what is in them; raises ``SegfitError`` where that fails."""
        place = path if find_url(path) is None else None
        result = replace(found.result, image_name=path.name, image_path=place)
        stored = found.stored
        if self.simplify_px is not None:
            result = result.simplify(self.simplify_px)
        with leaving_half_files_in(self.half_files):
            for name, paths in files.items():
                FORMATS[name].write(result, paths[0], force=self.force)
        scale = self.scale or stored.scale or IN_PIXELS
        row = PredictedImage(
            path,
            list_files(files),
            measure_shares(result),
            seconds,
            result.surprise,
            result.note,
            scale,
            "" if self.scale else stored.scale_note,
        )
        output = self.run_files.output
        done = DoneImage(path, result, output, files, stored, scale)
        return Written(row, self.run_files.describe(done))


def check_formats(formats: Sequence[str], provides: frozenset[Content] | None = None) -> None:
    """Raise ``SegfitError`` for no format, an unknown one, and one that needs more than there is.

    ``provides``: what results will hold; None where that is not known yet.
    """
    check_names(formats, {**FORMATS, **RUN_FORMATS})
    known = [name for name in formats if name in FORMATS and provides is not None]
    for name in known:
        for content in sorted(FORMATS[name].needs - (provides or frozenset())):
            raise SegfitError(f"format {name} {LACKING[content]}; leave it out")


def check_names(formats: Sequence[str], table: Mapping[str, object]) -> None:
    """Raise ``SegfitError`` for no format, and for one that the table does not have."""
    unknown = [name for name in formats if name not in table]
    if unknown or not formats:
        given = f"unknown format {', '.join(unknown)}" if unknown else "no format given"
        raise SegfitError(f"{given}: choose from {', '.join(table)}")


def name_results(
    formats: Sequence[str], classes: ClassTable, output: Path
) -> Callable[[Path], ResultFiles]:
    """What names the results of a path below ``output`` without suffix, see ``plan_files``."""

    def name(stem: Path) -> ResultFiles:
        files: dict[str, tuple[Path, ...]] = {}
        for one in dict.fromkeys(formats):
            if one not in FORMATS or not FORMATS[one].in_runs:
                continue
            place = output / FORMATS[one].folder / stem.relative_to(output)
            path = place.with_name(FORMATS[one].file_name(stem.name))
            files[one] = (path, *FORMATS[one].files(path, classes))
        return files

    return name


def measure_shares(result: Segmentation) -> tuple[float, ...]:
    """Share of the image that each class covers, 0 to 1, in the table's order."""
    labels = result.labels
    rows = max(1, EXACT_IN_SINGLE // labels.shape[1])
    counts = np.zeros(256, np.int64)
    for top in range(0, len(labels), rows):  # OpenCV counts in a tenth of NumPy's time
        part = np.ascontiguousarray(labels[top : top + rows])
        counts += cv2.calcHist([part], [0], None, [256], [0, 256]).ravel().astype(np.int64)
    return tuple((counts[: len(result.classes)] / labels.size).tolist())


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """An image (H, W, 3) uint8 RGB, and as its file has it. ``note``: of its channels."""

    image: UInt8Array
    stored: StoredImage
    note: str = ""

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class FoundImage:
    """What was found in an image, and the image as its file has it."""

    result: Segmentation
    stored: StoredImage

    __repr__ = show_briefly


def open_image(
    path: Path, *, channels: ChannelChoice, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS
) -> OpenedImage:
    """Read an image that can be segmented; raises ``SegfitError`` for another one."""
    if is_zarr(path):
        stored = read_zarr(path, channels=channels, max_megapixels=max_megapixels)
    else:
        stored = read_stored(path, max_megapixels=max_megapixels)
    taken = stored.find(channels)
    image = stored.show(taken)
    check_size(image, str(path))
    return OpenedImage(image, stored, describe_choice(stored.names, channels, taken))


def _segment(method: Method, opened: OpenedImage) -> FoundImage:
    result = method(opened.image)
    note = "; ".join(filter(None, (opened.note, result.note)))
    return FoundImage(replace(result, note=note), opened.stored)
