"""What is made ahead is what would have been made in its turn."""

import threading

import pytest

from segfit.training.data.ahead import Ahead


def make(step, coarse):
    return step, coarse, "made"


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_every_step_gets_its_own(threads):
    ahead = Ahead(make, threads=threads)
    asked = [(0, True), (1, True), (2, False), (3, False), (3, False), (9, False), (4, True)]
    assert [ahead(step, coarse) for step, coarse in asked] == [make(*one) for one in asked]


def test_the_next_are_begun_before_they_are_asked_for():
    made = []
    seen = threading.Semaphore(0)

    def note(step, coarse):
        made.append(step)
        seen.release()
        return step

    ahead = Ahead(note, threads=2)
    assert ahead(5, False) == 5
    for _ in range(3):
        assert seen.acquire(timeout=10)
    assert sorted(made) == [5, 6, 7]
    assert ahead(6, False) == 6
    assert seen.acquire(timeout=10)
    assert sorted(made) == [5, 6, 7, 8], "nothing is made twice"


def test_without_threads_nothing_is_made_before_its_turn():
    made = []
    ahead = Ahead(lambda step, coarse: made.append(step), threads=0)
    ahead(5, False)
    assert made == [5]


def test_what_is_forgotten_is_made_anew():
    value = ["old"]
    ahead = Ahead(lambda step, coarse: value[0], threads=2)
    ahead(0, False)
    value[0] = "new"
    ahead.forget()
    assert ahead(1, False) == "new"


def test_a_mistake_comes_up_in_the_turn_of_its_step():
    def fail(step, coarse):
        if step == 2:
            raise ValueError("a damaged image")
        return step

    ahead = Ahead(fail, threads=3)
    assert [ahead(0, False), ahead(1, False)] == [0, 1]
    with pytest.raises(ValueError, match="a damaged image"):
        ahead(2, False)
