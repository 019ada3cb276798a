"""A training of a project: how it stands, and what of it lies on the disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from segfit.basics.files import make_folder, write_file
from segfit.studio.jobs.process import ProcessName

JOB_NAME, OUTPUT_NAME, DATA_NAME = "job.json", "output.txt", "data"
LOG_NAME, MODEL_NAME, PREVIEW_NAME = "log.jsonl", "model.segfit", "preview.segfit"
CHECKPOINT_NAME = f"{MODEL_NAME}.checkpoint"

HARMLESS = ("--batch=", "--component=", "--set=", "--steps=", "--threads=")
"""What a training may be told beyond its minutes: none of these names a file."""


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


def list_arguments(job: Job, folder: Path, *, base: Path | None, resumes: bool) -> list[str]:
    """Arguments of ``segfit`` for a training; ``base``: the model that it goes on from."""
    arguments = [
        "train", str(folder / DATA_NAME), "-o", str(folder / MODEL_NAME),
        "--log", str(folder / LOG_NAME), "--preview", str(folder / PREVIEW_NAME),
    ]  # fmt: skip
    if resumes:
        return [*arguments, "--resume"]
    begins = [] if base is None else ["--from", str(base)]
    return [*arguments, "--force", "--minutes", f"{job.minutes:g}", *begins, *job.settings]


def read_last_job(jobs_folder: Path) -> Job | None:
    """The last training of those that lie in a folder; one that cannot be read is passed over."""
    numbers = list_numbers(jobs_folder)
    for number in sorted(numbers, reverse=True):
        with suppress(OSError, ValueError, TypeError):
            content = json.loads((jobs_folder / str(number) / JOB_NAME).read_text("utf-8"))
            wish, outcome = Wish(content.pop("wish")), content.pop("outcome")
            if not all(text.startswith(HARMLESS) for text in content.get("settings", ())):
                continue  # a folder may come from anybody, and segfit train writes where it is told
            return Job(**content, wish=wish, outcome=outcome and State(outcome))
    return None


def list_numbers(jobs_folder: Path) -> list[int]:
    """Numbers of the trainings that lie in a folder."""
    if not jobs_folder.is_dir():
        return []
    return [int(path.name) for path in jobs_folder.iterdir() if path.name.isdigit()]


def clean_up(folder: Path) -> None:
    """Remove what only a training that goes on would need."""
    shutil.rmtree(folder / DATA_NAME, ignore_errors=True)
    shutil.rmtree(folder / f"{MODEL_NAME}.images", ignore_errors=True)
    for name in (CHECKPOINT_NAME, PREVIEW_NAME):
        (folder / name).unlink(missing_ok=True)
