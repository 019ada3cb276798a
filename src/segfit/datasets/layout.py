"""How labelled data lies on the disk: what every layout has in common.

A layout's file describes it and finds its images; ``opening.LAYOUTS`` lists them all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
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


def name_split(folder_name: str) -> str | None:
    """The split that a folder's name stands for, whatever its capitals; None for other names."""
    for split, names in SPLIT_FOLDERS.items():
        if folder_name.lower() in names:
            return split
    return None


def find_splits(root: Path, *, is_split: Callable[[Path], bool]) -> dict[str, Path]:
    """The splits that a folder holds; a folder that is a split itself is "train".

    Raises SegfitError where two folders are the same split, such as ``val`` and ``valid``.
    """
    if is_split(root):
        return {"train": root}
    found: dict[str, Path] = {}
    for folder in list_folders(root):
        split = name_split(folder.name)
        if split is None or not is_split(folder):
            continue
        if split in found:
            raise SegfitError(
                f"{root}: {found[split].name}/ and {folder.name}/ are both the {split} split: "
                "keep one of them, or join them"
            )
        found[split] = folder
    return {split: found[split] for split in SPLIT_FOLDERS if split in found}


def list_folders(root: Path) -> list[Path]:
    """The folders directly in a folder, sorted by name, without hidden ones; none in a file."""
    if not root.is_dir():
        return []
    return sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")


def index_by_stem(folder: Path, *, without: Collection[Path] = ()) -> dict[str, Path]:
    """A folder's images by what pairs them, see ``name_pair``; SegfitError where two share it.

    ``without``: resolved paths of files that do not count.
    """
    found: dict[str, Path] = {}
    for path in list_images(folder):
        if without and path.resolve() in without:
            continue
        other = found.setdefault(name_pair(path), path)
        if other != path:
            raise SegfitError(
                f"{folder}: {other.name} and {path.name} share a name, by which images "
                "are paired with their labels: rename one"
            )
    return found


def name_pair(path: Path) -> str:
    """What a file shares with its partner: its name without suffix, letters composed.

    Some systems write é as one character, others as e and an accent. Microscopes call a TIFF
    ``a.ome.tif``, and its mask may be ``a.png``.
    """
    return unicodedata.normalize("NFC", re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE))


def check_same_size(
    image: tuple[int, ...], labels: tuple[int, ...], *, image_path: Path, mask: Path
) -> None:
    """Raise SegfitError unless image and labels have the same (height, width)."""
    if image != labels:
        raise SegfitError(
            f"{mask}: mask is {labels[0]}×{labels[1]} but its image ({image_path.name}) is "
            f"{image[0]}×{image[1]}: resize one of them"
        )
