"""Many files, one pipeline: one is read and one written while the work is done on another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from segfit.basics.show import show_briefly
from segfit.errors import SegfitError

READ_AHEAD = 1
WRITTEN_BEHIND = 2

Read = TypeVar("Read")
Found = TypeVar("Found")
Done = TypeVar("Done")


@dataclass(frozen=True)
class FailedImage:
    """A file that could not be read, processed or written, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class BatchReport(Generic[Done]):
    """What became of every file; ``seconds`` of wall clock for all of them."""

    done: tuple[Done, ...]
    failed: tuple[FailedImage, ...]
    seconds: float

    __repr__ = show_briefly


def run_batch(
    paths: Sequence[Path],
    *,
    read: Callable[[Path], Read],
    apply: Callable[[Read], Found],
    write: Callable[[Path, Found, float], Done],
    on_done: Callable[[Done | FailedImage], None] | None = None,
) -> BatchReport[Done]:
    """Read files, apply a function to what was read, and write what it found, in this order.

    ``read`` and ``write`` run in a thread of their own each. ``write`` gets the path, what was
    found and the seconds that it took to find, and returns what the report says of it. ``on_done``
    is told what became of each file, in their order. No files give an empty report.

    A file for which any of the three raises ``SegfitError`` has failed: it is in the report, and
    the others are done.
    """
    began = time.perf_counter()
    done: list[Done] = []
    failed: list[FailedImage] = []

    def finish(path: Path, written: Future[Done]) -> None:
        outcome: Done | FailedImage
        try:
            outcome = written.result()
            done.append(outcome)
        except SegfitError as error:
            outcome = FailedImage(path, str(error))
            failed.append(outcome)
        if on_done is not None:
            on_done(outcome)

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
                finish(*behind.popleft())
        while behind:
            finish(*behind.popleft())
    return BatchReport(tuple(done), tuple(failed), time.perf_counter() - began)


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
