"""The pipeline itself: order, failures, and what runs beside what."""

import threading
from pathlib import Path

import pytest

from segfit.batch.record import RunRecord
from segfit.batch.run import (
    READ_AHEAD,
    WRITTEN_BEHIND,
    BatchReport,
    FailedImage,
    run_batch,
)
from segfit.batch.steps import Steps, Written
from segfit.errors import SegfitError

PATHS = [Path(name) for name in "abcdef"]


def run(paths=PATHS, *, read=lambda path: path.name, apply=str.upper, write=None, **options):
    def write_row(path, files, found, seconds):
        return Written(found if write is None else write(path, found, seconds))

    files = {path: {} for path in paths}
    with RunRecord(Path(), None, files) as record:
        return run_batch(files, Steps(read, apply, write_row), record=record, **options)


def test_every_file_goes_through_all_three_steps_in_order():
    progress = []
    report = run(on_progress=lambda done, total: progress.append((done, total)))
    assert report.done == tuple("ABCDEF")
    assert progress == [(number, 6) for number in range(1, 7)]
    assert report.failed == ()
    assert report.seconds > 0


@pytest.mark.parametrize("step", ["read", "apply", "write"])
def test_a_failure_at_any_step_is_that_file_s_alone(step):
    def refuse(given, *others):
        if str(given).lower() == "c":
            raise SegfitError("c is bad")
        return given if step != "read" else given.name

    report = run(**{step: refuse})
    assert report.failed == (FailedImage(Path("c"), "c is bad"),)
    assert [str(done).lower() for done in report.done] == list("abdef")


def test_another_exception_is_no_failure_of_a_file():
    def crash(given):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(apply=crash)


def test_no_files_give_an_empty_report():
    report = run([])
    assert isinstance(report, BatchReport)
    assert (report.done, report.failed) == ((), ())


def test_reading_and_writing_run_beside_the_work_and_not_far_from_it():
    """The second file is read before the first is done; no more than is allowed is unwritten."""
    second_is_read, may_write = threading.Event(), threading.Event()
    read_names, applied, written = [], [], []

    def read(path):
        read_names.append(path.name)
        if path.name == "b":
            second_is_read.set()
        return path.name

    def apply(name):
        assert second_is_read.wait(timeout=20)
        assert len(read_names) - len(applied) <= 1 + READ_AHEAD
        applied.append(name)
        assert len(applied) - len(written) <= 2 + WRITTEN_BEHIND
        if len(applied) > WRITTEN_BEHIND:
            may_write.set()
        return name

    def write(path, found, seconds):
        assert may_write.wait(timeout=20)
        written.append(found)
        return found

    assert run(read=read, apply=apply, write=write).done == tuple("abcdef")
