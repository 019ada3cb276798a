from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from segfit.errors import SegfitError
from segfit.training.events import BoxRound, ClassifierRound, EdgeRound, OutlineRound, Step
from segfit.training.log import TrainingLog

STEP = Step(step=1, steps=2, loss=0.5, learning_rate=1e-3, seconds=0.1)
ROUND = ClassifierRound(
    step=2,
    steps=2,
    mean_iou=0.5,
    pixel_accuracy=0.75,
    iou=(0.5, float("nan")),
    best_mean_iou=0.5,
    seconds=0.2,
)


def read_lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_line_is_on_disk_once_it_is_written(tmp_path):
    path = tmp_path / "log.jsonl"
    with TrainingLog(path) as log:
        assert not path.exists()
        log.write_event(STEP, ("a", "b"))
        assert read_lines(path) == [
            {
                "event": "step",
                "step": 1,
                "steps": 2,
                "loss": 0.5,
                "learning_rate": 1e-3,
                "seconds": 0.1,
            }
        ]
        log.write_event(ROUND, ("a", "b"))
        assert read_lines(path)[1]["event"] == "round"
        assert read_lines(path)[1]["iou"] == {"a": 0.5, "b": None}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (STEP, "step"),
        (ROUND, "round"),
        (OutlineRound(1, 2, 0.1, 2.0, 1.5, 0.8, 0.9, 0.7), "outlines"),
        (BoxRound(1, 2, 0.1, 0.7, 0.8, 2.0, 1.5, 0.7), "boxes"),
        (EdgeRound(1, 2, 0.1, 0.25), "edges"),
    ],
)
def test_every_event_is_written_under_its_kind(tmp_path, event, kind):
    with TrainingLog(tmp_path / "log.jsonl") as log:
        log.write_event(event, ("a", "b"))
    (line,) = read_lines(tmp_path / "log.jsonl")
    assert line.pop("event") == kind
    assert line.keys() == asdict(event).keys()


def test_an_existing_log_is_kept_unless_asked(tmp_path):
    path = tmp_path / "log.jsonl"
    with TrainingLog(path) as log:
        log.write_event(STEP, ())
    with pytest.raises(SegfitError, match="exists already"):
        TrainingLog(path)
    with TrainingLog(path, resume=True) as log:
        log.write_event(STEP, ())
    assert len(read_lines(path)) == 2
    with TrainingLog(path, force=True) as log:
        log.write_event(STEP, ())
    assert len(read_lines(path)) == 1


def test_a_log_in_no_folder_is_refused(tmp_path):
    with pytest.raises(SegfitError, match="does not exist: create it"):
        TrainingLog(tmp_path / "no" / "log.jsonl")
