"""Trainings in a process of their own, followed, paused, killed, taken up again and stopped."""

import json
import os
import shutil
import signal
import sys
import textwrap
import time

import numpy as np
import pytest

from label_files import save
from segfit.errors import SegfitError
from segfit.model.archive import read_model
from segfit.studio.jobs.job import JOB_NAME, State
from segfit.studio.jobs.models import ModelShelf
from segfit.studio.jobs.planning import choose_base, choose_minutes
from segfit.studio.jobs.process import Life, look_at
from segfit.studio.jobs.snapshot import find_labelled
from segfit.studio.jobs.training import TrainingJobs
from tiny_training import TINY

POSIX = pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")
CLASSES = {"classes": [{"name": "sky", "value": 0}, {"name": "cell", "value": 1}], "ignore": [255]}


@pytest.fixture
def folder(tmp_path):
    """Three images of a square, labelled but for their upper edge."""
    (tmp_path / "classes.json").write_text(json.dumps(CLASSES))
    for number in range(3):
        labels = np.zeros((64, 64), np.uint8)
        labels[20 + number : 40, 10:40] = 1
        save(labels * 200, tmp_path / f"{number}.png")
        labels[:4] = 255
        save(labels, tmp_path / "masks" / f"{number}.png")
    return tmp_path


@pytest.fixture
def open_jobs(folder, monkeypatch):
    """Makes what a server has of trainings, and ends all processes after the test."""
    made = []
    # On a busy machine a training at the lowest priority would take as long as all others together.
    monkeypatch.setattr("segfit.studio.jobs.process.LOWEST_PRIORITY", 0)

    def open_jobs(**options):
        told, previews, flushed = [], [], []
        jobs = TrainingJobs(
            folder,
            folder / ".segfit" / "jobs",
            ModelShelf(folder / ".segfit" / "models"),
            flush=lambda: flushed.append(True),
            wait=lambda: None,
            on_change=told.append,
            on_preview=previews.append,
            on_model=lambda model: None,
            **options,
        )
        jobs.told, jobs.previews, jobs.flushed = told, previews, flushed
        jobs.child = None
        made.append(jobs)
        return jobs

    yield open_jobs
    for jobs in made:
        jobs.close()
        if jobs.child is not None:
            jobs.child.wait(timeout=30)


def crash(jobs):
    """What is left of a server that was killed: nothing follows the training any more."""
    jobs._closing.set()
    jobs._thread.join()
    jobs.child, jobs._job = jobs._child, None


def wait(jobs, *states, seconds=300, until=lambda told: True):
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        told = jobs.describe()
        if told["state"] in states and until(told):
            return told
        time.sleep(0.02)
    raise AssertionError(jobs.describe())


def wait_for_life(process, life):
    ends = time.monotonic() + 120
    while look_at(process) is not life and time.monotonic() < ends:
        time.sleep(0.02)
    assert look_at(process) is life


def read_job(folder):
    return json.loads((folder / ".segfit" / "jobs" / "1" / JOB_NAME).read_text())


def test_a_model_comes_of_it_and_the_next_training_goes_on_from_it(folder, open_jobs):
    jobs = open_jobs()
    assert jobs.describe()["state"] == "idle"
    jobs.start(settings=[*TINY, "--steps=3"])
    assert jobs.flushed
    told = wait(jobs, "finished")
    assert [step["step"] for step in told["curve"]] == [1, 2, 3]
    assert told["rounds"][-1]["iou"].keys() == {"sky", "cell"}
    assert told["share"] == 1
    shelf = ModelShelf(folder / ".segfit" / "models")
    model = shelf.current()
    assert (model.id, model.images, model.base, model.complete) == (1, 2, None, True)
    assert len(model.held_out) == 1
    assert set(model.held_out) | set(model.learned) == {"0", "1", "2"}
    assert read_model(shelf.path(1)).card.classes.names == ("sky", "cell")
    left = {path.name for path in (folder / ".segfit" / "jobs" / "1").iterdir()}
    assert left == {"job.json", "log.jsonl", "output.txt"}
    jobs.close()
    states = [told["state"] for told in jobs.told]
    assert states[0] == "preparing"
    assert states[-1] == "finished"
    base, reason = choose_base(model, find_labelled(folder), frozenset(model.held_out))
    assert base == model
    assert reason == "goes on from model 1"


