"""How a training stands, as pages are told."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from segfit.studio.jobs.following import TrainingFollower
from segfit.studio.jobs.job import Job, State, Wish


def describe_training(
    job: Job | None, follower: TrainingFollower, state: State, *, preparing: str
) -> dict[str, Any]:
    """State, share, curve, rounds and what is to be said.

    ``preparing``: what is done before there is a job; empty where nothing is.
    """
    step, steps = follower.steps[-1][:2] if follower.steps else (0, 0)
    spent, total = (0.0, 0.0) if job is None else measure_time(job, follower)
    is_over = job is None or job.outcome is not None
    share = 1.0 if state is State.FINISHED else 0.0
    if not is_over and total > 0:
        share = min(0.99, spent / total)
    return {
        "state": state.value,
        "share": share,
        "seconds_left": None if is_over or total == 0 else max(0.0, total - spent),
        "step": step,
        "steps": steps,
        "curve": [{"step": at, "loss": loss} for at, loss in follower.list_curve()],
        "rounds": [asdict(one) for one in follower.rounds],
        "message": preparing or _describe_job(job, follower, state),
        "model": None if job is None else job.model,
    }


def find_state(job: Job | None, follower: TrainingFollower, *, is_preparing: bool) -> State:
    """How it stands; ``is_preparing``: what a training learns from is being laid out."""
    if is_preparing:
        return State.PREPARING
    if job is None:
        return State.IDLE
    if job.outcome is not None:
        return job.outcome
    if job.wish is Wish.PAUSE:
        return State.PAUSED
    if job.wish is Wish.STOP:
        return State.STOPPING
    return State.RUNNING if follower.steps else State.PREPARING


def measure_time(job: Job, follower: TrainingFollower) -> tuple[float, float]:
    """Seconds that a training has taken, and will take in all; 0 where nobody knows."""
    if follower.minutes is None and follower.steps:
        step, steps, _ = follower.steps[-1]
        seconds_each = follower.seconds / max(1, step)
        return step * seconds_each, steps * seconds_each
    now = time.time() if job.paused_at is None else job.paused_at
    here = max(0.0, now - job.launched_at - job.paused_seconds)
    return job.learned_seconds + here, job.minutes * 60


def _describe_job(job: Job | None, follower: TrainingFollower, state: State) -> str:
    if job is None:
        return ""
    if job.message:
        return job.message
    if state is State.RUNNING and follower.is_refining:
        return f"refining the outlines; {job.note}"
    return job.note
