"""Files for a whole run, such as one data set or one table of all its images.

A format of ``formats`` writes files for each image; one of these keeps what it needs of each image,
and writes its file once, when all are done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from segfit.basics.files import read_existing, write_file
from segfit.basics.show import show_briefly
from segfit.basics.text import encode_text
from segfit.batch.files import ResultFiles
from segfit.classes import ClassTable
from segfit.formats import FORMATS, coco, cvat, label_studio
from segfit.formats.tables import import_pyarrow, write_csv, write_parquet
from segfit.imaging.scale import Scale
from segfit.imaging.stored import StoredImage
from segfit.result.segmentation import Segmentation


@dataclass(frozen=True, eq=False)
class DoneImage:
    """What was found in an image, and the files that were written of it into ``output``.

    ``stored``: the image as it is stored; ``scale``: how large its pixels are.
    """

    path: Path
    result: Segmentation
    output: Path
    files: ResultFiles
    stored: StoredImage
    scale: Scale

    __repr__ = show_briefly


@dataclass(frozen=True, eq=False)
class KeptParts:
    """What a file needs of every image, in the run's order; read from the disk each time."""

    paths: Sequence[Path]
    read: Callable[[Path], Any]
    classes: ClassTable

    __repr__ = show_briefly

    def __iter__(self) -> Iterator[Any]:
        return map(self.read, self.paths)


class RunWriter(Protocol):
    """Writes what was kept of every image to ``path``; an existing file only with ``force``."""

    def __call__(self, kept: KeptParts, path: Path, *, force: bool) -> None:
        """Write it, or raise ``SegfitError`` and leave no half-written file."""
        ...


@dataclass(frozen=True)
class RunFormat:
    """A file for a whole run.

    ``name``: what ``--format`` names. ``purpose``: what is in it, in a few words. ``file_name``: in
    the folder of the results. ``keep``: what the file needs of an image, as JSON has it.
    ``check`` raises ``SegfitError`` where it cannot be written on this machine.
    """

    name: str
    purpose: str
    file_name: str
    keep: Callable[[DoneImage], Any]
    write: RunWriter
    check: Callable[[], object] | None = None


def name_relative(paths: Sequence[Path]) -> list[str]:
    """Paths from the folder that all of them share, with ``/``."""
    folders = [path.resolve().parent for path in paths]
    shared = os.path.commonpath(folders)
    return [
        (folder.relative_to(shared) / path.name).as_posix()
        for folder, path in zip(folders, paths, strict=True)
    ]


def _annotate(done: DoneImage) -> dict[str, object]:
    image = coco.annotate_image(done.result)
    return {"width": image.width, "height": image.height, "annotations": image.annotations}


def _write_coco(kept: KeptParts, path: Path, *, force: bool) -> None:
    images = (
        coco.AnnotatedImage(
            image["width"], image["height"], tuple(image["annotations"]), kept.classes
        )
        for image in kept
    )
    named = zip(name_relative(kept.paths), images, strict=True)
    write_file(path, coco.join_images(named), force=force)


def _write_tasks(kept: KeptParts, path: Path, *, force: bool) -> None:
    tasks = label_studio.join_tasks(zip(name_relative(kept.paths), kept, strict=True))
    write_file(path, tasks, force=force)


def _name_mask(done: DoneImage) -> str:
    mask = done.files[cvat.FORMAT.name][0]
    return mask.relative_to(done.output / cvat.FORMAT.folder).with_suffix("").as_posix()


def _write_list(kept: KeptParts, path: Path, *, force: bool) -> None:
    write_file(path, encode_text("".join(f"{name}\n" for name in kept)), force=force)


def list_objects(done: DoneImage) -> dict[str, object]:
    """A row for every region of an image, with its measures and its intensities, and the columns.

    An image without regions has the columns that they would have.
    """
    # Here, since a run without a table need not wait for all that fits shapes.
    from segfit.shapes.rows import measure_regions, name_columns, to_rows

    channels = done.stored.measured
    measured = measure_regions(done.result, channels=channels)
    rows = [{"image": done.path.name, **row} for row in to_rows(measured, done.scale)]
    return {"rows": rows, "columns": ["image", *name_columns(channels, done.scale)]}


