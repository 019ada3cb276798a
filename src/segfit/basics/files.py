"""Files that appear whole or not at all, and never in place of another one unasked."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from tempfile import TemporaryDirectory

from segfit.basics import stores
from segfit.basics.stores import find_url
from segfit.errors import SegfitError

FilePath = str | os.PathLike[str]

LARGE_BYTES = 64 << 20
"""Above which a file goes into a store part by part."""
_HALF_FILES: ContextVar[Path | None] = ContextVar("half_files", default=None)


@contextmanager
def leaving_half_files_in(folder: Path | None) -> Iterator[None]:
    """Within it, files are begun in a folder instead of beside their places.

    So what a killed process leaves half-written is found, and can be removed. It holds for the
    thread that enters it, until it leaves; for files on the folder's own disk.
    """
    before = _HALF_FILES.set(folder)
    try:
        yield
    finally:
        _HALF_FILES.reset(before)


def write_file(path: FilePath, data: bytes, *, force: bool = False, durable: bool = False) -> None:
    """Write ``data`` beside ``path``, then rename it to ``path``.

    ``durable``: see ``atomic_path``. Raises ``SegfitError`` where the file exists (unless
    ``force``), its folder does not, the permission is missing or the disk is full; ``path`` is then
    as it was before.
    """
    with atomic_path(path, force=force, durable=durable) as partial:
        partial.write_bytes(data)


@contextmanager
def atomic_path(path: FilePath, *, force: bool = False, durable: bool = False) -> Iterator[Path]:
    """Yield the path of a file to write beside ``path``; rename it to ``path`` at the end.

    The path yielded has the suffix of ``path`` and does not exist yet. An exception within the
    block removes what was written and leaves ``path`` as it was. ``durable``: what was written is
    on the disk before it has its name, and the name before this returns, so that neither is lost
    with the power; that takes some milliseconds and is for files that took long to make.
    Raises ``SegfitError`` for the same reasons as ``write_file``.

    >>> with atomic_path("model.segfit") as partial:  # doctest: +SKIP
    ...     partial.write_bytes(b"...")
    """
    check_writable(path, force=force)
    url = find_url(Path(path))
    if url is not None:
        with TemporaryDirectory(prefix="segfit-") as folder:
            begun = Path(folder) / Path(path).name
            yield begun
            _upload(begun, url)
        return
    # A link stays a link: what it points to is replaced.
    target = Path(path).resolve()
    partial = _find_place(target) / f".{secrets.token_hex(8)}.partial{target.suffix}"
    try:
        yield partial
        if not force and target.exists():
            raise _exists(target)
        if durable:
            _flush(partial, os.O_RDWR)
        os.replace(partial, target)
        if durable:
            with suppress(OSError):  # not every system flushes a folder, or opens it
                _flush(target.parent, os.O_RDONLY)
    except OSError as error:
        if error.filename is None or Path(error.filename) == partial:
            raise _explain(error, target) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: FilePath, *, force: bool = False) -> None:
    """Raise ``SegfitError`` where ``write_file`` is sure to fail: to be asked before long work.

    Writes nothing; a disk that is full shows only when it is written to.
    """
    path = Path(path)
    url = find_url(path)
    if url is not None:
        if not force and _is_in_store(url):
            raise _exists(path)
        return
    try:
        if path.is_dir():
            raise SegfitError(f"{path} is a folder; give the name of a file to write")
        if path.exists() and not path.is_file():
            raise SegfitError(f"{path} is a device or a pipe; give the name of a file to write")
        if path.exists() and not force:
            raise _exists(path)
        folder = path.resolve().parent
        if not folder.exists():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if not folder.is_dir():
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _explain(error, path) from error


def make_folder(path: FilePath) -> None:
    """Make a folder and those above it, or leave it if it is there.

    Stores make theirs with the first file. Raises ``SegfitError`` where that cannot be done.
    """
    if find_url(Path(path)) is not None:
        return
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SegfitError(
            f"cannot make the folder {path} ({error.strerror}): choose another output folder"
        ) from error


def has_file(path: Path) -> bool:
    """Whether there is a file, here or in a store; ``SegfitError`` as ``find_existing``."""
    url = find_url(path)
    return path.is_file() if url is None else _is_in_store(url)


def find_existing(paths: Iterable[Path]) -> set[Path]:
    """Those of some files that are there; of a store, each folder is asked once.

    Raises ``SegfitError`` for a store that cannot be asked.
    """
    listed = list(paths)
    urls = {path: url for path in listed if (url := find_url(path)) is not None}
    try:
        there = stores.find_existing(urls.values()) if urls else set()
    except OSError as error:
        raise SegfitError(f"{error.filename} cannot be listed: {error.strerror}") from error
    return {path for path in listed if (urls[path] in there if path in urls else path.exists())}


def read_existing(path: Path) -> bytes | None:
    """A file's bytes; None where there is none. Raises ``SegfitError`` as ``find_existing``."""
    url = find_url(path)
    if url is None:
        return path.read_bytes() if path.is_file() else None
    try:
        return stores.read_url(url)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SegfitError(f"{url} cannot be read: {error.strerror}") from error


def _is_in_store(url: str) -> bool:
    try:
        return stores.has_file(url)
    except OSError as error:
        raise SegfitError(f"{url} cannot be asked for: {error.strerror or error}") from error


def _upload(path: Path, url: str) -> None:
    try:
        if path.stat().st_size > LARGE_BYTES:
            stores.write_large(url, path)
        else:
            stores.write_url(url, path.read_bytes())
    except NotImplementedError as error:
        raise SegfitError(f"cannot write {url}: files are only read from there") from error
    except OSError as error:
        raise SegfitError(f"cannot write {url}: {error.strerror or error}") from error


def _find_place(target: Path) -> Path:
    """The folder to begin a file in: one from which it can be renamed to its place."""
    folder, place = target.parent, _HALF_FILES.get()
    if place is None:
        return folder
    try:
        return place if place.stat().st_dev == folder.stat().st_dev else folder
    except OSError:  # what is wrong comes up in writing
        return folder


def _flush(path: Path, flags: int) -> None:
    """Wait until the disk holds a file, or the names in a folder."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: Path) -> SegfitError:
    return SegfitError(
        f"{path} exists already: choose another name, or allow overwriting with --force "
        "(in Python: force=True)"
    )


def _explain(error: OSError, path: Path) -> SegfitError:
    """What kept ``path`` from being written, and what to do."""
    folder = path.parent
    match error.errno:
        case errno.ENOENT:
            reason = f"the folder {folder} does not exist: create it, or choose another one"
        case errno.ENOTDIR:
            reason = f"{folder} is not a folder: choose another place"
        case errno.EACCES | errno.EPERM:
            reason = (
                f"no permission to write in {folder}: change its permissions, or choose another "
                "folder"
            )
        case errno.EROFS:
            reason = f"{folder} is on a read-only disk: choose another folder"
        case errno.ENOSPC | errno.EDQUOT:
            reason = "the disk is full: free some space and run it again, or choose another disk"
        case errno.ENAMETOOLONG:
            reason = "the name is too long: choose a shorter one"
        case _:
            reason = error.strerror or str(error)
    return SegfitError(f"cannot write {path}: {reason}")
