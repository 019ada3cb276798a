"""Labelled images in, a model file out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segfit.basics.progress import OnProgress
from segfit.basics.show import show_briefly
from segfit.datasets import LabelledData
from segfit.imaging.channels import Channels
from segfit.model.archive import write_model
from segfit.model.card import ModelCard, RefinerCard
from segfit.runtime.torch import use_threads
from segfit.training.checkpoint import Request, checkpoint_path, read_checkpoint
from segfit.training.components import train_components
from segfit.training.events import ClassifierRound, OnEvent, ignore_event
from segfit.training.preparation import (
    Component,
    Preparation,
    begin_checkpoint,
    check_request,
    open_training_data,
    prepare,
    read_base,
    require_classes,
)
from segfit.training.session import TrainingSession
from segfit.training.torch_state import use_seed

CLOSING_SECONDS = 8.0
"""Kept free of a training's minutes: importing torch before, exporting and writing after."""


@dataclass(frozen=True)
class TrainingResult:
    """A finished training: the model's file and card, and the validations on the way.

    ``notes``: what to tell the user of it, in full sentences.
    """

    path: Path
    card: ModelCard | RefinerCard
    rounds: tuple[ClassifierRound, ...]
    notes: tuple[str, ...] = ()

    __repr__ = show_briefly


def train(
    data: str | os.PathLike[str] | LabelledData,
    output: str | os.PathLike[str],
    *,
    component: str = Component.BOTH,
    base: str | os.PathLike[str] | None = None,
    minutes: float | None = None,
    plan: Mapping[str, Any] | None = None,
    seed: int = 0,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    split_objects: bool = False,
    channels: Channels | None = None,
    threads: int | None = None,
    description: Mapping[str, str] | None = None,
    on_data: OnProgress | None = None,
    on_prepared: Callable[[Preparation], None] | None = None,
    on_event: OnEvent | None = None,
) -> TrainingResult:
    """Train on labelled images and write a model to ``output``.

    ``component``: the classifier, which says what is where; the regressor, which moves outlines to
    where they really are; or both in turn, where the regressor is left out if it improves nothing
    on the validation images. A regressor alone moves the outlines of the classifier of ``base`` (a
    shipped model's name or a file), or without ``base`` those of any mask: the file is then a
    refiner, see ``segfit.load_refiner``. ``data``: what ``segfit.datasets.open_labelled`` gave, or
    opens by ``strict`` and ``split_objects``. ``channels``: of the images that it looks at, see
    ``read_image``; the model keeps them. ``minutes``: wall clock, from opening the data to the
    written file. ``plan``: settings by the names of ``Plan``, instead of those chosen from the
    data. ``resume``: continue from the checkpoint that lies beside ``output`` after an
    interruption. ``description``: the card's ``description``, ``data`` and ``licence``.

    Torch's threads and random numbers are afterwards as they were. Raises ``SegfitError`` for data,
    settings or files that cannot be used, before any training.
    """
    began, target, about = time.perf_counter(), Path(output), description or {}
    component = Component(component).value
    request = Request(
        component, None if base is None else os.fspath(base), seed, split_objects, channels
    )
    check_request(request, target, about, resume=resume, force=force)
    saved = read_checkpoint(checkpoint_path(target)) if resume else None
    request = saved.request if saved else request
    given = read_base(request)
    with use_threads(threads), use_seed(request.seed):
        opened = open_training_data(data, request, given, strict=strict, on_progress=on_data)
        prepared = prepare(opened, saved=saved, plan=plan, minutes=minutes)
        require_classes(opened, request, given)
        if on_prepared is not None:
            on_prepared(prepared)
        checkpoint = saved or begin_checkpoint(request, prepared)
        session = TrainingSession(
            prepared, checkpoint, checkpoint_path(target), on_event or ignore_event
        )
        budget_seconds = prepared.plan.minutes * 60 - CLOSING_SECONDS
        budget_seconds -= time.perf_counter() - began
        trained = train_components(
            session, given, budget_seconds=budget_seconds, name=target.stem, about=about
        )
        write_model(trained.model, target, force=force)
    session.path.unlink(missing_ok=True)
    return TrainingResult(target, trained.model.card, trained.rounds, trained.notes)
