"""A training of a project: how it stands, and what of it lies on the disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from segfit.basics.files import make_folder, write_file
from segfit.studio.jobs.process import ProcessName

JOB_NAME, OUTPUT_NAME, DATA_NAME = "job.json", "output.txt", "data"
LOG_NAME, MODEL_NAME, PREVIEW_NAME = "log.jsonl", "model.segfit", "preview.segfit"
CHECKPOINT_NAME = f"{MODEL_NAME}.checkpoint"


class State(StrEnum):
    """How a training stands."""

    IDLE = "idle"
    PREPARING = "preparing"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FAILED = "failed"
    FINISHED = "finished"


class Wish(StrEnum):
    """What a person wants of a training."""

    RUN = "run"
    PAUSE = "pause"
    STOP = "stop"


@dataclass(frozen=True)
class Job:
    """A training, as ``job.json`` has it.

    ``launched_at``, ``paused_at``: seconds since 1970; ``paused_seconds`` since it was launched,
    and ``learned_seconds`` before that. ``settings``: further arguments of ``segfit train``.
    ``outcome``: how it ended; None for one that has not.
    """

    number: int
    minutes: float
    images: int
    held_out: Sequence[str]
    learned: Sequence[str]
    base: int | None
    note: str
    settings: Sequence[str] = ()
    wish: Wish = Wish.RUN
    pid: int | None = None
    started: str = ""
    launched_at: float = 0.0
    paused_at: float | None = None
    paused_seconds: float = 0.0
    learned_seconds: float = 0.0
    restarts: int = 0
    outcome: State | None = None
    message: str = ""
    model: int | None = None

    @property
    def process(self) -> ProcessName | None:
        """The process that it ran in last."""
        return None if self.pid is None else ProcessName(self.pid, self.started)


def write_job(folder: Path, job: Job) -> None:
    """Keep a training in its folder."""
    make_folder(folder)
    write_file(folder / JOB_NAME, json.dumps(asdict(job)).encode(), force=True)


def list_arguments(job: Job, folder: Path) -> list[str]:
    """Arguments of ``segfit`` for a training, begun or resumed."""
    return [
        "train", str(folder / DATA_NAME), "-o", str(folder / MODEL_NAME),
        "--log", str(folder / LOG_NAME), "--preview", str(folder / PREVIEW_NAME),
    ]  # fmt: skip
