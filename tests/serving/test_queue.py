"""Work that waits: bounded, given up, and counted."""

import threading

import pytest

from segfit.serving.queue import QueueFullError, WorkQueue


@pytest.fixture
def queue():
    queue = WorkQueue(workers=1, longest=1)
    yield queue
    queue.close()


class Held:
    """Work that goes on when it may."""

    def __init__(self):
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()
        self.was_abandoned = None

    def __call__(self, is_abandoned):
        self.has_begun.set()
        assert self.may_go_on.wait(10)
        self.was_abandoned = is_abandoned()
        return "done"


def test_work_gives_what_it_gives(queue):
    with queue.take_place() as place:
        assert place.start(lambda gone: 6 * 7).result(5) == 42
    with queue.take_place() as place, pytest.raises(KeyError):
        place.start(lambda gone: {}["x"]).result(5)
    assert (queue.running, queue.waiting, queue.is_full) == (0, 0, False)


def test_places_are_bounded_and_given_back(queue):
    held = Held()
    with queue.take_place() as first:
        future = first.start(held)
        assert held.has_begun.wait(5)
        with queue.take_place():
            assert (queue.running, queue.waiting, queue.is_full) == (1, 1, True)
            with pytest.raises(QueueFullError) as full, queue.take_place():
                pass
            assert full.value.retry_s >= 1
        assert not queue.is_full
        held.may_go_on.set()
        assert future.result(5) == "done"
    assert queue.waiting == 0


def test_what_is_given_up_before_its_turn_is_never_done(queue):
    held, done = Held(), []
    with queue.take_place() as first:
        first.start(held)
        with queue.take_place() as second:
            future = second.start(lambda gone: done.append(1))
        assert future.cancelled()
        held.may_go_on.set()
    assert done == []


def test_what_is_given_up_while_it_is_done_keeps_its_place_till_then():
    queue, held = WorkQueue(workers=1, longest=0), Held()
    with queue.take_place() as place:
        future = place.start(held)
        assert held.has_begun.wait(5)
    assert queue.is_full  # the thread is not free
    held.may_go_on.set()
    future.result(5)
    queue.close()
    assert held.was_abandoned
    assert (queue.is_full, queue.waiting) == (False, 0)


def test_the_time_to_wait_follows_from_the_work_done():
    queue = WorkQueue(workers=1, longest=1)
    for _ in range(40):
        with queue.take_place() as place:
            place.start(lambda gone: None).result(5)
    take = queue.take_place
    with take(), take(), pytest.raises(QueueFullError) as full, take():
        pass
    queue.close()
    assert full.value.retry_s == 1
