"""Many tasks in several processes of this machine, each done by one of them as a whole."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from segfit.batch.workers import Workers
from segfit.errors import SegfitError

QUEUED = 2
"""Tasks that a process is given: one to work on, and the next, so that it need not wait."""
SUDDEN_ENDS = 5
"""Of processes, one after the other without a task that was done: then it is not the tasks."""
Name = TypeVar("Name")
Given = TypeVar("Given")
Done = TypeVar("Done")


def run_in_processes(
    tasks: Mapping[Name, Given], do: Callable[[Name, Given], Done], workers: Workers
) -> Iterator[tuple[Name, Future[Done]]]:
    """Do tasks in as many processes; gives the name of each with its outcome, as they end.

    ``do`` gets a task's name, which messages call it by, and what is given for it. All can be
    pickled. A process that ends suddenly, such as for want of memory, costs the task that it worked
    on, which has then failed, and is replaced. Raises ``SegfitError`` where they end so one after
    the other.
    """
    waiting = deque(tasks.items())
    hands = [_Worker(do, workers.threads) for _ in range(min(workers.count, len(tasks)))]
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
                        yield task.name, task.outcome
                        continue
                    ends += 1
                    if ends > SUDDEN_ENDS:
                        raise SegfitError(
                            f"{ends} processes ended suddenly, one after the other, the last one "
                            f"at {task.name}: give --workers 1, which shows why"
                        )
                    waiting.extendleft((left.name, left.given) for left in reversed(hand.tasks))
                    hand.replace()
                    yield task.name, _fail(task.name)
    finally:
        for hand in hands:
            hand.stop()


class _Task:
    def __init__(self, name: Any, given: Any, outcome: Future[Any]) -> None:
        self.name, self.given, self.outcome = name, given, outcome


class _Worker:
    """One process, and the tasks that it was given, the oldest first."""

    def __init__(self, do: Callable[[Any, Any], Any], threads: int | None) -> None:
        self._given = do, threads
        self.tasks: deque[_Task] = deque()
        self._start()

    def take(self, waiting: deque[tuple[Any, Any]]) -> None:
        while waiting and len(self.tasks) < QUEUED:
            name, given = waiting.popleft()
            self.tasks.append(_Task(name, given, self._pool.submit(_work, name, given)))

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


def _fail(name: object) -> Future[Any]:
    outcome: Future[Any] = Future()
    outcome.set_exception(
        SegfitError(
            f"{name}: the process that worked on it was killed, perhaps since memory ran out: "
            "give fewer --workers and run it again, where results are written with --resume"
        )
    )
    return outcome


_doing: list[Callable[[Any, Any], Any]] = []
"""What this process does with tasks, where it is one of several."""


def _begin(do: Callable[[Any, Any], Any], threads: int | None) -> None:
    import cv2

    if threads is not None:
        cv2.setNumThreads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says when to stop
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _doing.append(do)


def _end_with_parent() -> None:
    """Nobody tells a process that the first one was killed; it would wait for tasks for ever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _work(name: Any, given: Any) -> Any:
    return _doing[0](name, given)
