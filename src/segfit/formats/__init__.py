"""Segmentations as files: each module one format, writing and, where it can be, reading.

>>> for name in ("mask", "overlay", "json"):  # doctest: +SKIP
...     format = FORMATS[name]
...     format.write(segmentation, folder / format.file_name("portrait"))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segfit.classes import ClassTable
from segfit.files import FilePath
from segfit.formats.coco import write_coco
from segfit.formats.edges import write_edges, write_lines, write_strength
from segfit.formats.geojson import write_geojson
from segfit.formats.mask import require_instances, write_instances, write_mask
from segfit.formats.overlay import write_overlay
from segfit.formats.polygons import write_polygons
from segfit.formats.probabilities import (
    probability_png_paths,
    write_probabilities_npz,
    write_probabilities_png,
)
from segfit.formats.summary import write_summary
from segfit.formats.svg import write_svg
from segfit.formats.yolo import write_yolo
from segfit.result.segmentation import Segmentation


class Writer(Protocol):
    """Writes a segmentation to ``path``; an existing file only with ``force``."""

    def __call__(self, segmentation: Segmentation, path: FilePath, *, force: bool = False) -> None:
        """Write it, or raise ``SegfitError`` and leave no half-written file."""
        ...


def _one_file(path: FilePath, classes: ClassTable) -> tuple[Path, ...]:
    return (Path(path),)


@dataclass(frozen=True)
class Format:
    """A format of result files.

    ``suffix`` follows the image's stem. ``files`` names what ``write`` writes for a path and the
    classes. ``needs_scores``: only a method that gives probabilities can be written so;
    ``needs_edges``: only one that goes by edges. ``check``: raises ``SegfitError`` for classes that
    it cannot show.
    """

    suffix: str
    write: Writer
    files: Callable[[FilePath, ClassTable], tuple[Path, ...]] = _one_file
    needs_scores: bool = False
    needs_edges: bool = False
    check: Callable[[ClassTable], None] | None = None

    def file_name(self, stem: str) -> str:
        """Name of the file to hand to ``write`` for an image's stem."""
        return stem + self.suffix


FORMATS: dict[str, Format] = {
    "mask": Format(".png", write_mask),
    "instances": Format("_instances.png", write_instances, check=require_instances),
    "overlay": Format("_overlay.jpg", write_overlay),
    "json": Format(".json", write_summary),
    "polygons": Format("_polygons.json", write_polygons),
    "coco": Format("_coco.json", write_coco),
    "geojson": Format(".geojson", write_geojson),
    "svg": Format(".svg", write_svg),
    "yolo": Format(".txt", write_yolo),
    "edges": Format("_edges.png", write_edges, needs_edges=True),
    "strength": Format("_strength.png", write_strength, needs_edges=True),
    "lines": Format("_lines.geojson", write_lines, needs_edges=True),
    "probabilities-png": Format(
        ".png", write_probabilities_png, files=probability_png_paths, needs_scores=True
    ),
    "probabilities-npz": Format(".npz", write_probabilities_npz, needs_scores=True),
}
"""What ``segfit predict --format`` can name."""

WRITER_OF_SUFFIX: dict[str, Writer] = {
    ".png": write_mask,
    ".jpg": write_overlay,
    ".jpeg": write_overlay,
    ".webp": write_overlay,
    ".json": write_summary,
    ".npz": write_probabilities_npz,
    ".geojson": write_geojson,
    ".svg": write_svg,
}
"""What ``Segmentation.save`` writes for a file's suffix."""
