"""Files for a whole run, such as one table of all its images' objects.

A format of ``formats`` writes files for each image; one of these keeps what it needs of each image,
and writes its file once, when all are done.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from segfit.basics.show import show_briefly
from segfit.batch.files import ResultFiles
from segfit.formats.tables import import_pyarrow, write_csv, write_parquet
from segfit.imaging.scale import Scale
from segfit.imaging.stored import StoredImage
from segfit.result.segmentation import Segmentation
from segfit.shapes.rows import join_rows, measure_regions, name_columns, to_rows


@dataclass(frozen=True, eq=False)
class DoneImage:
    """What was found in an image, the image as it is stored, and how large its pixels are."""

    path: Path
    result: Segmentation
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


@dataclass(frozen=True, eq=False)
class ImageRows:
    """The rows of an image in a table, and the columns that they have, or would have."""

    rows: list[dict[str, object]]
    columns: list[str]


def list_objects(done: DoneImage) -> ImageRows:
    """A row for every region of an image, with its measures and its intensities."""
    channels = done.stored.measured
    measured = measure_regions(done.result, channels=channels)
    rows = [{"image": done.path.name, **row} for row in to_rows(measured, done.scale)]
    return ImageRows(rows, ["image", *name_columns(channels, done.scale)])


def _of_rows(write: Callable[..., None]) -> RunWriter:
    def write_rows(kept: Sequence[ImageRows], path: Path, *, force: bool) -> None:
        rows = join_rows([row for one in kept for row in one.rows])
        columns = list(dict.fromkeys(name for one in kept for name in one.columns))
        write(rows, path, columns=columns, force=force)

    return write_rows


RUN_FORMATS: dict[str, RunFormat] = {
    one.name: one
    for one in (
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
"""What ``segfit predict --format`` can name beside ``formats.FORMATS``."""
TABLES = ("table", "parquet")
"""Those in which lengths have a unit."""


@dataclass
class RunFiles:
    """The files of a run that are being collected; ``kept``: what of each image, by format."""

    names: Sequence[str]
    output: Path
    kept: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.names:
            check = RUN_FORMATS[name].check
            if check is not None:
                check()

    @property
    def planned(self) -> ResultFiles:
        """The files, see ``plan_files``."""
        paths = {name: self.output / RUN_FORMATS[name].file_name for name in self.names}
        return {name: (path, path) for name, path in paths.items()}

    def keep(self, done: DoneImage) -> None:
        """Keep what the files need of an image; those of several are kept in their order."""
        for name in self.names:
            self.kept.setdefault(name, []).append(RUN_FORMATS[name].keep(done))

    def write(self, *, force: bool) -> tuple[Path, ...]:
        """Write the files, unless no image was done; returns those that are written."""
        for name, parts in self.kept.items():
            RUN_FORMATS[name].write(parts, self.planned[name][0], force=force)
        return tuple(self.planned[name][0] for name in self.kept)
