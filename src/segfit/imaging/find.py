"""Which images files, folders and patterns stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path

from segfit.basics.stores import find_url, is_address, list_files
from segfit.errors import SegfitError
from segfit.imaging.raster.zarr_windows import is_zarr

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
    pattern gives those of ``IMAGE_SUFFIXES``. Addresses such as ``s3://bucket/plates/**/*.tif`` are
    files, folders and patterns, too, see ``segfit.basics.stores``. A file is taken whatever its
    suffix, and a Zarr, which is a folder, as one. Each file comes once, where it is first named.
    Raises SegfitError for an entry that gives nothing, and for no entries at all.
    """
    found: dict[Path, None] = {}
    entries = [os.fspath(entry) for entry in paths]
    for entry in entries:
        path = Path(entry)
        if is_zarr(path):
            matches = [path]
        elif is_address(entry):
            matches = _list_addressed(entry)
        elif path.is_file():
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
            is_folder = path.is_dir() or (is_address(entry) and not glob.has_magic(entry))
            where = "in this folder (subfolders are not searched)" if is_folder else "matches"
            raise SegfitError(
                f"{entry}: no image {where}; looked for {', '.join(sorted(IMAGE_SUFFIXES))}"
            )
        found.update(dict.fromkeys(matches))
    if not found:
        raise SegfitError("no image given: name files, folders or patterns such as 'scans/*.png'")
    return list(found)


def _list_addressed(url: str) -> list[Path]:
    """The images that an address stands for: a file whatever its suffix, as of paths."""
    try:
        found = list_files(url)
    except OSError as error:
        raise SegfitError(f"{url} cannot be listed: {error.strerror or error}") from error
    if [find_url(path) for path in found] == [url]:
        return found
    return [
        path
        for path in found
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    ]


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
    # Entries know what they are: of 100,000 files none has to be asked.
    with os.scandir(folder) as entries:
        listed = sorted(entry.name for entry in entries if _is_listed_entry(entry))
    parts = [(name, *os.path.splitext(name)) for name in listed]
    images = [name for name, _, suffix in parts if suffix.lower() in IMAGE_SUFFIXES]
    stems = {stem for _, stem, suffix in parts if suffix.lower() in IMAGE_SUFFIXES}
    others: dict[str, str] = {}
    for name, stem, suffix in parts:
        if suffix.lower() in OTHER_SUFFIXES and stem not in stems:
            others.setdefault(stem, name)
    return [folder / name for name in sorted([*images, *others.values()])]


def _is_listed_entry(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return False
    return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))


def _is_listed(path: Path) -> bool:
    is_hidden = path.name.startswith(".")
    return not is_hidden and (path.is_file() or (path.is_symlink() and not path.exists()))