@POSIX
def test_paused_left_by_its_server_killed_resumed_and_stopped(folder, open_jobs):
    jobs = open_jobs()
    jobs.start(settings=[*TINY, "--steps=800"])
    wait(jobs, "running", until=lambda told: told["rounds"])
    jobs.pause()
    process = jobs._job.process
    wait_for_life(process, Life.STOPPED)
    with pytest.raises(SegfitError, match="paused already"):
        jobs.start()
    crash(jobs)

    second = open_jobs()
    second.open()
    told = wait(second, "paused")
    assert told["can_continue"]
    second.resume()
    wait_for_life(process, Life.RUNNING)
    rounds = len(second.describe()["rounds"])
    wait(second, "running", until=lambda told: len(told["rounds"]) > rounds)
    assert second.previews

    rounds = len(second.describe()["rounds"])
    os.kill(process.pid, signal.SIGKILL)
    wait(second, "running", "preparing", until=lambda told: "ended" in told["message"])
    again = second._job.process
    assert again != process
    wait(second, "running", until=lambda told: len(told["rounds"]) > rounds)
    steps = [point["step"] for point in second.describe()["curve"]]
    assert steps == sorted(set(steps))

    second.stop()
    told = wait(second, "finished")
    assert look_at(again) is Life.GONE
    assert "Stopped. model 1 is ready" in told["message"]
    model = ModelShelf(folder / ".segfit" / "models").current()
    assert not model.complete
    # The best of those that were kept: a process may be killed between a round and its model.
    assert model.mean_iou in {one["mean_iou"] for one in told["rounds"]}


@pytest.fixture
def pretend(tmp_path):
    """A program in place of ``segfit``: ``BODY`` runs with ``place``, where the model belongs."""

    def pretend(body):
        script = tmp_path / "pretended.py"
        head = "import pathlib, sys, os, time, signal\nplace = pathlib.Path(sys.argv[4])\n"
        script.write_text(head + textwrap.dedent(body))
        return [sys.executable, str(script)]

    return pretend


def test_what_segfit_complains_of_is_passed_on(folder, open_jobs, pretend):
    jobs = open_jobs(program=pretend("sys.exit('segfit: the disk is full: free some space')"))
    jobs.start()
    told = wait(jobs, "failed")
    assert told["message"] == "the disk is full: free some space"
    assert told["can_continue"]
    jobs.resume()
    assert "disk is full" in wait(jobs, "failed")["message"]
    shutil.rmtree(folder / ".segfit" / "jobs" / "1" / "data")
    assert not jobs.describe()["can_continue"]
    with pytest.raises(SegfitError, match="nothing to go on from"):
        jobs.resume()


