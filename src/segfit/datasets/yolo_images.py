"""The images of a YOLO data set and their label files: in folders, or where data.yaml says."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from segfit.basics.text import count_noun, list_first
from segfit.datasets.data_yaml import DataFile
from segfit.datasets.layout import SPLIT_FOLDERS, find_splits
from segfit.datasets.text_files import read_text_file
from segfit.errors import SegfitError
from segfit.imaging.find import is_image_file

IMAGES, LABELS = "images", "labels"


def find_in_folders(root: Path) -> dict[str, list[Path]]:
    """Images by split: of ``images/train``, ``train/images``, or just ``images``.

    Where there are labels beside them; ``labels/`` that holds images is of masks.
    """
    inner = {
        split: root / IMAGES / name
        for split, names in SPLIT_FOLDERS.items()
        for name in names
        if (root / IMAGES / name).is_dir() and holds_labels(root / LABELS / name)
    }
    outer = find_splits(
        root, is_split=lambda folder: (folder / IMAGES).is_dir() and holds_labels(folder / LABELS)
    )
    folders = inner or {split: folder / IMAGES for split, folder in outer.items()}
    return {split: list_images_within(folder) for split, folder in folders.items()}


def find_as_written(data: DataFile, file: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Images by split, of the folders, lists and images that a data.yaml names; and notes.

    Paths are relative to its ``path``, or where there is no such folder to its own, as Ultralytics
    has it; a ``../`` too many is dropped, as it does. Of a path that another computer wrote, its
    last folders will do. Raises SegfitError for a path that leads nowhere.
    """
    home = file.parent
    bases = [home / data.base, home]
    found: dict[str, list[Path]] = {}
    places: dict[str, set[Path]] = {}
    notes: list[str] = []
    for split, written in data.splits.items():
        targets = [_follow(text, bases, file) for text in written]
        same = [other for other, place in places.items() if place == set(targets)]
        if same:
            notes.append(
                f"{file.name} gives the same images for {same[0]} and for {split}: they are "
                f"{same[0]} only."
            )
            continue
        places[split] = set(targets)
        listed = [_list_target(target, bases) for target in targets]
        found[split] = list(dict.fromkeys(image for images, _ in listed for image in images))
        missing = [line for _, lines in listed for line in lines]
        if missing:
            notes.append(
                f"{count_noun(len(missing), 'image')} that {file.name} lists for {split} not found "
                f"({list_first(missing)}), left out."
            )
    return found, notes


def label_of(image: Path) -> Path:
    """The label file of an image: in ``labels`` in the place of its last ``images``, or beside it.

    >>> label_of(Path("a/images/train/x.jpg")).as_posix()
    'a/labels/train/x.txt'
    """
    beside = image.with_suffix(".txt")
    parts = list(beside.parts)
    for index in reversed(range(len(parts) - 1)):
        if parts[index] == IMAGES:
            parts[index] = LABELS
            return beside if beside.is_file() else find_in_either_form(Path(*parts))
    return find_in_either_form(beside)


def find_in_either_form(path: Path) -> Path:
    """A file whose name may be there with its letters composed, or decomposed; else as given."""
    names = (unicodedata.normalize(form, path.name) for form in ("NFC", "NFD"))
    return next((other for name in names if (other := path.with_name(name)).is_file()), path)


def find_stray_labels(splits: Mapping[str, Sequence[Path]]) -> list[Path]:
    """Label files in the images' folders of labels that belong to no image."""
    labels = {label_of(image) for images in splits.values() for image in images}
    folders = {label.parent for label in labels if LABELS in label.parts}
    return [
        path
        for folder in sorted(folders)
        for path in sorted(folder.glob("*.txt"))
        if path not in labels and path.stem != "classes"
    ]


def list_images_within(folder: Path) -> list[Path]:
    """Images in a folder and in those within it, sorted."""
    return sorted(path for path in folder.rglob("*") if is_image_file(path))


def holds_labels(folder: Path) -> bool:
    """Whether this is a folder, and its files are no images."""
    return folder.is_dir() and not any(map(is_image_file, folder.iterdir()))


def check_names(images: Sequence[Path]) -> None:
    """Raise SegfitError where two images share their label file."""
    owners: dict[Path, Path] = {}
    shared = [
        (owner, image)
        for image in images
        if (owner := owners.setdefault(label_of(image), image)) != image
    ]
    if shared:
        first, second = shared[0]
        raise SegfitError(
            f"{first.parent}: {count_noun(len(shared), 'image')} such as {second.name} and "
            f"{first.name} share a name, by which images are paired with their labels: rename one"
        )


def _follow(written: str, bases: Sequence[Path], file: Path) -> Path:
    target = _resolve(written, bases)
    if target is None:
        raise SegfitError(
            f"{file} names {written}, which is not there (looked in "
            f"{list_first([str(base) for base in dict.fromkeys(bases)])}): correct the path"
        )
    return target


def _resolve(written: str, bases: Sequence[Path]) -> Path | None:
    """What a written path leads to from the first of ``bases`` that has it; None if none has."""
    text = written.strip().replace("\\", "/")
    parts = PurePosixPath(text).parts
    tails = [
        text,
        text.removeprefix("../"),
        *map("/".join, (parts[n:] for n in range(1, len(parts)))),
    ]
    for tail in tails:
        for base in bases:
            if (base / tail).exists():
                return Path(os.path.normpath(base / tail))  # links stay what they are called
    return None


def _list_target(target: Path, bases: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Images of a folder, or those that a text file lists, one a line; and lines without one."""
    if target.is_dir():
        return list_images_within(target), []
    if target.suffix.lower() != ".txt":
        return [target], []
    lines = [line.strip() for line in read_text_file(target).splitlines() if line.strip()]
    found = [(line, _resolve(line, (target.parent, *bases))) for line in lines]
    images = [path for _, path in found if path is not None and path.is_file()]
    return images, [line for line, path in found if path is None or not path.is_file()]
