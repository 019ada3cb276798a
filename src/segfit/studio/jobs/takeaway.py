"""Labels in any format as one archive, and the commands that would have done what was done here."""

from __future__ import annotations

import shlex
import shutil
import tempfile
import time
import zipfile
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from segfit.basics.text import list_first
from segfit.errors import SegfitError
from segfit.studio.jobs.models import KeptModel
from segfit.studio.jobs.snapshot import Labelled, LabelledFile

if TYPE_CHECKING:
    from segfit.batch.predict import FoundImage
    from segfit.classes import ClassTable
    from segfit.formats import Content

FOLDER_NAME = "labels"
FETCHED_WITHIN_S = 3600.0
STORED = frozenset({".png", ".jpg", ".gz", ".parquet"})
"""Suffixes of files that no archive makes smaller."""


def list_formats(classes: ClassTable) -> Mapping[str, str]:
    """Names and purposes of the formats that labels of these classes can be had in."""
    from segfit.formats import Content

    return list_formats_for({Content.OBJECTS} if classes.object_classes else set())


def list_formats_for(provided: Collection[Content]) -> Mapping[str, str]:
    """Names and purposes of the formats that need no more than what is provided."""
    from segfit.batch.run_formats import RUN_FORMATS
    from segfit.formats import FORMATS

    of_images = {one.name: one.purpose for one in FORMATS.values() if one.needs <= set(provided)}
    return of_images | {name: one.purpose for name, one in RUN_FORMATS.items()}


def write_archive(
    labelled: Labelled, files: Collection[LabelledFile], format_name: str, folder: Path
) -> Path:
    """Write images' labels in a format, and put all files into an archive; returns where it lies.

    ``folder``: where there is room for it; whoever asked removes the archive. Raises
    ``SegfitError`` for no files, for a format that these labels cannot be had in, and where the
    disk is full.
    """
    known = list_formats(labelled.classes)
    if format_name not in known:
        raise SegfitError(f"unknown format {format_name}: choose from {', '.join(known)}")
    if not files:
        raise SegfitError("none of these images has labels yet: label one first")
    remove_old_archives(folder, older_s=FETCHED_WITHIN_S)
    place = Path(tempfile.mkdtemp(prefix="takeaway-", dir=folder))
    archive = place.with_suffix(".zip")
    try:
        _write_files(labelled, files, format_name, place)
        pack_folder(place, archive, FOLDER_NAME)
    except OSError as error:
        archive.unlink(missing_ok=True)
        raise SegfitError(
            f"the archive cannot be written ({error.strerror}): free some disk space, or take "
            "fewer images"
        ) from error
    except BaseException:
        archive.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return archive


def pack_folder(place: Path, archive: Path, name: str) -> None:
    """Put all that lies in a folder into a new zip archive, as a folder of that name."""
    with zipfile.ZipFile(archive, "x", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(place.rglob("*")):
            how = zipfile.ZIP_STORED if path.suffix in STORED else zipfile.ZIP_DEFLATED
            packed.write(path, f"{name}/{path.relative_to(place).as_posix()}", how)


def _write_files(
    labelled: Labelled, files: Collection[LabelledFile], format_name: str, output: Path
) -> None:
    from segfit.batch.files import plan_files
    from segfit.batch.image_run import ImageRun
    from segfit.batch.predict import (
        FoundImage,
        ResultWriter,
        name_results,
    )
    from segfit.batch.run_formats import RunFiles
    from segfit.batch.steps import Steps
    from segfit.datasets.masks.folders import read_masked_image
    from segfit.datasets.masks.orientation import find_turns
    from segfit.imaging.read import read_stored
    from segfit.partition import LabelGrid
    from segfit.result.segmentation import Segmentation

    of_image = {file.image: file for file in files}
    planned = plan_files(
        list(of_image), output, name_results([format_name], labelled.classes, output),
        keep_folders=True,
    )  # fmt: skip
    run_files = RunFiles([format_name], output, labelled.classes)
    run = ImageRun(planned, run_files)
    pairs = [(file.image, file.mask) for file in files]
    turns = find_turns(pairs, labelled.code, said=labelled.orientation)

    def read(image: Path) -> FoundImage:
        file = of_image[image]
        reading = read_masked_image(
            image, file.mask, labelled.code, objects=file.objects, orientation=turns.of(image)
        )
        objects = reading.objects if labelled.classes.object_classes else None
        result = Segmentation(
            reading.image, LabelGrid(reading.labels, objects), labelled.classes, model_name="labels"
        )
        return FoundImage(result, read_stored(image))

    write = ResultWriter(run_files, scale=None, simplify_px=None, force=False)
    with run:
        report = run.do(Steps(read, lambda found: found, write))
    if report.failed:
        reasons = [failure.reason for failure in report.failed]
        raise SegfitError(list_first(reasons, limit=2))


def remove_old_archives(folder: Path, *, older_s: float = 0.0) -> None:
    """Remove archives that nobody fetched to the end, and what a killed server left of them."""
    for path in folder.glob("takeaway-*"):
        with suppress(OSError):
            if path.stat().st_mtime > time.time() - older_s:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


def list_commands(folder: Path, model: KeptModel | None, file: Path | None) -> list[dict[str, str]]:
    """Commands that train on the labels of a folder and use a model of it, each with its purpose.

    ``file``: of the ``model``, None where there is no model yet.
    """
    name = f"{folder.name or 'model'}.segfit"
    minutes = [] if model is None else ["--minutes", f"{model.minutes:g}"]
    kept = Path(name) if file is None else file
    commands: list[tuple[str, list[str]]] = [
        ("Train on these labels", ["train", str(folder), "-o", name, *minutes]),
        ("Segment images with the model", ["predict", str(kept), str(folder), "-o", "results"]),
        ("Measure the model", ["evaluate", str(kept), str(folder)]),
        ("Write a page about it", ["report", str(kept), str(folder), "-o", "report.html"]),
        ("Answer other programs", ["serve", str(kept)]),
    ]
    return [
        {"title": title, "command": shlex.join(["segfit", *arguments])}
        for title, arguments in commands
    ]