def _of_rows(write: Callable[..., None]) -> RunWriter:
    def write_rows(kept: KeptParts, path: Path, *, force: bool) -> None:
        from segfit.shapes.rows import join_rows

        images = list(kept)
        rows = join_rows([row for image in images for row in image["rows"]])
        columns = list(dict.fromkeys(name for image in images for name in image["columns"]))
        write(rows, path, columns=columns, force=force)

    return write_rows


RUN_FORMATS: dict[str, RunFormat] = {
    one.name: one
    for one in (
        RunFormat(
            coco.FORMAT.name,
            coco.FORMAT.purpose,
            "coco.json",
            _annotate,
            _write_coco,
        ),
        RunFormat(
            label_studio.FORMAT.name,
            label_studio.FORMAT.purpose,
            "label_studio.json",
            lambda done: label_studio.describe_image(done.result),
            _write_tasks,
        ),
        RunFormat(
            cvat.FORMAT.name,
            cvat.FORMAT.purpose,
            f"{cvat.FOLDER}/ImageSets/Segmentation/default.txt",
            _name_mask,
            _write_list,
        ),
        RunFormat(
            "table",
            "one table of all objects of all images, as CSV",
            "objects.csv",
            list_objects,
            _of_rows(write_csv),
        ),
        RunFormat(
            "parquet",
            "the same for large sets, with pyarrow",
            "objects.parquet",
            list_objects,
            _of_rows(write_parquet),
            check=import_pyarrow,
        ),
    )
}
"""What a run writes once: formats of ``formats.FORMATS`` that say so, and tables."""
TABLES = ("table", "parquet")
"""Those in which lengths have a unit."""


@dataclass(frozen=True)
class RunFiles:
    """The files of a run: those that its classes need, and those of all its images."""

    names: Sequence[str]
    output: Path
    classes: ClassTable

    def __post_init__(self) -> None:
        for name in self.names:
            entry = RUN_FORMATS.get(name) or FORMATS.get(name)
            if entry is not None and entry.check is not None:
                entry.check()

    @property
    def of_images(self) -> ResultFiles:
        """Those of all images, see ``plan_files``."""
        paths = {one.name: self.output / one.file_name for one in self._formats}
        return {name: (path, path) for name, path in paths.items()}

    @property
    def of_classes(self) -> ResultFiles:
        """Those of the classes that are not there already."""
        return {str(path): (path, path) for path in self._list_companions()}

    def describe(self, done: DoneImage) -> bytes:
        """What the files of all images need of one, as JSON in a line."""
        parts = {one.name: one.keep(done) for one in self._formats}
        return json.dumps(parts, allow_nan=False).encode()

    def write(
        self, images: Sequence[Path], read: Callable[[Path], Mapping[str, Any]], *, force: bool
    ) -> None:
        """Write the files of all images that were done; ``read``: what was described of one."""
        for one in self._formats if images else ():
            kept = KeptParts(images, partial(_read_part, read, one.name), self.classes)
            one.write(kept, self.output / one.file_name, force=force)

    def write_companions(self, *, force: bool) -> None:
        """Write the files that depend on the classes alone."""
        for path, content in self._list_companions().items():
            write_file(path, content, force=force)

    @property
    def _formats(self) -> tuple[RunFormat, ...]:
        return tuple(RUN_FORMATS[name] for name in dict.fromkeys(self.names) if name in RUN_FORMATS)

    def _list_companions(self) -> Mapping[Path, bytes]:
        """Those that differ from what is there: further runs into a folder need no ``force``."""
        wanted = {
            self.output / name: content
            for one in dict.fromkeys(self.names)
            if one in FORMATS
            for name, content in FORMATS[one].companions(self.classes).items()
        }
        return {path: content for path, content in wanted.items() if read_existing(path) != content}


def _read_part(read: Callable[[Path], Mapping[str, Any]], name: str, path: Path) -> Any:
    return read(path)[name]
