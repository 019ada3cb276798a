"""A batch in several processes of this machine: each reads, computes and writes whole files."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any, TypeVar

from segfit.batch.files import ResultFiles
from segfit.batch.steps import Steps, Written
from segfit.batch.workers import Workers
from segfit.errors import SegfitError

QUEUED = 2
"""Files that a process is given: one to work on, and the next, so that it need not wait."""
SUDDEN_ENDS = 5
"""Of processes, one after the other without a file that was done: then it is not the files."""
Done = TypeVar("Done")


def run_in_processes(
    files: Mapping[Path, ResultFiles], steps: Steps[Any, Any, Done], workers: Workers
) -> Iterator[tuple[Path, Future[Written[Done]]]]:
    """Do the steps with files in as many processes; gives each with its outcome, as they end.

    ``steps``: can be pickled. A process that ends
    suddenly, such as for want of memory, costs the file that it worked on, which has then failed,
    and is replaced. Raises ``SegfitError`` where they end so one after the other.
    """
    waiting = deque(files.items())
    hands = [_Worker(steps, workers.threads) for _ in range(min(workers.count, len(files)))]
    ends = 0
    try:
        while True:
            for hand in hands:
                hand.take(waiting)
            running = [hand.tasks[0].outcome for hand in hands if hand.tasks]
            if not running:
                return
            wait(running, return_when=FIRST_COMPLETED)
            for hand in hands:
                while hand.tasks and hand.tasks[0].outcome.done():
                    task = hand.tasks.popleft()
                    if not isinstance(task.outcome.exception(), BrokenProcessPool):
                        ends = 0
                        yield task.path, task.outcome
                        continue
                    ends += 1
                    if ends > SUDDEN_ENDS:
                        raise SegfitError(
                            f"{ends} processes ended suddenly, one after the other, the last one "
                            f"at {task.path}: give --workers 1, which shows why"
                        )
                    waiting.extendleft((left.path, left.files) for left in reversed(hand.tasks))
                    hand.replace()
                    yield task.path, _fail(task.path)
    finally:
        for hand in hands:
            hand.stop()


class _Task:
    def __init__(self, path: Path, files: ResultFiles, outcome: Future[Any]) -> None:
        self.path, self.files, self.outcome = path, files, outcome


class _Worker:
    """One process, and the files that it was given, the oldest first."""

    def __init__(self, steps: Steps[Any, Any, Any], threads: int | None) -> None:
        self._given = steps, threads
        self.tasks: deque[_Task] = deque()
        self._start()

    def take(self, waiting: deque[tuple[Path, ResultFiles]]) -> None:
        while waiting and len(self.tasks) < QUEUED:
            path, files = waiting.popleft()
            self.tasks.append(_Task(path, files, self._pool.submit(_work, path, files)))

    def replace(self) -> None:
        self.stop()
        self.tasks.clear()
        self._start()

    def stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        # A pool of one: of a broken pool nobody knows which of its processes has ended.
        self._pool = ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=_begin, initargs=self._given
        )


def _fail(path: Path) -> Future[Any]:
    outcome: Future[Any] = Future()
    outcome.set_exception(
        SegfitError(
            f"{path}: the process that worked on it was killed, perhaps since memory ran out: "
            "give fewer --workers, and --resume"
        )
    )
    return outcome


_steps: list[Steps[Any, Any, Any]] = []
"""What this process does with files, where it is one of several."""


def _begin(steps: Steps[Any, Any, Any], threads: int | None) -> None:
    import cv2

    if threads is not None:
        cv2.setNumThreads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _steps.append(steps)


def _end_with_parent() -> None:
    """Nobody tells a process that the first one was killed; it would wait for files for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _work(path: Path, files: ResultFiles) -> Written[Any]:
    return _steps[0].do(path, files)
