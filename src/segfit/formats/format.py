"""What a format is, and what it reads of a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from segfit.basics.arrays import Float32Array, Int32Array, UInt8Array
from segfit.basics.files import FilePath
from segfit.classes import ClassTable
from segfit.result.edges import FoundEdges
from segfit.result.regions import Region
from segfit.result.summary import ClassSummary


class Content(StrEnum):
    """What a result may hold beside labels."""

    SCORES = "scores"
    OBJECTS = "objects"
    EDGES = "edges"


LACKING = {
    Content.SCORES: "needs the probabilities of a classifier",
    Content.OBJECTS: "needs objects, and no class has any: write mask, or train on data whose "
    'classes have objects ("instances": true in classes.json)',
    Content.EDGES: "is for edges: use segfit edges",
}
"""What to say where a format cannot be written."""


class Result(Protocol):
    """What formats read of a result; ``segfit.result.segmentation.Segmentation`` is one."""

    @property
    def image(self) -> UInt8Array:
        """The image, (H, W, 3) uint8 RGB."""
        ...

    @property
    def image_name(self) -> str | None:
        """The image's file."""
        ...

    @property
    def image_path(self) -> Path | None:
        """Where the image lies, for formats that point to it."""
        ...

    @property
    def model_name(self) -> str | None:
        """The model or the method."""
        ...

    @property
    def surprise(self) -> float | None:
        """How unlike a model's own images the image is; None where that is not known."""
        ...

    @property
    def classes(self) -> ClassTable:
        """What the labels mean."""
        ...

    @property
    def labels(self) -> UInt8Array:
        """Class of each pixel, (H, W)."""
        ...

    @property
    def objects(self) -> Int32Array:
        """Number of each pixel's object, (H, W), 0 for none."""
        ...

    @property
    def regions(self) -> Sequence[Region]:
        """Every region but the background's."""
        ...

    @property
    def probabilities(self) -> Float32Array | None:
        """Class probabilities (K, H, W), or None."""
        ...

    @property
    def edges(self) -> FoundEdges | None:
        """Edges, where regions were made from them."""
        ...

    @property
    def points_put_back(self) -> int:
        """Points of borders that stayed behind since borders would have crossed."""
        ...

    def summary(self) -> Sequence[ClassSummary]:
        """What the image has of every class."""
        ...

    def overlay(self) -> UInt8Array:
        """Classes and objects drawn over the image, (H, W, 3) uint8."""
        ...


class Writer(Protocol):
    """Writes a result to ``path``; an existing file only with ``force``."""

    def __call__(self, result: Result, path: FilePath, *, force: bool = False) -> None:
        """Write it, or raise ``SegfitError`` and leave no half-written file."""
        ...


def _one_file(path: FilePath, classes: ClassTable) -> tuple[Path, ...]:
    return (Path(path),)


def _no_files(classes: ClassTable) -> Mapping[str, bytes]:
    return {}


@dataclass(frozen=True)
class Format:
    """A format of result files.

    ``name``: what ``--format`` names. ``purpose``: what is in it, in a few words. ``suffix``
    follows the image's stem. ``files`` names what ``write`` writes for a path and the classes.
    ``needs``: what a method must provide to be written so. ``saved_as``: suffixes for which
    ``Segmentation.save`` writes this format. ``folder``: in a run's output folder, where the files
    lie. ``companions``: further files of a run, which depend on the classes alone, by their path in
    the output folder. ``in_runs``: whether a run writes such files for each image; where it does
    not, it writes one for all of them. ``check`` raises ``SegfitError`` where it cannot be written
    on this machine.
    """

    name: str
    purpose: str
    suffix: str
    write: Writer
    files: Callable[[FilePath, ClassTable], tuple[Path, ...]] = _one_file
    needs: frozenset[Content] = frozenset()
    saved_as: tuple[str, ...] = ()
    folder: str = ""
    companions: Callable[[ClassTable], Mapping[str, bytes]] = _no_files
    in_runs: bool = True
    check: Callable[[], object] | None = None

    def file_name(self, stem: str) -> str:
        """Name of the file to hand to ``write`` for an image's stem."""
        return stem + self.suffix
