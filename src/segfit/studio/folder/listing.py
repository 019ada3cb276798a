"""The images that lie in a folder and below it, and by what is seen that others came or went."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

from segfit.imaging.find import list_images

IMAGES_FOLDER = "images"
OWN_FOLDERS = frozenset({"masks", "instances"})
SETTLED_NS = 2_000_000_000
"""A folder that changed later than so long ago may change again within the same tick of its clock:
some file systems count in two seconds."""


class Listed(NamedTuple):
    """An image of a project: its path below the root, that without its suffix, by which its labels
    are called, and what keeps it from being opened.
    """

    path: str
    stem: str
    blocked: str | None


def find_image_root(folder: Path) -> Path:
    """Where a project's images lie: its folder ``images``, or, without that, the folder itself."""
    inner = folder / IMAGES_FOLDER
    return inner if inner.is_dir() else folder


def list_project(root: Path, folder: Path) -> tuple[list[Listed], dict[Path, int | None]]:
    """The images below a root, subfolders too, sorted; and a stamp of every folder that was read.

    Hidden folders, folders of labels and folders that are links are passed over; an image that is a
    link out of the folder is listed, and not opened. ``folder``: of the project; where it is the
    root, a folder ``images`` in it has come since it was opened, and waits until it is opened anew.
    """
    listed: list[Listed] = []
    stamps: dict[Path, int | None] = {}
    passed_over = {*OWN_FOLDERS, IMAGES_FOLDER} if root == folder else OWN_FOLDERS

    def read(place: Path, prefix: str) -> None:
        stamps[place] = read_stamp(place)  # before it is read: what changes meanwhile is seen
        try:
            images = list_images(place)
            folders = sorted(_list_folders(place))
        except OSError:  # a folder that may not be opened; its images are not the project's
            return
        for path in images:
            name = prefix + path.name
            listed.append(Listed(name, os.path.splitext(name)[0], _find_escape(path, root)))
        for inner in folders:
            if inner not in (OWN_FOLDERS if prefix else passed_over):
                read(place / inner, f"{prefix}{inner}/")

    read(root, "")
    return listed, stamps


def read_stamp(folder: Path) -> int | None:
    """When something came to a folder or left it last, in nanoseconds; None while that goes on."""
    try:
        modified_ns = os.stat(folder).st_mtime_ns
    except OSError:
        return 0
    return modified_ns if abs(time.time_ns() - modified_ns) > SETTLED_NS else None


def _list_folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [
            entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
        ]


def _find_escape(path: Path, root: Path) -> str | None:
    if not os.path.islink(path):
        return None
    target = path.resolve()
    if not path.exists():
        return f"{path.name} is a link to {target}, which is not there: fetch that file"
    if not target.is_relative_to(root.resolve()):
        return f"{path.name} is a link out of the folder: copy the image into it"
    return None
