"""Tiles worked on at once: each after those that it needs, and what happens when one fails."""

from __future__ import annotations

import threading
from contextlib import closing
from itertools import product

import pytest

from segfit.streaming.tiling import Place
from segfit.streaming.wavefront import run_wavefront

PLACES = list(product(range(4), range(5)))


class Work:
    """Notes what is begun and done; ``meet``: the first two tiles wait for each other."""

    def __init__(self, *, meet: bool = False) -> None:
        self.begun: list[Place] = []
        self.done: set[Place] = set()
        self.most = 0
        self.lock = threading.Lock()
        self.barrier = threading.Barrier(2, timeout=10) if meet else None

    def __call__(self, place: Place, _: object = None) -> None:
        row, column = place
        with self.lock:
            for needed in ((row - 1, column), (row, column - 1)):
                assert needed in self.done or min(needed) < 0
            self.begun.append(place)
            self.most = max(self.most, len(self.begun) - len(self.done))
        if self.barrier is not None and place in ((0, 1), (1, 0)):
            self.barrier.wait()
        with self.lock:
            self.done.add(place)


def prepare_nothing(_: Place) -> None:
    pass


@pytest.mark.parametrize("count", [1, 2, 3])
def test_every_tile_is_done_after_those_that_it_needs(count: int) -> None:
    work = Work(meet=count > 1)
    given = list(run_wavefront(PLACES, prepare_nothing, work, count=count))
    assert sorted(given) == PLACES
    assert work.most <= count
    assert (work.most > 1) == (count > 1)


def test_one_at_a_time_goes_row_by_row() -> None:
    assert list(run_wavefront(PLACES, prepare_nothing, Work(), count=1)) == PLACES


def test_what_is_done_is_not_waited_for() -> None:
    work = Work()
    work.done = {(0, 0), (0, 1), (1, 0)}
    work.begun = list(work.done)
    missing = [place for place in PLACES if place not in work.done]
    given = list(run_wavefront(missing, prepare_nothing, work, count=2))
    assert sorted(given) == missing


@pytest.mark.parametrize("count", [1, 2])
def test_every_tile_is_prepared_once_and_worked_on_with_what_that_gave(count: int) -> None:
    prepared: list[Place] = []
    given: dict[Place, Place] = {}

    def prepare(place: Place) -> Place:
        prepared.append(place)
        return place

    list(run_wavefront(PLACES, prepare, given.__setitem__, count=count))
    assert sorted(prepared) == PLACES
    assert given == {place: place for place in PLACES}


def test_what_fails_beforehand_ends_the_run() -> None:
    def prepare(place: Place) -> None:
        if place == (1, 2):
            raise OSError("the image is damaged")

    work = Work()
    with pytest.raises(OSError, match="image is damaged"):
        list(run_wavefront(PLACES, prepare, work, count=2))
    assert (1, 2) not in work.begun


def test_a_tile_that_fails_ends_the_run_and_no_other_is_begun() -> None:
    work = Work()

    def fail(place: Place, _: object) -> None:
        work(place)
        if place == (1, 2):
            raise OSError("the disk is full")

    before = threading.active_count()
    with pytest.raises(OSError, match="disk is full"):
        list(run_wavefront(PLACES, prepare_nothing, fail, count=2))
    assert (1, 3) not in work.begun
    assert len(work.begun) == len(work.done)
    assert threading.active_count() == before


def test_stopping_waits_for_what_is_being_worked_on() -> None:
    work = Work()
    before = threading.active_count()
    with closing(run_wavefront(PLACES, prepare_nothing, work, count=2)) as finished:
        assert next(finished) == (0, 0)
    assert len(work.begun) == len(work.done) < len(PLACES)
    assert threading.active_count() == before
