"""Many files, one pipeline: in threads, one is read and one written beside the work on another."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from segfit.basics.progress import OnProgress
from segfit.basics.show import show_briefly
from segfit.batch.files import ResultFiles
from segfit.batch.record import DoneFile, RunRecord
from segfit.batch.spread import do_elsewhere
from segfit.batch.steps import Steps, Written
from segfit.batch.workers import IN_THREADS, Workers
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
    files: Mapping[Path, ResultFiles],
    steps: Steps[Read, Found, Done],
    *,
    record: RunRecord,
    workers: Workers = IN_THREADS,
    on_progress: OnProgress | None = None,
) -> BatchReport[Done]:
    """Read files, find something in each, and write it to the files that are planned for it.

    ``record``: entered; it is told what became of each file as soon as that is known. ``workers``:
    see ``do_elsewhere``; with one, reading and writing run in a thread of
    their own each. ``on_progress``: of all files, those too that were done before. No files give an
    empty report.

    A file for which a step raises ``SegfitError`` has failed: it is in the report, and the others
    are done.
    """
    began = time.perf_counter()
    done: dict[Path, Done] = {}
    failed: dict[Path, FailedImage] = {}

    def note(written: Written[Done]) -> Done:
        record.add(written.row, written.parts)
        return written.row

    for path, take in _run(files, steps, workers, note):
        try:
            done[path] = take()
        except SegfitError as error:
            record.add_failed(path, str(error))
            failed[path] = FailedImage(path, str(error))
        if on_progress is not None:
            ended = record.before + len(done) + len(failed)
            on_progress(ended, record.before + len(files))
    return BatchReport(
        tuple(done[path] for path in files if path in done),
        tuple(failed[path] for path in files if path in failed),
        time.perf_counter() - began,
        record.before,
    )


def _run(
    files: Mapping[Path, ResultFiles],
    steps: Steps[Read, Found, Done],
    workers: Workers,
    note: Callable[[Written[Done]], Done],
) -> Iterator[tuple[Path, Callable[[], Done]]]:
    """Each path with what gives or raises its outcome."""
    if workers.are_this_process:
        for path, noted in _run_in_threads(files, steps, note):
            yield path, noted.result
        return
    for path, written in do_elsewhere(files, steps.do, workers):
        yield path, partial(_note, written, note)


def _note(written: Future[Written[Done]], note: Callable[[Written[Done]], Done]) -> Done:
    return note(written.result())


def _run_in_threads(
    files: Mapping[Path, ResultFiles],
    steps: Steps[Read, Found, Done],
    note: Callable[[Written[Done]], Done],
) -> Iterator[tuple[Path, Future[Done]]]:
    """Each path with its outcome, which is noted as soon as it is there."""
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        behind: deque[tuple[Path, Future[Done]]] = deque()

        def write(path: Path, found: Found, seconds: float) -> Done:
            return note(steps.write(path, files[path], found, seconds))

        for path, content in _read_ahead(reader, files, steps.read):
            try:
                found, seconds = steps.find(content.result())
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
    reader: ThreadPoolExecutor, paths: Iterable[Path], read: Callable[[Path], Read]
) -> Iterator[tuple[Path, Future[Read]]]:
    """Each path with its content to come, the next one being read meanwhile."""
    ahead: deque[tuple[Path, Future[Read]]] = deque()
    for path in paths:
        ahead.append((path, reader.submit(read, path)))
        if len(ahead) > READ_AHEAD:
            yield ahead.popleft()
    yield from ahead
