"""Many images → result files, by any method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from segfit.basics.arrays import UInt8Array
from segfit.batch.files import ResultFiles, list_files, plan_files, prepare_folders
from segfit.batch.run import BatchReport, FailedImage, run_batch
from segfit.batch.run_formats import DoneImage, RunFiles
from segfit.classes import ClassTable
from segfit.errors import SegfitError
from segfit.formats import FORMATS, LACKING, Content
from segfit.imaging.read import check_size, read_image
from segfit.result.method import Method
from segfit.result.segmentation import Segmentation


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


Outcome = PredictedImage | FailedImage


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
) -> BatchReport[PredictedImage]:
    """Segment image files and write each one's results, named by its stem, into a folder.

    ``output`` is made where it does not exist. ``formats``: names in ``formats.FORMATS``.
    ``simplify_px``: how far borders may move to have fewer points; None leaves them as they are.
    ``keep_folders``: results lie in the same subfolders as the images, below the folder that all
    of them share. ``on_done``, and what becomes of an image that fails: see ``run_batch``.

    Raises ``SegfitError``, before any image is segmented, for a format that is unknown or needs
    what the method does not provide, and for results that would overwrite each other, an image, or
    (unless ``force``) a file that exists.
    """
    check_formats(formats, method.provides)
    files = plan_files(
        images, output, name_results(formats, method.classes, output), keep_folders=keep_folders
    )
    run_files = RunFiles(formats, output, method.classes)
    prepare_folders({**files, output: run_files.planned}, output, force=force)
    run_files.write_companions(force=force)
    write = ResultWriter(files, run_files, simplify_px=simplify_px, force=force)
    report = run_batch(images, read=_read, apply=method, write=write, on_done=on_done)
    run_files.write(force=force)
    return report


@dataclass(frozen=True)
class ResultWriter:
    """Writes what was found in an image to the files that are planned for it.

    ``run_files``: those of all images, which keep what they need.
    """

    files: Mapping[Path, ResultFiles]
    run_files: RunFiles
    simplify_px: float | None
    force: bool

    def __call__(self, path: Path, found: Segmentation, seconds: float) -> PredictedImage:
        """Write the files, and say what is in them; raises ``SegfitError`` where that fails."""
        result = replace(found, image_name=path.name, image_path=path)
        if self.simplify_px is not None:
            result = result.simplify(self.simplify_px)
        for name, paths in self.files[path].items():
            FORMATS[name].write(result, paths[0], force=self.force)
        self.run_files.keep(DoneImage(path, result, self.files[path]))
        files = list_files(self.files[path])
        return PredictedImage(path, files, measure_shares(result), seconds, result.note)


def check_formats(formats: Sequence[str], provides: frozenset[Content] | None = None) -> None:
    """Raise ``SegfitError`` for no format, an unknown one, and one that needs more than there is.

    ``provides``: what results will hold; None where that is not known yet.
    """
    check_names(formats, FORMATS)
    for name in formats if provides is not None else ():
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
            if not FORMATS[one].in_runs:
                continue
            place = output / FORMATS[one].folder / stem.relative_to(output)
            path = place.with_name(FORMATS[one].file_name(stem.name))
            files[one] = (path, *FORMATS[one].files(path, classes))
        return files

    return name


def measure_shares(result: Segmentation) -> tuple[float, ...]:
    """Share of the image that each class covers, 0 to 1, in the table's order."""
    counts = np.bincount(result.labels.ravel(), minlength=len(result.classes))
    return tuple((counts / result.labels.size).tolist())


def _read(path: Path) -> UInt8Array:
    image = read_image(path)
    check_size(image, str(path))
    return image
