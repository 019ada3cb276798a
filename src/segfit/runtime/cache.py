"""The folder in which a model's networks lie as files, for backends that read files.

``CACHE/DIGEST/``               a model's graphs and weights
``CACHE/DIGEST/int8/``          those of its networks that are computed in 8 bits, in that form
``CACHE/DIGEST/openvino/KEY/``  what OpenVINO compiled from one of them, for one size and setting

A model that is open needs none of these files, so that any of them may go at any time.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from segfit.basics.files import write_file
from segfit.errors import SegfitError, SegfitWarning
from segfit.model.archive import ModelFile
from segfit.model.card import Card

CACHE_VARIABLE = "SEGFIT_CACHE"
LIMIT_BYTES = 512 << 20
"""What the cache may hold: twenty models, each compiled once."""
IN_USE_SECONDS = 600.0
"""What was used so lately stays, whatever the limit: a process may be about to read it."""

_stand_ins: dict[Path, Path] = {}
"""The temporary folders of this process, by the caches that cannot be written."""


def unpack_networks(model: ModelFile[Card]) -> Path:
    """Folder that holds the model's graphs and weights as files.

    What lies there already is compared with the model: a disk may have filled up or lost power.
    Where the user's cache cannot be written, it is a temporary folder that goes when the process
    ends, and a ``SegfitWarning`` says so once. Raises ``SegfitError`` where neither can be written.
    """
    cache = Path(os.environ.get(CACHE_VARIABLE) or user_cache_path("segfit"))
    try:
        return _unpack(model, cache)
    except (OSError, SegfitError) as error:
        stand_in = _find_stand_in(cache, _explain(error))
        try:
            return _unpack(model, stand_in)
        except (OSError, SegfitError) as further:
            raise SegfitError(
                f"neither the cache folder {cache} ({_explain(error)}) nor {stand_in} "
                f"({_explain(further)}) can be written: set {CACHE_VARIABLE} to a folder that can"
            ) from further


def use_folder(folder: Path) -> Path:
    """Make a folder of the cache if it is not there, and note that it is used now."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):  # somebody else's folder may be read, but not touched
        os.utime(folder)
    return folder


def prune_cache(cache: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
    """Remove what was used longest ago until the rest is within the limit.

    Several processes may prune, write and read at once: what was used in the last ten minutes
    stays, what another process removes meanwhile is gone, and what cannot be removed stays.
    """
    newest = time.time() - IN_USE_SECONDS
    entries = sorted(_list_entries(cache), key=lambda entry: entry.used)
    total = sum(entry.bytes for entry in entries)
    idle = [entry for entry in entries if entry.used <= newest]
    for entry in idle:
        if total > limit_bytes:
            total -= _remove(entry)
    for entry in sorted(idle, key=lambda entry: -len(entry.folder.parts)):
        with suppress(OSError):  # it is not empty
            entry.folder.rmdir()


@dataclass(frozen=True)
class _Entry:
    """A folder whose own files go together; ``used``: when, in seconds since 1970."""

    folder: Path
    used: float
    bytes: int


def _list_entries(cache: Path) -> Iterator[_Entry]:
    """The folders of a cache that hold files; what segfit did not put there is none of them."""
    with suppress(OSError):
        for model in cache.iterdir():
            if re.fullmatch(r"[0-9a-f]{20}", model.name):
                for folder, _, names in os.walk(model):
                    with suppress(OSError):  # another process has removed it
                        sizes = [(Path(folder) / name).stat().st_size for name in names]
                        used = Path(folder).stat().st_mtime
                        yield _Entry(Path(folder), used, sum(sizes))


def _remove(entry: _Entry) -> int:
    """Remove the files of an entry; how many bytes became free."""
    freed = 0
    with suppress(OSError):
        if entry.folder.stat().st_mtime > entry.used:
            return 0  # somebody has begun to use it
        for path in [path for path in entry.folder.iterdir() if not path.is_dir()]:
            with suppress(OSError):
                size = path.stat().st_size
                path.unlink()
                freed += size
    return freed


def _unpack(model: ModelFile[Card], cache: Path) -> Path:
    folder = use_folder(cache / model.digest)
    for name, content in model.members.items():
        if not _holds(folder / name, content):
            write_file(folder / name, content, force=True)
    return folder


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _find_stand_in(cache: Path, reason: str) -> Path:
    """This process's temporary folder instead of a cache; made, and said, once."""
    if cache not in _stand_ins:
        folder = _stand_ins[cache] = Path(tempfile.mkdtemp(prefix="segfit-"))
        atexit.register(_remove_stand_in, folder, os.getpid())
        warnings.warn(
            f"the cache folder {cache} cannot be written ({reason}): models are unpacked into a "
            f"temporary folder and compiled anew at every start; set {CACHE_VARIABLE} to a folder "
            "that can",
            SegfitWarning,
            stacklevel=2,
        )
    return _stand_ins[cache]


def _remove_stand_in(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not in a process that was forked from it
        shutil.rmtree(folder, ignore_errors=True)


def _explain(error: Exception) -> str:
    """What went wrong, in a few words."""
    cause = error.__cause__ if isinstance(error, SegfitError) else error
    return getattr(cause, "strerror", None) or str(error)
