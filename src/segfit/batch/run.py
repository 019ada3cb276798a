"""Many files, one pipeline: one is read and one written while the work is done on another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from segfit.basics.progress import OnProgress
from segfit.basics.show import show_briefly
from segfit.batch.record import DoneFile, RunRecord
from segfit.errors import SegfitError

READ_AHEAD = 1
WRITTEN_BEHIND = 2

Read = TypeVar("Read")
Found = TypeVar("Found")
Done = TypeVar("Done", bound=DoneFile)


@dataclass(frozen=True)
class FailedImage:
    """A file that could not be read, processed or written, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Written(Generic[Done]):
    """A file whose results are written; ``parts``: what files of the whole run need of it."""

    row: Done
    parts: bytes = b""

    __repr__ = show_briefly


@dataclass(frozen=True)
class BatchReport(Generic[Done]):
    """What became of every file; ``seconds`` of wall clock for all of them.

    ``before``: how many more had been done before, see ``RunRecord``.
    """

    done: tuple[Done, ...]
    failed: tuple[FailedImage, ...]
    seconds: float
    before: int = 0

    __repr__ = show_briefly


def run_batch(
    paths: Sequence[Path],
    *,
    read: Callable[[Path], Read],
    apply: Callable[[Read], Found],
    write: Callable[[Path, Found, float], Written[Done]],
    record: RunRecord,
    on_progress: OnProgress | None = None,
) -> BatchReport[Done]:
    """Read files, apply a function to what was read, and write what it found, in this order.

    ``read`` and ``write`` run in a thread of their own each. ``write`` gets the path, what was
    found and the seconds that it took to find, and returns what the report says of it. ``record``:
    entered; it is told what became of each file, in their order. ``on_progress``: of all files,
    those too that were done before. No files give an empty report.

    A file for which any of the three raises ``SegfitError`` has failed: it is in the report, and
    the others are done.
    """
    began = time.perf_counter()
    done: list[Done] = []
    failed: list[FailedImage] = []

    def write_and_record(path: Path, found: Found, seconds: float) -> Done:
        written = write(path, found, seconds)
        record.add(written.row, written.parts)
        return written.row

    for path, outcome in _run_in_threads(paths, read=read, apply=apply, write=write_and_record):
        try:
            done.append(outcome.result())
        except SegfitError as error:
            record.add_failed(path, str(error))
            failed.append(FailedImage(path, str(error)))
        if on_progress is not None:
            ended = record.before + len(done) + len(failed)
            on_progress(ended, record.before + len(paths))
    seconds = time.perf_counter() - began
    return BatchReport(tuple(done), tuple(failed), seconds, record.before)


def _run_in_threads(
    paths: Sequence[Path],
    *,
    read: Callable[[Path], Read],
    apply: Callable[[Read], Found],
    write: Callable[[Path, Found, float], Done],
) -> Iterator[tuple[Path, Future[Done]]]:
    """Each path with its outcome, once that is there or the work is far enough ahead of it."""
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        behind: deque[tuple[Path, Future[Done]]] = deque()
        for path, content in _read_ahead(reader, paths, read):
            try:
                given = content.result()
                start = time.perf_counter()
                found = apply(given)
                seconds = time.perf_counter() - start
            except SegfitError as error:
                written: Future[Done] = Future()
                written.set_exception(error)
            else:
                written = writer.submit(write, path, found, seconds)
            behind.append((path, written))
            while len(behind) > WRITTEN_BEHIND:
                yield behind.popleft()
        yield from behind


def _read_ahead(
    reader: ThreadPoolExecutor, paths: Sequence[Path], read: Callable[[Path], Read]
) -> Iterator[tuple[Path, Future[Read]]]:
    """Each path with its content to come, the next one being read meanwhile."""
    ahead: deque[tuple[Path, Future[Read]]] = deque()
    for path in paths:
        ahead.append((path, reader.submit(read, path)))
        if len(ahead) > READ_AHEAD:
            yield ahead.popleft()
    yield from ahead
