"""Files in object stores and on web servers, by fsspec: ``s3://``, ``gs://``, ``https://``.

A ``Path`` holds an address with a single slash, ``s3:/bucket/plates/a.tif``, as pathlib writes it;
its name, stem and folder are those of the file, and ``find_url`` gives the address again.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path, PurePath
from typing import Any, TypeVar

from segfit.errors import SegfitError

ATTEMPTS = 4
PAUSE_S = 0.5
"""After the first attempt; twice that after the next."""
TIMEOUT_S = 120.0
"""For one file, in one attempt."""
LEAST_FETCHED = 1 << 16
"""Bytes of a file of which parts are read: a request takes as long as some of them."""
SLOWEST_BYTES_PER_S = 1e6
"""At which a large file is still being written, rather than stuck."""
NO_USE_TO_REPEAT = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
Answer = TypeVar("Answer")


def find_url(path: PurePath) -> str | None:
    """The address that a path stands for; None of a path of this machine.

    >>> find_url(Path("s3://bucket/plates/a.tif"))
    's3://bucket/plates/a.tif'
    """
    scheme, *rest = path.parts or ("",)
    return f"{scheme}//{'/'.join(rest)}" if rest and _SCHEME.fullmatch(scheme) else None


def make_absolute(path: Path) -> Path:
    """A path from the root; one that stands for an address, as it is."""
    return path if find_url(path) is not None else path.absolute()


def is_address(text: str) -> bool:
    """Whether a text is an address, rather than a path."""
    return "://" in text and find_url(PurePath(text)) is not None


def list_files(url: str) -> list[Path]:
    """The files that an address stands for: itself, those in a folder, or those of a pattern.

    Sorted. Raises ``SegfitError`` where the store cannot be asked.
    """
    system, place = _open(url)

    def find() -> list[str]:
        if "*" in place:
            return [str(name) for name in system.glob(place)]
        if system.isfile(place):
            return [place]
        return [str(one["name"]) for one in system.ls(place, detail=True) if one["type"] == "file"]

    try:
        names = _repeat(find, url)
    except FileNotFoundError:
        return []
    return sorted(Path(system.unstrip_protocol(name)) for name in names)


def read_url(url: str) -> bytes:
    """A file's bytes; raises ``OSError`` where it cannot be had, after several attempts."""
    system, place = _open(url)
    data: bytes = _repeat(lambda: _call(system, "cat_file", place), url)
    return data


class StoreFile:
    """A file in a store, opened in binary mode: only the parts that are read are fetched.

    ``size``: in bytes. Where a web server gives no parts, the whole file is held in memory. Raises
    ``SegfitError`` for a file that is not there, and for a part that cannot be had after several
    attempts.
    """

    closed = False

    def __init__(self, url: str) -> None:
        self._url, self._place = url, 0
        self._held_from, self._held = 0, b""
        system, place = _open(url)
        size = self._ask(lambda: _call(system, "info", place)["size"])
        if size is None:  # a web server that does not say it
            self._held = self._ask(lambda: _call(system, "cat_file", place))
            size = len(self._held)
        self.size = int(size)

    def read(self, count: int = -1) -> bytes:
        """So many bytes from where it stands, or all that are left."""
        start = self._place
        stop = self.size if count < 0 else min(start + count, self.size)
        if start >= stop:
            return b""
        if start < self._held_from or stop > self._held_from + len(self._held):
            self._fetch(start, max(stop, min(start + LEAST_FETCHED, self.size)))
        self._place = stop
        return self._held[start - self._held_from : stop - self._held_from]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; returns it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """Where it stands."""
        return self._place

    def close(self) -> None:
        """Nothing is left open."""

    def _fetch(self, start: int, stop: int) -> None:
        system, place = _open(self._url)

        def fetch() -> bytes:
            data: bytes = _call(system, "cat_file", place, start=start, end=stop)
            if len(data) not in (stop - start, self.size):
                raise OSError(f"{len(data)} bytes came instead of {stop - start}")
            return data

        self._held = self._ask(fetch)
        self._held_from = start if len(self._held) == stop - start else 0

    def _ask(self, action: Callable[[], Answer]) -> Answer:
        try:
            return _repeat(action, self._url)
        except FileNotFoundError:
            raise SegfitError(f"{self._url}: no such file") from None
        except OSError as error:
            raise SegfitError(
                f"{self._url} cannot be read ({error.strerror or error}): see that the store can "
                "be reached and holds the whole file, and run it again"
            ) from error


def write_url(url: str, data: bytes) -> None:
    """Put a file, whole or not at all; raises ``OSError`` as ``read_url`` does."""
    system, place = _open(url)
    _repeat(lambda: _call(system, "pipe_file", place, data), url)


def write_large(url: str, source: Path) -> None:
    """Put a file of any size, part by part; it appears whole or not at all, as by ``write_url``."""
    from fsspec.asyn import AsyncFileSystem

    system, place = _open(url)
    if getattr(type(system), "_pipe_file", None) is AsyncFileSystem._pipe_file:
        raise NotImplementedError  # a web server, to which it would be posted
    within_s = TIMEOUT_S + source.stat().st_size / SLOWEST_BYTES_PER_S
    _repeat(lambda: _call(system, "put_file", str(source), place, within_s=within_s), url)


def has_file(url: str) -> bool:
    """Whether there is a file; raises ``OSError`` as ``read_url`` does."""
    system, place = _open(url)
    return bool(_repeat(lambda: system.isfile(place), url))


def find_existing(urls: Iterable[str]) -> set[str]:
    """Those of some addresses where there is a file; each folder is asked once."""
    wanted = set(urls)
    found: set[str] = set()
    for folder in {url.rpartition("/")[0] for url in wanted}:
        found.update(str(find_url(path)) for path in list_files(folder))
    return wanted & found


def remove_below(url: str) -> None:
    """Remove a folder and all that is in it, if it is there."""
    system, place = _open(url)
    try:
        _repeat(lambda: system.rm(place, recursive=True), url)
    except FileNotFoundError:
        return


def _open(url: str) -> tuple[Any, str]:
    """What is asked for a file, and the file's name there."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise SegfitError(f'{url} needs fsspec: pip install "segfit[stores]"') from error
    try:
        system, place = url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:  # fsspec names the package that is missing
        raise SegfitError(f"{url} cannot be opened: {error}") from error
    return system, str(place)


def _call(
    system: Any, name: str, *arguments: Any, within_s: float | None = None, **named: Any
) -> Any:
    """Call what reads or writes a file, where that can be said ``within_s``, or ``TIMEOUT_S``."""
    if not getattr(system, "async_impl", False):
        return getattr(system, name)(*arguments, **named)
    from fsspec.asyn import sync

    timeout = within_s or TIMEOUT_S
    return sync(system.loop, getattr(system, f"_{name}"), *arguments, timeout=timeout, **named)


def _repeat(action: Callable[[], Answer], url: str) -> Answer:
    """Do it again where it fails, but for what will fail again."""
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except NO_USE_TO_REPEAT:
            raise
        except Exception as error:  # each store raises its own kinds
            failure = error
        if attempt + 1 < ATTEMPTS:
            time.sleep(PAUSE_S * 2**attempt)
    reason = str(failure) or type(failure).__name__
    raise OSError(None, f"{reason}; tried {ATTEMPTS} times", url) from failure
