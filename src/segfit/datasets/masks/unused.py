"""What lies beside the images and masks that are read, and looks as if it were meant, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from segfit.basics.text import list_first
from segfit.datasets.layout import list_folders, name_split
from segfit.imaging.find import list_images

_LIST_SUFFIXES = (".txt", ".lst", ".csv")
_LISTS = ("trainval", "classes", "labels", "names", "codes", "class_names", "labelmap")
"""Stems of text files that name classes or splits, beside those that are called like a split."""
_DEPTH = 3
_NAMED = 5


def describe_unused(root: Path, read: Iterable[Path]) -> list[str]:
    """A note that names further folders of images, and lists of classes or of splits; or no note.

    ``read``: the files of images and masks that are read.
    """
    folders = {path.parent for path in read}
    unread = [
        path for path in _walk(root, _DEPTH) if path not in folders and any(list_images(path))
    ]
    places = dict.fromkeys([root, *sorted({path.parent for path in folders})])
    lists = [path for place in places for path in _find_lists(place)]
    if not unread and not lists:
        return []
    named = [f"{path.relative_to(root).as_posix()}/" for path in unread]
    named += [path.name for path in lists]
    used = sorted({path.relative_to(root).as_posix() or "." for path in folders})
    return [
        f"Not read: {list_first(named, limit=_NAMED)}. Images and masks are those of "
        f"{list_first([f'{name}/' for name in used])}; splits are folders, such as train/ and "
        "val/, and classes.json names the classes."
    ]


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """The folders within a folder, so many levels deep."""
    for inner in list_folders(folder) if depth else []:
        yield inner
        yield from _walk(inner, depth - 1)


def _find_lists(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _LIST_SUFFIXES
        and (name_split(path.stem) or path.stem.lower() in _LISTS)
        and path.is_file()
    ]
