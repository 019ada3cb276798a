"""Trains models on the labels of a project: ``segfit train`` in a process of its own.

All that a training is lies in a folder, ``.segfit/jobs/N``: what it learns from, its log, its
checkpoint, the best model so far, and ``job.json``, which says what a person wants of it. So a
server that comes back after a crash finds the process and follows it, or goes on where it stood.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from segfit.errors import SegfitError
from segfit.studio.jobs.describing import describe_training, find_state, measure_time
from segfit.studio.jobs.endings import describe_end, describe_kill, read_complaint
from segfit.studio.jobs.following import TrainingFollower
from segfit.studio.jobs.job import (
    CHECKPOINT_NAME,
    DATA_NAME,
    LOG_NAME,
    MODEL_NAME,
    OUTPUT_NAME,
    PREVIEW_NAME,
    Job,
    State,
    Wish,
    clean_up,
    list_arguments,
    read_last_job,
    write_job,
)
from segfit.studio.jobs.models import KeptModel, ModelShelf
from segfit.studio.jobs.planning import plan_job
from segfit.studio.jobs.process import (
    Life,
    can_pause,
    interrupt,
    look_at_own,
    name_process,
    send,
    start_process,
)
from segfit.studio.jobs.snapshot import find_labelled

PROGRAM = (sys.executable, "-m", "segfit")
LOOK_SECONDS, TELL_SECONDS = 0.25, 1.0
PATIENCE_SECONDS = 10.0
"""For an interrupted training to end by itself."""
MOST_RESTARTS = 2
"""After so many sudden ends, without a round between them, a training waits for a person."""


class TrainingJobs:
    """Starts, follows and ends the trainings of a project; one at a time.

    ``flush`` writes all labels to files, ``wait`` until what reads models is loaded. ``on_change``
    is told what ``describe`` says, from any thread. ``on_preview`` gets the file of the best model
    so far whenever there is a better one, ``on_model`` a model that is finished. ``program``: what
    runs ``segfit``.
    """

    def __init__(
        self,
        folder: Path,
        jobs_folder: Path,
        shelf: ModelShelf,
        *,
        flush: Callable[[], None],
        wait: Callable[[], None],
        on_change: Callable[[dict[str, Any]], None],
        on_preview: Callable[[Path], None],
        on_model: Callable[[KeptModel], None],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._program = program
        self._folder, self._jobs_folder, self._shelf = folder, jobs_folder, shelf
        self._flush, self._wait, self._tell = flush, wait, on_change
        self._on_preview, self._on_model = on_preview, on_model
        self._lock = threading.RLock()
        self._job: Job | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._follower = TrainingFollower(Path())
        self._preparing = ""
        self._previewed_ns = 0
        self._rounds_before = 0
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Take up what the last server left: follow a training that runs, resume one that died."""
        with self._lock:
            self._job = read_last_job(self._jobs_folder)
            if self._job is None:
                return
            self._follower = TrainingFollower(self._place(LOG_NAME))
            self._follower.read()
            if self._job.outcome is None:
                self._write(restarts=0)
                self._watch()

    def close(self) -> None:
        """Interrupt a training that runs; it goes on from its last round when this is opened."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            job = self._job
            if job is None or job.process is None or job.outcome is not None:
                return
            interrupt(job.process)
            ends = time.monotonic() + PATIENCE_SECONDS
            while self._look() is not Life.GONE and time.monotonic() < ends:
                time.sleep(0.02)
            if self._look() is not Life.GONE:
                send(job.process, signal.SIGTERM)
                if self._child is not None:
                    self._child.wait()

    def describe(self) -> dict[str, Any]:
        """How the training stands, for pages."""
        with self._lock:
            state = self._state()
            told = describe_training(self._job, self._follower, state, preparing=self._preparing)
            can_continue = state is State.PAUSED or (
                state is State.FAILED and self._place(DATA_NAME).is_dir()
            )
            return {**told, "can_pause": can_pause(), "can_continue": can_continue}

    def needs(self, model: int) -> bool:
        """Whether a training that is not over goes on from a model."""
        with self._lock:
            job = self._job
            return job is not None and job.outcome is None and job.base == model

    def start(self, minutes: float | None = None, *, settings: Sequence[str] = ()) -> None:
        """Train on the labels as they are now.

        ``minutes``: None for those that the amount of data suggests, see ``choose_minutes``. Raises
        ``SegfitError`` where a training runs already, and where labels are missing for one.
        """
        with self._lock:
            if self._state() not in (State.IDLE, State.FAILED, State.FINISHED):
                raise SegfitError(
                    f"a training is {self._state().value} already: stop it first, or wait"
                )
            self._preparing = "reading the labels"
        self._announce()
        try:
            self._flush()
            labelled = find_labelled(self._folder)
            lack = labelled.describe_lack()
            if lack is not None:
                raise SegfitError(lack)
            if self._job is not None:
                clean_up(self._folder_of(self._job))
            job = plan_job(
                labelled,
                self._folder,
                self._jobs_folder,
                self._shelf,
                minutes=minutes,
                settings=settings,
            )
            with self._lock:
                self._job = job
                self._follower = TrainingFollower(self._place(LOG_NAME))
                self._previewed_ns = 0
                self._launch_or_fail()
                self._watch()
        finally:
            with self._lock:
                self._preparing = ""
            self._announce()

    def pause(self) -> None:
        """Let the training stand still; it loses nothing by it, and none of its minutes."""
        with self._lock:
            job = self._require(State.RUNNING)
            if not can_pause():
                raise SegfitError("a training cannot be paused on this system: stop it instead")
            self._write(wish=Wish.PAUSE, paused_at=time.time())
            assert job.process is not None
            send(job.process, signal.SIGSTOP)
        self._announce()

    def resume(self) -> None:
        """Go on with a training that is paused or has failed; from its checkpoint if it has one."""
        with self._lock:
            job = self._require(State.PAUSED, State.FAILED)
            if self._look() is Life.GONE:
                if job.outcome is not None and not self._place(DATA_NAME).is_dir():
                    raise SegfitError("this training left nothing to go on from: train anew")
                self._write(wish=Wish.RUN, outcome=None, message="", restarts=0)
                self._launch_or_fail()
            else:
                assert job.process is not None
                paused = 0.0 if job.paused_at is None else max(0.0, time.time() - job.paused_at)
                self._write(
                    wish=Wish.RUN,
                    paused_at=None,
                    paused_seconds=job.paused_seconds + paused,
                )
                send(job.process, signal.SIGCONT)
            self._watch()
        self._announce()

    def stop(self) -> None:
        """End the training; the best model so far is kept, if there was a round."""
        with self._lock:
            self._require(State.RUNNING, State.PAUSED)
            self._write(wish=Wish.STOP)
            self._watch()
        self._announce()

    def _launch_or_fail(self) -> None:
        try:
            self._launch()
        except SegfitError as error:
            self._fail(str(error))
            raise

    def _fail(self, message: str) -> None:
        """The training cannot go on here; said also where the disk does not take even that."""
        assert self._job is not None
        self._job = replace(self._job, outcome=State.FAILED, message=message)
        with suppress(SegfitError):
            self._write()

    def _launch(self) -> None:
        """Start the process, from the checkpoint where there is one."""
        job = self._job
        assert job is not None
        resumes = self._place(CHECKPOINT_NAME).is_file()
        base = None if job.base is None else self._shelf.path(job.base)
        arguments = list_arguments(job, self._folder_of(job), base=base, resumes=resumes)
        command = [*self._program, *arguments]
        try:
            self._child = start_process(command, self._place(OUTPUT_NAME))
        except OSError as error:
            raise SegfitError(f"the training cannot be started: {error.strerror}") from error
        self._rounds_before = len(self._follower.rounds)
        name = name_process(self._child.pid)
        self._write(
            pid=name.pid,
            started=name.started,
            launched_at=time.time(),
            paused_at=None,
            paused_seconds=0.0,
            learned_seconds=self._follower.seconds if resumes else 0.0,
        )

    def _watch(self) -> None:
        """Follow the training in a thread, until it has ended."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._follow, name="training", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        self._wait()
        told = 0.0
        stop_asked: float | None = None
        while not self._closing.is_set():
            with self._lock:
                job = self._job
                if job is None or job.outcome is not None:
                    return
                has_news = self._follower.read()
                life = self._look()
                if life is Life.GONE:
                    self._follower.read()
                    try:
                        self._conclude(job)
                    except SegfitError as error:
                        self._fail(str(error))
                    has_news = True
                elif job.wish is Wish.STOP and job.process is not None:
                    now = time.monotonic()
                    if stop_asked is None:
                        stop_asked = now
                        interrupt(job.process)
                    elif now > stop_asked + PATIENCE_SECONDS:
                        send(job.process, signal.SIGTERM)
                preview = self._find_preview()
                waits = self._job is not None and self._state() is State.PAUSED
                has_ended = self._job is None or self._job.outcome is not None
            if preview is not None and not has_ended:
                self._on_preview(preview)
            now = time.monotonic()
            if has_ended or (has_news and now > told + TELL_SECONDS):
                told = now
                self._announce()
            if waits and life is Life.GONE:
                return
            self._closing.wait(LOOK_SECONDS)

    def _conclude(self, job: Job) -> None:
        """Find out how a process has ended, and do what follows from it."""
        code = None if self._child is None else self._child.wait()
        self._child = None
        said = read_complaint(self._place(OUTPUT_NAME))
        kept = next((one for one in self._shelf.list_models() if one.job == job.number), None)
        if kept is not None:
            self._end(State.FINISHED, f"{kept.name} is ready.", kept)
        elif self._place(MODEL_NAME).is_file():
            has_learned = not (code == 1 and said)
            model = self._keep(MODEL_NAME, job, complete=True, into_use=has_learned)
            self._end(State.FINISHED, describe_end(model) if has_learned else said, model)
        elif job.wish is Wish.STOP:
            self._end_stopped(job)
        elif job.wish is Wish.PAUSE:
            self._write(pid=None, started="")
        elif code is not None and code > 0:
            self._end(State.FAILED, said or "The training ended without saying why.")
        else:
            self._start_again(job, describe_kill(code))

    def _start_again(self, job: Job, reason: str) -> None:
        """Go on after a sudden end, unless there was one after the other without a round."""
        restarts = job.restarts if len(self._follower.rounds) <= self._rounds_before else 0
        if restarts >= MOST_RESTARTS:
            self._end(State.FAILED, f"{reason} It was tried {restarts + 1} times.")
            return
        self._write(restarts=restarts + 1, message=f"{reason} It goes on from its last round.")
        self._launch()

    def _end_stopped(self, job: Job) -> None:
        if not self._place(PREVIEW_NAME).is_file():
            message = "Stopped before the first round was over: there is no model of it."
            self._end(State.IDLE, message)
            return
        model = self._keep(PREVIEW_NAME, job, complete=False)
        self._end(State.FINISHED, f"Stopped. {describe_end(model)}", model)

    def _keep(self, name: str, job: Job, *, complete: bool, into_use: bool = True) -> KeptModel:
        spent_seconds, _ = measure_time(job, self._follower)
        return self._shelf.take_in(
            self._place(name),
            into_use=into_use,
            made=time.time(),
            images=job.images,
            minutes=job.minutes if complete else round(spent_seconds / 60, 1),
            held_out=job.held_out,
            learned=job.learned,
            base=job.base,
            job=job.number,
            complete=complete,
        )

    def _end(self, outcome: State, message: str, model: KeptModel | None = None) -> None:
        self._write(outcome=outcome, message=message, model=None if model is None else model.id)
        if outcome is not State.FAILED:
            assert self._job is not None
            clean_up(self._folder_of(self._job))
        if model is not None:
            self._on_model(model)

    def _find_preview(self) -> Path | None:
        """The best model so far, where it is a better one than it was."""
        path = self._place(PREVIEW_NAME)
        with suppress(OSError):
            modified_ns = path.stat().st_mtime_ns
            if modified_ns != self._previewed_ns:
                self._previewed_ns = modified_ns
                return path
        return None

    def _look(self) -> Life:
        return look_at_own(None if self._job is None else self._job.process, self._child)

    def _state(self) -> State:
        return find_state(self._job, self._follower, is_preparing=bool(self._preparing))

    def _require(self, *states: State) -> Job:
        """The job, in one of these states, one that is being prepared counting as running."""
        state = self._state()
        is_launched = state is State.PREPARING and not self._preparing
        if self._job is None or (State.RUNNING if is_launched else state) not in states:
            raise SegfitError(f"the training is {state.value}: there is nothing to do here")
        return self._job

    def _announce(self) -> None:
        self._tell(self.describe())

    def _place(self, name: str) -> Path:
        return Path(name) if self._job is None else self._folder_of(self._job) / name

    def _folder_of(self, job: Job) -> Path:
        return self._jobs_folder / str(job.number)

    def _write(self, **changed: Any) -> None:
        """Change the job, also on the disk."""
        assert self._job is not None
        self._job = replace(self._job, **changed)
        write_job(self._folder_of(self._job), self._job)
