"""Files for a whole run, such as one data set or one table of all its images.

A format of ``formats`` writes files for each image; one of these keeps what it needs of each image,
and writes its file once, when all are done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from segfit.basics.files import write_file
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
    """What was found in an image, and the files that were written of it.

    ``stored``: the image as it is stored; ``scale``: how large its pixels are.
    """

    path: Path
    result: Segmentation
    files: ResultFiles
    stored: StoredImage
    scale: Scale

    __repr__ = show_briefly


class RunWriter(Protocol):
    """Writes what was kept of every image to ``path``; an existing file only with ``force``."""

    def __call__(self, kept: Sequence[Any], path: Path, *, force: bool) -> None:
        """Write it, or raise ``SegfitError`` and leave no half-written file."""
        ...


@dataclass(frozen=True)
class RunFormat:
    """A file for a whole run.

    ``name``: what ``--format`` names. ``purpose``: what is in it, in a few words. ``file_name``: in
    the folder of the results. ``keep``: what the file needs of an image; it should be small.
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


def _join_named(join: Callable[..., bytes]) -> RunWriter:
    def write_joined(kept: Sequence[tuple[Path, Any]], path: Path, *, force: bool) -> None:
        names = name_relative([image for image, _ in kept])
        content = join(zip(names, (one for _, one in kept), strict=True))
        write_file(path, content, force=force)

    return write_joined


def _write_list(kept: Sequence[Path], path: Path, *, force: bool) -> None:
    masks = path.parents[2] / cvat.CLASS_FOLDER
    names = [mask.relative_to(masks).with_suffix("").as_posix() for mask in kept]
    write_file(path, encode_text("".join(f"{name}\n" for name in names)), force=force)


@dataclass(frozen=True, eq=False)
class ImageRows:
    """The rows of an image in a table, and the columns that they have, or would have."""

    rows: list[dict[str, object]]
    columns: list[str]


def list_objects(done: DoneImage) -> ImageRows:
    """A row for every region of an image, with its measures and its intensities."""
    # Here, since a run without a table need not wait for all that fits shapes.
    from segfit.shapes.rows import measure_regions, name_columns, to_rows

    channels = done.stored.measured
    measured = measure_regions(done.result, channels=channels)
    rows = [{"image": done.path.name, **row} for row in to_rows(measured, done.scale)]
    return ImageRows(rows, ["image", *name_columns(channels, done.scale)])


def _of_rows(write: Callable[..., None]) -> RunWriter:
    def write_rows(kept: Sequence[ImageRows], path: Path, *, force: bool) -> None:
        from segfit.shapes.rows import join_rows

        rows = join_rows([row for one in kept for row in one.rows])
        columns = list(dict.fromkeys(name for one in kept for name in one.columns))
        write(rows, path, columns=columns, force=force)

    return write_rows


RUN_FORMATS: dict[str, RunFormat] = {
    one.name: one
    for one in (
        RunFormat(
            coco.FORMAT.name,
            coco.FORMAT.purpose,
            "coco.json",
            lambda done: (done.path, coco.annotate_image(done.result)),
            _join_named(coco.join_images),
        ),
        RunFormat(
            label_studio.FORMAT.name,
            label_studio.FORMAT.purpose,
            "label_studio.json",
            lambda done: (done.path, label_studio.describe_image(done.result)),
            _join_named(label_studio.join_tasks),
        ),
        RunFormat(
            cvat.FORMAT.name,
            cvat.FORMAT.purpose,
            f"{cvat.FOLDER}/ImageSets/Segmentation/default.txt",
            lambda done: done.files[cvat.FORMAT.name][0],
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


@dataclass
class RunFiles:
    """The files of a run: those that its classes need, and those that are being collected.

    ``kept``: what of each image, by format.
    """

    names: Sequence[str]
    output: Path
    classes: ClassTable
    kept: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.names:
            entry = RUN_FORMATS.get(name) or FORMATS.get(name)
            if entry is not None and entry.check is not None:
                entry.check()

    @property
    def planned(self) -> ResultFiles:
        """The files, see ``plan_files``; without those of the classes that are there already."""
        collected = {
            name: self.output / RUN_FORMATS[name].file_name
            for name in self.names
            if name in RUN_FORMATS
        }
        planned = {name: (path, path) for name, path in collected.items()}
        return planned | {str(path): (path, path) for path in self._list_companions()}

    def keep(self, done: DoneImage) -> None:
        """Keep what the files need of an image; those of several are kept in their order."""
        for name in self.names:
            if name in RUN_FORMATS:
                self.kept.setdefault(name, []).append(RUN_FORMATS[name].keep(done))

    def write(self, *, force: bool) -> tuple[Path, ...]:
        """Write the files, unless no image was done; returns those that are written."""
        written = []
        for name, parts in self.kept.items():
            path = self.output / RUN_FORMATS[name].file_name
            RUN_FORMATS[name].write(parts, path, force=force)
            written.append(path)
        return tuple(written)

    def write_companions(self, *, force: bool) -> None:
        """Write the files that depend on the classes alone."""
        for path, content in self._list_companions().items():
            write_file(path, content, force=force)

    def _list_companions(self) -> Mapping[Path, bytes]:
        """Those that differ from what is there: further runs into a folder need no ``force``."""
        wanted = {
            self.output / name: content
            for one in dict.fromkeys(self.names)
            if one in FORMATS
            for name, content in FORMATS[one].companions(self.classes).items()
        }
        return {
            path: content
            for path, content in wanted.items()
            if not path.is_file() or path.read_bytes() != content
        }
