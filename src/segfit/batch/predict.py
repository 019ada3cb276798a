"""Many images → result files: one image is decoded and one written while one is segmented."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from os.path import commonpath
from pathlib import Path
from typing import TypeVar

import numpy as np

from segfit.arrays import UInt8Array
from segfit.classes import ClassTable
from segfit.classification.decision import Decision
from segfit.errors import SegfitError
from segfit.files import check_writable, make_folder
from segfit.formats import FORMAT_OF_SUFFIX, FORMATS, LACKING, Content
from segfit.imaging.read import check_size, read_image
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation
from segfit.segmenter import BY_THE_MODEL, Segmenter
from segfit.text import list_first

DECODED_AHEAD = 1
WRITTEN_BEHIND = 2

Read = TypeVar("Read")
ImageFiles = Mapping[str, tuple[Path, ...]]
"""Per format, the path to hand to its writer, and then every file that it writes."""


@dataclass(frozen=True)
class PredictedImage:
    """An image that is done: its files, the share of every class, and the time to segment it.

    ``note``: what its method says of how the regions came about.
    """

    path: Path
    files: tuple[Path, ...]
    shares: tuple[float, ...]
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class FailedImage:
    """An image that could not be read, segmented or written, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class AdjustedSegmenter:
    """A segmenter with settings of a call: a ``Method``, as evaluation takes one."""

    segmenter: Segmenter
    decision: Decision = BY_THE_MODEL
    refine: bool = True

    @property
    def classes(self) -> ClassTable:
        """The classes that the segmenter tells apart."""
        return self.segmenter.classes

    @property
    def provides(self) -> frozenset[Content]:
        """What the segmenter provides."""
        return self.segmenter.provides

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image, (H, W, 3) uint8 RGB."""
        return self.segmenter(image, decision=self.decision, refine=self.refine)


Outcome = PredictedImage | FailedImage


@dataclass(frozen=True)
class PredictionReport:
    """What became of every image; ``seconds`` of wall clock for all of them."""

    class_names: tuple[str, ...]
    predicted: tuple[PredictedImage, ...]
    failed: tuple[FailedImage, ...]
    seconds: float


def apply_method(
    method: Method,
    images: Sequence[Path],
    output: Path,
    formats: Sequence[str],
    *,
    simplify_px: float | None = None,
    keep_folders: bool = False,
    force: bool = False,
    on_done: Callable[[Outcome], None] | None = None,
) -> PredictionReport:
    """Segment image files and write each one's results, named by its stem, into a folder.

    ``formats``: names in ``formats.FORMATS``. ``keep_folders``: results lie in the same subfolders
    as the images, below the folder that all of them share. The rest, and what becomes of an image
    that fails: as in ``write_results``. Raises ``SegfitError``, before any image is segmented, for a
    format that is unknown or needs what the method does not provide, and for results that would
    overwrite each other, an image, or (unless ``force``) a file that exists.
    """
    check_formats(formats, method.provides)
    files = plan_files(images, output, formats, classes=method.classes, keep_folders=keep_folders)
    return write_results(
        files,
        output,
        read=_read,
        segment=method,
        classes=method.classes,
        simplify_px=simplify_px,
        force=force,
        on_done=on_done,
    )


def write_results(
    files: Mapping[Path, ImageFiles],
    output: Path,
    *,
    read: Callable[[Path], Read],
    segment: Callable[[Read], Segmentation],
    classes: ClassTable,
    simplify_px: float | None = None,
    force: bool = False,
    on_done: Callable[[Outcome], None] | None = None,
) -> PredictionReport:
    """Read images, segment what was read, and write the files that are planned for each.

    ``output`` is made where it does not exist. ``read``: gets an image's path, in a thread of its
    own, one image ahead of ``segment``. ``simplify_px``: how far borders may move to have fewer
    points; None leaves them as they are. ``on_done`` follows, image by image. No images give
    an empty report.

    An image that fails is in the report, and the others are done. Raises ``SegfitError``, before
    any image is segmented, for results that would overwrite (unless ``force``) a file.
    """
    began = time.perf_counter()
    prepare_folders(files, output, force=force)

    def write(path: Path, result: Segmentation, seconds: float) -> PredictedImage:
        result = replace(result, image_name=path.name)
        result = result if simplify_px is None else result.simplify(simplify_px)
        for name, paths in files[path].items():
            FORMATS[name].write(result, paths[0], force=force)
        shares = measure_shares(result)
        return PredictedImage(path, _all_files(files[path]), shares, seconds, result.note)

    predicted: list[PredictedImage] = []
    failed: list[FailedImage] = []

    def finish(path: Path, written: Future[PredictedImage]) -> None:
        try:
            predicted.append(written.result())
            outcome: Outcome = predicted[-1]
        except SegfitError as error:
            failed.append(FailedImage(path, str(error)))
            outcome = failed[-1]
        if on_done is not None:
            on_done(outcome)

    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        behind: deque[tuple[Path, Future[PredictedImage]]] = deque()
        for path, decoded in _read_ahead(reader, list(files), read):
            try:
                content = decoded.result()
                start = time.perf_counter()
                result = segment(content)
                seconds = time.perf_counter() - start
            except SegfitError as error:
                behind.append((path, _failed_future(error)))
            else:
                behind.append((path, writer.submit(write, path, result, seconds)))
            while len(behind) > WRITTEN_BEHIND:
                finish(*behind.popleft())
        while behind:
            finish(*behind.popleft())
    return PredictionReport(
        class_names=classes.names,
        predicted=tuple(predicted),
        failed=tuple(failed),
        seconds=time.perf_counter() - began,
    )


def check_formats(formats: Sequence[str], provides: frozenset[Content] | None = None) -> None:
    """Raise ``SegfitError`` for no format, an unknown one, and one that needs more than there is.

    ``provides``: what results will hold; None where that is not known yet.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        given = f"unknown format {', '.join(unknown)}" if unknown else "no format given"
        raise SegfitError(f"{given}: choose from {', '.join(FORMATS)}")
    for name in formats if provides is not None else ():
        for content in sorted(FORMATS[name].needs - (provides or frozenset())):
            raise SegfitError(f"format {name} {LACKING[content]}; leave it out")


