"""A batch in several processes: the same files as in one, and what becomes of a killed process."""

from __future__ import annotations

import pytest
from bright import Bright, count_done, draw_squares, read_results, run

import segfit.batch.processes
from segfit.batch.workers import Workers, choose_workers
from segfit.errors import SegfitError
from segfit.runtime.threads import count_threads

TWO = Workers(2, 1)


@pytest.fixture
def images(tmp_path):
    return draw_squares(tmp_path / "images")


def test_two_processes_write_the_same_files_and_a_killed_one_costs_its_image(images, tmp_path):
    run(images, tmp_path / "whole")
    whole, output = read_results(tmp_path / "whole"), tmp_path / "out"
    good = images[5].read_bytes()
    images[5].write_bytes(good[:60])
    progress = []
    report = run(
        images,
        output,
        Bright(kills_at=2),
        workers=TWO,
        on_progress=lambda *one: progress.append(one),
    )
    assert [one.path.name for one in report.failed] == ["2.png", "5.png"]
    assert "was killed, perhaps since memory ran out" in report.failed[0].reason
    assert "damaged" in report.failed[1].reason
    assert [row.path.name for row in report.done] == [f"{number}.png" for number in (0, 1, 3, 4, 6)]
    assert progress == [(number, 7) for number in range(1, 8)]
    images[5].write_bytes(good)
    assert run(images, output, workers=TWO).before == 5
    assert read_results(output) == whole
    assert count_done(output) == {f"{number}.png": 1 for number in range(7)}


def test_processes_that_all_end_stop_the_run(images, tmp_path, monkeypatch):
    monkeypatch.setattr(segfit.batch.processes, "SUDDEN_ENDS", 1)
    with pytest.raises(SegfitError, match="2 processes ended suddenly, one after the other"):
        run(images, tmp_path / "out", Bright(kills_at=-1), workers=TWO)


def test_processes_are_one_a_processor_where_they_pay():
    processors = count_threads()
    assert choose_workers("auto", files=10).count == 1
    assert choose_workers("auto", files=10_000) in (
        Workers(processors, 1), Workers(1, None)
    )  # fmt: skip
    assert choose_workers("auto", files=10_000, on_processor=False) == Workers(1, None)
    assert choose_workers("3", files=1, threads=2) == Workers(3, 2)
    assert choose_workers("1", files=100) == Workers(1, None)
    for wanted in ("0", "-1", "many", "1.5"):
        with pytest.raises(SegfitError, match="a number from 1, or auto"):
            choose_workers(wanted, files=1)
