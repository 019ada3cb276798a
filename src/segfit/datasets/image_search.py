"""The images that a file of labels names, found near it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from segfit.basics.text import count_noun, list_first
from segfit.datasets.masks.embedded import read_embedded_text
from segfit.errors import SegfitError

ABSOLUTE = re.compile(r"/|[A-Za-z]:/|[a-z0-9]+://")


class ImageSearch:
    """Finds images near an annotation file: by their path, else by name in its data folder.

    A ``file_name`` with folders never stands for an image of that name in another folder; only of
    an absolute path, which another computer wrote, the name alone may have to do.
    """

    def __init__(self, file: Path) -> None:
        folder = file.parent
        resolved = folder.resolve()
        # COCO's own folders are called like the files: instances_train2017.json and train2017/.
        subset = file.stem.rpartition("instances_")[2]
        inner = ("", "images", subset, f"images/{subset}")
        bases = (folder, resolved.parent, resolved.parent.parent)
        self._bases = [base / sub for base in bases for sub in inner]
        self._root = resolved.parent if resolved.name == "annotations" else folder
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, file_name: str) -> Path | None:
        """The image, or None. Raises SegfitError where several files may be meant."""
        written = file_name.replace("\\", "/")
        relative = PurePosixPath(written)
        for base in self._bases:
            if _is_image(base / relative):
                return base / relative
        matches = self._match_folders(relative)
        if not matches and ABSOLUTE.match(written):
            matches = self._list_named(relative.name)
        if len(matches) > 1:
            raise SegfitError(
                f"{file_name}: {len(matches)} files of this name under {self._root} "
                f"({list_first([str(match) for match in matches])}): give file_name with its folder"
            )
        return matches[0] if matches else None

    def _match_folders(self, relative: PurePosixPath) -> list[Path]:
        """Files of this name whose folders agree with most of the path's last ones, at least one.

        A path without folders agrees with every file of its name.
        """
        folders = [part for part in relative.parts[:-1] if part not in (".", "/")]
        files = self._list_named(relative.name)
        if not folders:
            return files
        agreeing = [_count_agreeing(file.parts[:-1], folders) for file in files]
        most = max(agreeing, default=0)
        return [file for file, count in zip(files, agreeing, strict=True) if count == most > 0]

    def _list_named(self, name: str) -> list[Path]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for path in sorted(self._root.rglob("*")):
                self._by_name[path.name].append(path)
        return [path for path in self._by_name.get(name, []) if _is_image(path)]


def _is_image(path: Path) -> bool:
    """Whether this is a file, and none of segfit's masks, which are called like their images."""
    return path.is_file() and read_embedded_text(path) is None


def name_images(paths: Sequence[Path]) -> list[str]:
    """A name for each image: that of its file without suffix, or its path where two share one."""
    stems = [path.stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    return [path.as_posix() for path in paths]


def describe_missing(names: Sequence[str], file: Path) -> str:
    """What to do about images that a file of labels names and that are not near it."""
    return (
        f"{count_noun(len(names), 'image')} of {file.name} not found near {file.parent} "
        f"({list_first(names)}): put them beside the file or in images/"
    )


def _count_agreeing(parts: tuple[str, ...], folders: list[str]) -> int:
    """How many names agree, from the last one on."""
    count = 0
    for part, folder in zip(reversed(parts), reversed(folders), strict=False):
        if part != folder:
            break
        count += 1
    return count
