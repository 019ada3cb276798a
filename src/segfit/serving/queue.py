"""Work that waits for a thread: so much at once, so much waiting, and no more."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event, Lock
from typing import TypeVar

Done = TypeVar("Done")
IsAbandoned = Callable[[], bool]

FIRST_GUESS_S = 1.0
"""How long a piece of work takes, as long as none has been done."""
WEIGHT = 0.2
"""Of the newest piece of work in the running mean."""


class QueueFullError(Exception):
    """As much waits as may wait; ``retry_s``: whole seconds after which there may be room."""

    def __init__(self, retry_s: int) -> None:
        super().__init__(f"the queue is full for about {retry_s} s")
        self.retry_s = retry_s


class WorkQueue:
    """A bounded queue before a few threads."""

    def __init__(self, *, workers: int, longest: int) -> None:
        """``workers``: pieces of work at once. ``longest``: pieces that may wait besides."""
        self.workers = workers
        self.places = workers + longest
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="segfit-work")
        self._lock = Lock()
        self._taken = self._running = 0
        self._mean_s = FIRST_GUESS_S

    @property
    def waiting(self) -> int:
        """Pieces of work that have a place, and that no thread works on."""
        return self._taken - self._running

    @property
    def running(self) -> int:
        """Pieces of work that threads work on."""
        return self._running

    @property
    def is_full(self) -> bool:
        """Whether nothing more is let in."""
        return self._taken >= self.places

    @contextmanager
    def take_place(self) -> Iterator[Place]:
        """A place, for as long as the block or its work lasts; raises ``QueueFullError``.

        A block that ends before its work abandons it: what has not begun never does.
        """
        with self._lock:
            if self.is_full:
                waits_s = self._mean_s * (self.places - self.workers + 1) / self.workers
                raise QueueFullError(math.ceil(waits_s))
            self._taken += 1
        place = Place(self)
        try:
            yield place
        finally:
            place.leave()

    def close(self) -> None:
        """Let what is being done end; what waits is never done."""
        self._pool.shutdown(cancel_futures=True)

    def _submit(self, work: Callable[[], Done]) -> Future[Done]:
        return self._pool.submit(self._time, work)

    def _time(self, work: Callable[[], Done]) -> Done:
        with self._lock:
            self._running += 1
        start = time.perf_counter()
        try:
            return work()
        finally:
            took_s = time.perf_counter() - start
            with self._lock:
                self._running -= 1
                self._mean_s += WEIGHT * (took_s - self._mean_s)

    def _free(self, _: object = None) -> None:
        with self._lock:
            self._taken -= 1


class Place:
    """Where one piece of work waits and is done."""

    def __init__(self, queue: WorkQueue) -> None:
        self._queue = queue
        self._future: Future[object] | None = None
        self._abandoned = Event()

    def start(self, work: Callable[[IsAbandoned], Done]) -> Future[Done]:
        """Let a thread do it when its turn comes.

        ``work`` is told how to ask whether anybody still waits for it.
        """
        future = self._queue._submit(lambda: work(self._abandoned.is_set))
        self._future = future  # type: ignore[assignment]  # what it gives is the caller's
        return future

    def leave(self) -> None:
        """Give the place back as soon as no thread works for it."""
        self._abandoned.set()
        if self._future is None:
            self._queue._free()
        else:
            self._future.cancel()
            self._future.add_done_callback(self._queue._free)
