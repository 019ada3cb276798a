"""What the next steps of a training learn from, made ahead, so that a card need not wait."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Made = TypeVar("Made")


class Ahead(Generic[Made]):
    """A function of a step's number and coarseness, whose next values are made before their turn.

    What it gives is what ``make`` would give, in whatever order it is asked: what was made ahead
    and is not asked for next is dropped. ``make`` is called by several threads at once; with no
    ``threads``, when its value is asked for.
    """

    def __init__(self, make: Callable[[int, bool], Made], *, threads: int) -> None:
        self._make, self._threads = make, threads
        self._pool = ThreadPoolExecutor(max(1, threads), thread_name_prefix="segfit-ahead")
        self._begun: dict[tuple[int, bool], Future[Made]] = {}

    def __call__(self, step: int, coarse: bool) -> Made:
        """The value of a step; those of as many steps after it as there are threads are begun."""
        if self._threads == 0:
            return self._make(step, coarse)
        wanted = [(number, coarse) for number in range(step, step + 1 + self._threads)]
        for key in self._begun.keys() - set(wanted):
            self._begun.pop(key).cancel()
        for key in wanted:
            if key not in self._begun:
                self._begun[key] = self._pool.submit(self._make, *key)
        return self._begun.pop(wanted[0]).result()

    def forget(self) -> None:
        """Drop what was made ahead: ``make`` gives something else from now on."""
        for future in self._begun.values():
            future.cancel()
        self._begun.clear()
