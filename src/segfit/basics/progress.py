"""Work on many items that says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

OnProgress = Callable[[int, int], None]
"""Called with how many items are done, and how many there are."""
THREADS = 2


class Spread(Protocol):
    """Does something with each of so many items, wherever, in any order; gives number and result.

    ``do_in_order`` is one, ``batch.spread.SpreadOut`` uses other processes and machines.
    """

    def __call__(self, do: Callable[[int], Result], count: int, /) -> Iterator[tuple[int, Result]]:
        """``do`` gets numbers from 0."""
        ...


def do_in_order(do: Callable[[int], Result], count: int, /) -> Iterator[tuple[int, Result]]:
    """Do something with each of so many items, here, one after the other."""
    for number in range(count):
        yield number, do(number)


def map_in_threads(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    on_progress: OnProgress | None = None,
) -> list[Result]:
    """Map in order with a small thread pool, reporting (done, total) after each."""

    def report(results: Iterable[Result]) -> Iterator[Result]:
        for done, result in enumerate(results, start=1):
            if on_progress is not None:
                on_progress(done, len(items))
            yield result

    with ThreadPoolExecutor(THREADS) as pool:
        return list(report(pool.map(function, items)))