def plan_files(
    images: Sequence[Path],
    output: Path,
    formats: Sequence[str],
    *,
    classes: ClassTable,
    keep_folders: bool = False,
    others: Sequence[Path] = (),
) -> dict[Path, ImageFiles]:
    """Name every file that will be written, by its image.

    ``keep_folders``: in the subfolders that the images have. ``others``: files that are read,
    too. Raises ``SegfitError`` where results would overwrite each other, or what is read.
    """
    folders = _result_folders(images, output, keep_folders=keep_folders)
    planned: dict[Path, ImageFiles] = {}
    owner_of: dict[str, Path] = {}
    inputs = {path.resolve() for path in (*images, *others)}
    for path in images:
        per_format: dict[str, tuple[Path, ...]] = {}
        for name in dict.fromkeys(formats):
            base = folders[path] / FORMATS[name].file_name(path.stem)
            per_format[name] = (base, *FORMATS[name].files(base, classes))
        planned[path] = per_format
        for file in _all_files(per_format):
            if file.resolve() in inputs:
                raise SegfitError(
                    f"{file} would be written over an image that is to be read: choose another "
                    "output folder"
                )
            # Some file systems take upper and lower case for the same.
            other = owner_of.setdefault(str(file).casefold(), path)
            if other != path:
                raise SegfitError(
                    f"{other} and {path} would both be written to {file}: segment them into "
                    "different folders, or keep their own folders apart with --keep-folders "
                    "(in Python: keep_folders=True)"
                )
    return planned


def prepare_folders(files: Mapping[Path, ImageFiles], output: Path, *, force: bool) -> None:
    """Make the folders; raise ``SegfitError`` where a file exists or a folder cannot be used."""
    if output.suffix.lower() in FORMAT_OF_SUFFIX and not output.is_dir():
        raise SegfitError(f"{output} looks like a file: give the folder that the results go to")
    wanted = [file for one in files.values() for file in _all_files(one)]
    existing = [str(file) for file in wanted if file.exists()]
    if existing and not force:
        raise SegfitError(
            f"{len(existing)} of {len(wanted)} result files exist already "
            f"({list_first(existing)}): choose another folder, or allow overwriting with --force "
            "(in Python: force=True)"
        )
    for folder in dict.fromkeys([output, *(file.parent for file in wanted)]):
        make_folder(folder)
    for file in wanted:
        check_writable(file, force=force)


def measure_shares(result: Segmentation) -> tuple[float, ...]:
    """Share of the image that each class covers, 0 to 1, in the table's order."""
    counts = np.bincount(result.labels.ravel(), minlength=len(result.classes))
    return tuple((counts / result.labels.size).tolist())


def _result_folders(
    images: Sequence[Path], output: Path, *, keep_folders: bool
) -> dict[Path, Path]:
    if not keep_folders or not images:
        return dict.fromkeys(images, output)
    folders = {path: path.resolve().parent for path in images}
    shared = commonpath(folders.values())
    return {path: output / folder.relative_to(shared) for path, folder in folders.items()}


def _all_files(files: ImageFiles) -> tuple[Path, ...]:
    return tuple(file for base_and_files in files.values() for file in base_and_files[1:])


def _read_ahead(
    reader: ThreadPoolExecutor, images: Sequence[Path], read: Callable[[Path], Read]
) -> Iterator[tuple[Path, Future[Read]]]:
    """Each image with its pixels to come, the next one being decoded meanwhile."""
    ahead: deque[tuple[Path, Future[Read]]] = deque()
    for path in images:
        ahead.append((path, reader.submit(read, path)))
        if len(ahead) > DECODED_AHEAD:
            yield ahead.popleft()
    yield from ahead


def _read(path: Path) -> UInt8Array:
    image = read_image(path)
    check_size(image, str(path))
    return image


def _failed_future(error: SegfitError) -> Future[PredictedImage]:
    future: Future[PredictedImage] = Future()
    future.set_exception(error)
    return future
