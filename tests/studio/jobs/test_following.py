"""A log that is being written, read again and again."""

import json

import pytest

from segfit.studio.jobs.following import LONGEST_CURVE, TrainingFollower


def plan(**settings):
    plan = {"minutes": 3.0, "steps": None, **settings}
    return {"event": "plan", "plan": plan, "notes": ["No pixel of 'x'."]}


def step(number, seconds, *, steps=10, loss=1.0):
    return {"event": "step", "step": number, "steps": steps, "loss": loss, "seconds": seconds}


def validation(number, seconds, mean_iou=0.5):
    return {
        "event": "round", "step": number, "steps": 10, "seconds": seconds,
        "mean_iou": mean_iou, "iou": {"sky": mean_iou, "cell": None},
    }  # fmt: skip


@pytest.fixture
def log(tmp_path):
    class Log:
        path = tmp_path / "log.jsonl"

        def add(self, *lines, end="\n"):
            with self.path.open("a") as file:
                file.write("\n".join(map(json.dumps, lines)) + end)

    return Log()


def test_what_has_come_is_read_once(log):
    follower = TrainingFollower(log.path)
    assert not follower.read()
    log.add(plan(), step(1, 0.5, loss=2.0))
    assert follower.read()
    assert not follower.read()
    assert follower.minutes == 3.0
    assert follower.notes == ("No pixel of 'x'.",)
    log.add(step(2, 1.0, loss=1.5), validation(2, 1.5), {"event": "end", "model": "m"})
    follower.read()
    assert follower.list_curve() == [(1, 2.0), (2, 1.5)]
    assert follower.rounds[0].iou == {"sky": 0.5, "cell": None}
    assert follower.seconds == 1.5
    assert follower.ended


def test_a_line_that_is_being_written_waits(log):
    follower = TrainingFollower(log.path)
    log.add(step(1, 0.5), end="")
    assert not follower.read()
    log.add(end="\n")
    assert follower.read()
    assert len(follower.steps) == 1


def test_a_line_cut_short_by_a_crash_is_passed_over(log):
    log.path.write_text('{"event": "step", "st\n')
    log.add(step(1, 0.5))
    follower = TrainingFollower(log.path)
    follower.read()
    assert follower.list_curve() == [(1, 1.0)]


def test_what_a_resumed_training_repeats_counts_once(log):
    log.add(step(1, 1.0), step(2, 2.0), validation(2, 2.5), step(3, 3.5, loss=9.0), step(4, 4.5))
    log.add(plan(), step(3, 5.0, loss=0.5), step(4, 5.5, loss=0.4), validation(4, 6.0, 0.7))
    follower = TrainingFollower(log.path)
    follower.read()
    assert follower.list_curve() == [(1, 1.0), (2, 1.0), (3, 0.5), (4, 0.4)]
    assert [one.mean_iou for one in follower.rounds] == [0.5, 0.7]


def test_a_round_that_is_not_in_the_checkpoint_counts_once(log):
    log.add(step(1, 1.0), step(2, 2.0), validation(2, 2.5, 0.5))
    log.add(plan(), step(1, 3.0), step(2, 4.0), validation(2, 4.5, 0.6))
    follower = TrainingFollower(log.path)
    follower.read()
    assert [one.mean_iou for one in follower.rounds] == [0.6]
    assert not follower.is_refining


def test_steps_of_the_regressor_are_not_the_curve(log):
    log.add(*(step(number, number, steps=5) for number in range(1, 6)), validation(5, 6.0))
    log.add(step(1, 7.0, loss=30.0), step(2, 8.0, loss=20.0))
    follower = TrainingFollower(log.path)
    follower.read()
    assert follower.is_refining
    assert len(follower.list_curve()) == 5
    assert follower.seconds == 8.0
    log.add(plan(), step(7, 9.0))
    follower.read()
    assert follower.is_refining
    assert len(follower.list_curve()) == 5


def test_a_long_curve_is_a_short_list(log):
    log.add(*(step(number, number, loss=float(number % 2)) for number in range(1, 1001)))
    follower = TrainingFollower(log.path)
    follower.read()
    curve = follower.list_curve()
    assert len(curve) == LONGEST_CURVE
    assert curve[-1][0] == 1000
    assert {loss for _, loss in curve} == {0.4, 0.6}
