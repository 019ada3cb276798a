"""Work on many items that says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

OnProgress = Callable[[int, int], None]
"""Called with how many items are done, and how many there are."""
THREADS = 2


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
