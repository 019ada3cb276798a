"""Trainings as they lie in a folder."""

import json

import pytest

from segfit.studio.jobs.job import JOB_NAME, Job, read_last_job, write_job

JOB = Job(1, 3.0, 4, ["a.png"], ["b.png"], None, "a note", settings=["--set=batch=2", "--steps=9"])


def test_a_training_is_read_as_it_was_written(tmp_path):
    assert read_last_job(tmp_path) is None
    write_job(tmp_path / "1", JOB)
    assert read_last_job(tmp_path) == JOB


@pytest.mark.parametrize(
    "settings",
    [["-o", "elsewhere.segfit"], ["--output=elsewhere"], ["--steps=9", "--log=elsewhere"], ["x"]],
)
def test_a_folder_that_came_from_elsewhere_says_not_where_a_training_writes(tmp_path, settings):
    write_job(tmp_path / "1", JOB)
    path = tmp_path / "1" / JOB_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), "settings": settings}))
    assert read_last_job(tmp_path) is None
