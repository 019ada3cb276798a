"""How labelled data lies on the disk: what every layout has in common.

A layout's file describes it and finds its images; ``opening.LAYOUTS`` lists them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from segfit.basics.progress import OnProgress
from segfit.datasets.labelled import Finding
from segfit.errors import SegfitError
from segfit.imaging.find import list_images

SPLIT_FOLDERS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
BACKGROUND_NAMES = ("background", "_background_", "__background__")
"""Names, in small letters, that label files give to what is not an object."""


class Find(Protocol):
    """Finds the labelled images at a path; None where it holds no data of this layout."""

    def __call__(
        self, path: Path, /, *, strict: bool, on_progress: OnProgress | None
    ) -> Finding | None:
        """``strict``: raise SegfitError for what would otherwise be left out with a note."""


@dataclass(frozen=True)
class Layout:
    """A way in which labelled data lies on the disk: how to describe it, and what finds it."""

    description: str
    find: Find


def find_splits(root: Path, *, is_split: Callable[[Path], bool]) -> dict[str, Path]:
    """The splits that a folder holds; a folder that is a split itself is "train"."""
    if is_split(root):
        return {"train": root}
    return {
        split: root / name
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if is_split(root / name)
    }


def index_by_stem(folder: Path) -> dict[str, Path]:
    """A folder's images by stem; SegfitError where two share one."""
    found: dict[str, Path] = {}
    for path in list_images(folder):
        if path.stem in found:
            raise SegfitError(
                f"{folder}: {found[path.stem].name} and {path.name} share a name, by which images "
                "are paired with their labels: rename one"
            )
        found[path.stem] = path
    return found


def check_same_size(
    image: tuple[int, ...], labels: tuple[int, ...], *, image_path: Path, mask: Path
) -> None:
    """Raise SegfitError unless image and labels have the same (height, width)."""
    if image != labels:
        raise SegfitError(
            f"{mask}: mask is {labels[0]}×{labels[1]} but its image ({image_path.name}) is "
            f"{image[0]}×{image[1]}: resize one of them"
        )
