"""What a training is to be: how long, from which model on, what is to be known of its labels."""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

from segfit.basics.text import list_first
from segfit.errors import SegfitError
from segfit.studio.jobs.job import DATA_NAME, Job, list_numbers, write_job
from segfit.studio.jobs.models import KeptModel, ModelShelf
from segfit.studio.jobs.snapshot import (
    Labelled,
    LabelledFile,
    choose_held_out,
    describe_snapshot,
    write_snapshot,
)

LEAST_MINUTES, MOST_MINUTES = 1.0, 30.0
USUAL_MINUTES, USUAL_IMAGES = 1.5, 20
FROM_SHARE = 0.5
"""Of these minutes, for a model that goes on from another one."""
READING_BYTES_PER_SECOND = 10e6
READING_TIMES = 4
"""The minutes are so many times what reading the images' files takes, at least."""
GROWN = 2.0
"""With more than so many times the images that the last model had, a training begins anew."""


def plan_job(
    labelled: Labelled,
    folder: Path,
    jobs_folder: Path,
    shelf: ModelShelf,
    *,
    minutes: float | None,
    settings: Sequence[str],
) -> Job:
    """Lay out what a new training learns from, in a folder of its own below ``jobs_folder``.

    ``folder``: of the project. ``minutes``: None for those that the amount of data suggests.
    """
    models = shelf.list_models()
    before = {name for model in models for name in model.held_out}
    learned = {name for model in models for name in model.learned}
    held_out = choose_held_out(labelled.files, before=before, learned=learned)
    base, reason = choose_base(shelf.current(), labelled, held_out)
    number = 1 + max(list_numbers(jobs_folder), default=0)
    place = jobs_folder / str(number)
    try:
        write_snapshot(folder, labelled.files, held_out, place / DATA_NAME)
    except SegfitError:
        shutil.rmtree(place, ignore_errors=True)
        raise
    own = {file.name for file in labelled.files} - held_out
    job = Job(
        number=number,
        minutes=minutes or choose_minutes(labelled.files, goes_on=base is not None),
        images=len(own),
        held_out=sorted(held_out),
        learned=sorted(own | (set(base.learned) if base else set())),
        base=None if base is None else base.id,
        note=" ".join([f"{describe_snapshot(labelled.files, held_out)}; {reason}.",
                       *list_notes(labelled)]),
        settings=tuple(settings),
    )  # fmt: skip
    write_job(place, job)
    return job


def choose_minutes(files: Sequence[LabelledFile], *, goes_on: bool) -> float:
    """Minutes of a training: 1.5 for 20 images, by the root of their number, from 1 to 30.

    Half of that where it goes on from a model, and four times what reading the files takes, at
    least.
    """
    minutes = USUAL_MINUTES * math.sqrt(len(files) / USUAL_IMAGES) * (FROM_SHARE if goes_on else 1)
    reading_seconds = sum(file.image.stat().st_size for file in files) / READING_BYTES_PER_SECOND
    minutes = max(LEAST_MINUTES, minutes, READING_TIMES * reading_seconds / 60)
    return round(min(MOST_MINUTES, minutes), 1)


def choose_base(
    current: KeptModel | None, labelled: Labelled, held_out: frozenset[str]
) -> tuple[KeptModel | None, str]:
    """The model that a training goes on from, None to begin anew; and why.

    It has to know two of the classes, to tell objects of the same ones apart, never to have seen
    what is held out, and to have learned from half as many images at least.
    """
    names = labelled.classes.names
    if current is None:
        return None, "the first model"
    if current.complete is False and current.mean_iou is None:
        return None, "begun anew"
    if len(set(names) & set(current.classes)) < 2:
        return None, f"begun anew, as {current.name} knows other classes"
    objects = {names[index] for index in labelled.classes.object_classes}
    if objects & set(current.classes) != set(current.object_classes) & set(names):
        return None, f"begun anew, as {current.name} tells other objects apart"
    if held_out & set(current.learned):
        return None, f"begun anew, as {current.name} has seen images that are to measure by"
    if len(labelled.files) - len(held_out) > GROWN * current.images:
        return None, f"begun anew, as {current.name} had learned from {current.images}"
    new = [name for name in names if name not in current.classes]
    return current, f"goes on from {current.name}" + (f"; new: {list_first(new)}" if new else "")


def list_notes(labelled: Labelled) -> list[str]:
    """What a person should know of the labels that a training learns from."""
    unlabelled = labelled.list_unlabelled()
    notes = []
    if unlabelled:
        notes.append(f"Nothing is labelled {list_first(unlabelled)} yet: it cannot be learned.")
    if labelled.unreadable:
        notes.append(f"Left out: {list_first(labelled.unreadable, limit=2)}.")
    return notes