@POSIX
def test_a_training_that_is_killed_again_and_again_waits_for_a_person(folder, open_jobs, pretend):
    program = pretend(
        """
        place.with_name(place.name + ".checkpoint").touch()
        with (place.parent / "calls").open("a") as file:
            file.write(" ".join(sys.argv[5:]) + chr(10))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    jobs = open_jobs(program=program)
    jobs.start()
    told = wait(jobs, "failed")
    assert "memory ran out" in told["message"]
    assert told["can_continue"]
    calls = (folder / ".segfit" / "jobs" / "1" / "calls").read_text().splitlines()
    assert ["--resume" in call for call in calls] == [False, True, True]
    jobs.resume()
    wait(jobs, "failed")
    assert len((folder / ".segfit" / "jobs" / "1" / "calls").read_text().splitlines()) == 6


@POSIX
def test_a_server_that_ends_interrupts_the_training_and_the_next_one_resumes(
    folder, open_jobs, pretend
):
    program = pretend(
        """
        place.with_name(place.name + ".checkpoint").touch()
        signal.signal(signal.SIGINT, lambda *_: sys.exit(130))
        print("--resume" in sys.argv, flush=True)
        time.sleep(60)
        """
    )
    said = folder / ".segfit" / "jobs" / "1" / "output.txt"
    first = open_jobs(program=program)
    first.start()
    while "False" not in (said.read_text() if said.exists() else ""):
        time.sleep(0.02)
    process = first._job.process
    first.close()
    assert look_at(process) is Life.GONE
    assert read_job(folder)["outcome"] is None
    second = open_jobs(program=program)
    second.open()
    while "True" not in said.read_text():
        time.sleep(0.02)
    assert second.describe()["state"] == State.PREPARING
    second.stop()
    assert "no model" in wait(second, "idle")["message"]


def test_a_model_that_was_finished_while_no_server_was_there_is_taken_in(
    folder, open_jobs, pretend, tiny_model
):
    program = pretend(f"import shutil; time.sleep(0.5); shutil.copy({str(tiny_model)!r}, place)")
    first = open_jobs(program=program)
    first.start()
    crash(first)
    first.child.wait()
    second = open_jobs()
    second.open()
    wait(second, "finished")
    assert ModelShelf(folder / ".segfit" / "models").current().job == 1
    third = open_jobs()
    third.open()
    assert third.describe()["state"] == "finished"


def test_a_model_that_has_learned_nothing_is_kept_and_not_used(
    folder, open_jobs, pretend, tiny_model
):
    says = "segfit: not trained: no better than calling every pixel sky: give it more --minutes"
    program = pretend(f"import shutil; shutil.copy({str(tiny_model)!r}, place); sys.exit({says!r})")
    jobs = open_jobs(program=program)
    jobs.start()
    assert "not trained" in wait(jobs, "finished")["message"]
    shelf = ModelShelf(folder / ".segfit" / "models")
    assert [model.id for model in shelf.list_models()] == [1]
    assert shelf.current() is None


def test_what_labels_lack_is_said_and_nothing_is_begun(folder, open_jobs):
    for number in (1, 2):
        (folder / "masks" / f"{number}.png").unlink()
    jobs = open_jobs()
    with pytest.raises(SegfitError, match="label a second image"):
        jobs.start()
    assert jobs.describe()["state"] == "idle"
    assert not (folder / ".segfit" / "jobs").exists()


def test_a_disk_without_room_for_a_snapshot_is_said_and_nothing_is_left(
    folder, open_jobs, monkeypatch
):
    def refuse(*_):
        raise SegfitError("the disk is full")

    monkeypatch.setattr("segfit.studio.jobs.planning.write_snapshot", refuse)
    jobs = open_jobs()
    with pytest.raises(SegfitError, match="the disk is full"):
        jobs.start()
    assert jobs.describe()["state"] == "idle"
    assert list((folder / ".segfit").glob("jobs/*")) == []


def test_a_program_that_is_not_there_is_said(folder, open_jobs):
    jobs = open_jobs(program=[str(folder / "nothing")])
    with pytest.raises(SegfitError, match="cannot be started"):
        jobs.start()
    assert jobs.describe()["state"] == "failed"


def test_minutes_grow_with_the_data(folder):
    files = find_labelled(folder).files
    assert choose_minutes(files, goes_on=False) == 1.0
    assert choose_minutes(files * 27, goes_on=False) == 3.0
    assert choose_minutes(files * 27, goes_on=True) == 1.5
    assert choose_minutes(files * 3000, goes_on=False) == 30.0


def test_a_model_is_gone_on_from_only_where_that_makes_sense(folder, tiny_model):
    shelf = ModelShelf(folder / "models")
    copy = folder / "copy.segfit"
    copy.write_bytes(tiny_model.read_bytes())
    model = shelf.take_in(copy, made=0.0, images=1, minutes=1.0, learned=["0"])
    labelled = find_labelled(folder)
    assert "other classes" in choose_base(model, labelled, frozenset())[1]
    assert choose_base(None, labelled, frozenset()) == (None, "the first model")
