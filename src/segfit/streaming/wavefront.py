"""Tiles, several at once: none is begun before the one above it and the one to its left are done.

They are worked on in threads, which share the scores and the model, so that memory is needed for
little more than the tiles themselves: most of the time goes by in networks, OpenCV and NumPy, where
Python waits for none of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

from segfit.streaming.tiling import Place

Prepared = TypeVar("Prepared")

MOST_AT_ONCE = 2
"""Tiles that pay: each needs memory, and with more of them Python is what they wait for."""


def run_wavefront(
    places: Sequence[Place],
    prepare: Callable[[Place], Prepared],
    work: Callable[[Place, Prepared], None],
    *,
    count: int,
) -> Generator[Place]:
    """Work on places, up to ``count`` at once; gives each when it is done.

    ``places``: row by row; what is not among them is done. ``prepare``: what needs no other place;
    while one is worked on, the one to its right is prepared in a thread of its own. ``work``: the
    rest, with what that gave. The topmost rows come first. Close the iterator, which waits for what
    is being worked on, where not all of it is wanted. Raises what these raise.
    """
    rows = _Rows(places, open_rows=count + 1)
    running: dict[Future[None], Place] = {}
    prepared: dict[Place, Future[Prepared]] = {}

    def do(place: Place, given: Future[Prepared] | None) -> None:
        is_begun = given is not None and not given.cancel()
        work(place, given.result() if given is not None and is_begun else prepare(place))

    with ThreadPoolExecutor(1) as ahead, ThreadPoolExecutor(count) as hands:
        try:
            while rows.waiting or running:
                for place in rows.take(running.values(), count - len(running)):
                    running[hands.submit(do, place, prepared.pop(place, None))] = place
                    following = (place[0], place[1] + 1)
                    if following in rows.waiting:
                        prepared[following] = ahead.submit(prepare, following)
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for outcome in done:
                    place = running.pop(outcome)
                    outcome.result()
                    yield place
        finally:
            hands.shutdown(wait=False, cancel_futures=True)
            ahead.shutdown(wait=False, cancel_futures=True)


class _Rows:
    """Places that nobody has begun, row by row."""

    def __init__(self, places: Sequence[Place], *, open_rows: int) -> None:
        """``open_rows``: how many are begun before the topmost one is done."""
        self._open_rows = open_rows
        self.waiting = set(places)
        self._rows: dict[int, deque[Place]] = {}
        for place in places:
            self._rows.setdefault(place[0], deque()).append(place)

    def take(self, running: Collection[Place], count: int) -> list[Place]:
        """Up to so many places that can be begun, the topmost first.

        They are of the next few rows alone: what is prepared for the next place of each, and the
        scores that it shares with the row above, are kept meanwhile.
        """
        begun = set(running)
        taken: list[Place] = []
        for own in list(islice(filter(None, self._rows.values()), self._open_rows)):
            if len(taken) < count and not self._needed(own[0]) & (self.waiting | begun):
                taken.append(own.popleft())
        self.waiting.difference_update(taken)
        return taken

    @staticmethod
    def _needed(place: Place) -> set[Place]:
        row, column = place
        return {(row - 1, column), (row, column - 1)}
