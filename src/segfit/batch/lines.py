"""Files that grow line by line, and that a killed process leaves readable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import IO

from segfit.basics.files import write_file
from segfit.basics.locks import try_lock
from segfit.errors import SegfitError

COPY_S = 5.0
COPYING_SHARE = 20
"""So many times as long as the last copy took is waited for the next."""


class GrowingFile:
    """A file to append lines to, by one process at a time, in any of its threads.

    ``copy``: the address of a store where the file is put again every ``COPY_S`` seconds or so, and
    when it is closed; None for none. A line that was cut off, by a kill or a full disk, is removed
    when the file is opened. Raises ``SegfitError`` where another process is writing it, and where
    it cannot be written.
    """

    def __init__(self, path: Path, *, copy: str | None = None) -> None:
        self.path, self._copy = path, copy
        self._copied_bytes, self._next_copy_s = 0, time.monotonic() + COPY_S
        self._appending = Lock()
        try:
            self._file: IO[bytes] = path.open("a+b", buffering=0)
            if not try_lock(self._file):
                self._file.close()
                raise SegfitError(
                    f"another run is writing {path}: wait until it has ended, or choose another "
                    "output folder"
                )
            self._size = measure_whole_lines(self._file)
            self._file.truncate(self._size)
        except OSError as error:
            raise self._explain(error) from error

    def append(self, line: bytes) -> int:
        """Write a line, which has no line break, to the system; returns where it begins."""
        data = line + b"\n"
        with self._appending:
            begin = self._size
            try:
                written = self._file.write(data)
            except OSError as error:
                raise self._explain(error) from error
            if written != len(data):  # the disk is full
                raise SegfitError(f"{self.path} cannot be written to its end: free some disk space")
            self._size += len(data)
            if self._copy is not None and time.monotonic() > self._next_copy_s:
                self.copy()
        return begin

    def copy(self) -> None:
        """Put the file into the store as it is now, where there is one."""
        if self._copy is None or self._copied_bytes == self._size:
            return
        began = time.monotonic()
        write_file(self._copy, self.path.read_bytes(), force=True)
        self._copied_bytes = self._size
        ended = time.monotonic()
        self._next_copy_s = ended + max(COPY_S, COPYING_SHARE * (ended - began))

    def read_line(self, begin: int) -> bytes:
        """The line that begins there, without its line break."""
        self._file.seek(begin)
        pieces = []
        while True:
            piece = self._file.read(1 << 16)
            head, found, _ = piece.partition(b"\n")
            pieces.append(head)
            if found or not piece:
                return b"".join(pieces)

    def close(self, *, copied: bool = True) -> None:
        """Let others write it; not ``copied``: what is new in it is not put into the store."""
        try:
            if copied:
                self.copy()
        finally:
            self._file.close()

    def _explain(self, error: OSError) -> SegfitError:
        return SegfitError(
            f"cannot write {self.path} ({error.strerror}): free some disk space, change its "
            "permissions, or choose another output folder"
        )


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The whole lines of a file, without their line breaks, and where each begins.

    What follows the last line break is left out: it is being written, or was cut off.
    """
    begin = 0
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield begin, line[:-1]
            begin += len(line)


def measure_whole_lines(file: IO[bytes]) -> int:
    """How many bytes of an open file lie before the end of its last whole line."""
    size = file.seek(0, 2)
    while size > 0:
        begin = max(0, size - (1 << 16))
        file.seek(begin)
        last = file.read(size - begin).rfind(b"\n")
        if last >= 0:
            return begin + last + 1
        size = begin
    return 0
