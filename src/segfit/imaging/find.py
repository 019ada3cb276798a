"""Which images files, folders and patterns stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from segfit.errors import SegfitError

IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".tif", ".tiff", ".bmp", ".gif"}
)
OTHER_SUFFIXES = frozenset(
    {".avif", ".heic", ".heif", ".jp2", ".j2k", ".jxl", ".pbm", ".pgm", ".ppm", ".pnm", ".psd"}
    | {".exr", ".dcm", ".czi", ".nd2", ".lif", ".lsm", ".svs", ".ndpi", ".btf"}
)
"""Of images that are mostly refused: in a folder they count, so that none is missing in silence."""


def find_images(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """List the images that files, folders and glob patterns (``**`` too) stand for.

    A folder gives its own images, sorted, without those of its subfolders, see ``list_images``; a
    pattern gives those of ``IMAGE_SUFFIXES``. A file is taken whatever its suffix. Each file comes
    once, where it is first named. Raises SegfitError for an entry that gives nothing, and for no
    entries at all.
    """
    found: dict[Path, None] = {}
    entries = [os.fspath(entry) for entry in paths]
    for entry in entries:
        path = Path(entry)
        if path.is_file():
            matches = [path]
        elif path.is_dir():
            matches = list_images(path)
        elif glob.has_magic(entry):
            matches = sorted(
                match
                for match in map(Path, glob.glob(entry, recursive=True))
                if is_image_file(match)
            )
        else:
            raise SegfitError(f"{entry}: no such file or folder")
        if not matches:
            where = "in this folder (subfolders are not searched)" if path.is_dir() else "matches"
            raise SegfitError(
                f"{entry}: no image {where}; looked for {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        found.update(dict.fromkeys(matches))
    if not found:
        raise SegfitError("no image given: name files, folders or patterns such as 'scans/*.png'")
    return list(found)


def is_image_file(path: Path) -> bool:
    """Whether this is a file with an image's suffix; hidden files do not count.

    A link to what is not there counts: whoever reads it says so.
    """
    return path.suffix.lower() in IMAGE_SUFFIXES and _is_listed(path)


def list_images(folder: Path) -> list[Path]:
    """The images directly in a folder, sorted by name.

    One of ``OTHER_SUFFIXES``, the first of a name, is among them where no other image has this
    name: ``a.heic`` without ``a.jpg``.
    """
    paths = sorted(folder.iterdir())
    images = [path for path in paths if is_image_file(path)]
    stems = {path.stem for path in images}
    others: dict[str, Path] = {}
    for path in paths:
        if path.suffix.lower() in OTHER_SUFFIXES and path.stem not in stems and _is_listed(path):
            others.setdefault(path.stem, path)
    return sorted([*images, *others.values()])


def _is_listed(path: Path) -> bool:
    is_hidden = path.name.startswith(".")
    return not is_hidden and (path.is_file() or (path.is_symlink() and not path.exists()))
