"""Labelled images in, a model file out."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from segfit.basics.files import check_writable
from segfit.basics.memory import keep_memory
from segfit.basics.progress import OnProgress
from segfit.basics.show import show_briefly
from segfit.datasets import LabelledData
from segfit.errors import SegfitError
from segfit.imaging.channels import Channels
from segfit.model.archive import ModelFile, write_model
from segfit.model.card import ModelCard, RefinerCard
from segfit.runtime.devices import DeviceKind
from segfit.runtime.torch import use_threads
from segfit.training.checkpoint import checkpoint_path, read_checkpoint
from segfit.training.clock import read_clock
from segfit.training.components import run_classifier, train_components
from segfit.training.data.material import (
    Material,
    Shrinking,
    plan_shrinking,
    shrink_images,
)
from segfit.training.data.shrunk import ShrunkImages
from segfit.training.distributed import (
    Team,
    find_number,
    open_team,
    require_one_process,
    round_up,
)
from segfit.training.events import ClassifierRound, OnEvent, ignore_event
from segfit.training.placement import find_placement
from segfit.training.plan.plan import Plan
from segfit.training.preparation import (
    Component,
    Preparation,
    begin_checkpoint,
    check_request,
    open_training_data,
    prepare,
    read_base,
    require_classes,
    settle_request,
)
from segfit.training.session import TrainingSession
from segfit.training.torch_state import use_seed

CLOSING_SECONDS = 5.0
"""Kept free of a training's minutes: importing torch before, exporting and writing after."""
FEWEST_SECONDS = 2.0
"""Time for learning below which a training is not begun."""
READING_SHARE = 0.25
"""Of the minutes, for reading the images, above which it is said."""


@dataclass(frozen=True)
class TrainingResult:
    """A finished training: the model's file and card, and the validations on the way.

    ``notes``: what to tell the user of it, in full sentences. ``failure``: of a model that is no
    better than calling every pixel the most frequent class, what to do; else empty.
    """

    path: Path
    card: ModelCard | RefinerCard
    rounds: tuple[ClassifierRound, ...]
    notes: tuple[str, ...] = ()
    failure: str = ""

    __repr__ = show_briefly


def train(
    data: str | os.PathLike[str] | LabelledData,
    output: str | os.PathLike[str],
    *,
    component: str | None = None,
    base: str | os.PathLike[str] | None = None,
    minutes: float | None = None,
    plan: Mapping[str, Any] | None = None,
    seed: int | None = None,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    split_objects: bool = False,
    channels: Channels | None = None,
    threads: int | None = None,
    device: str = DeviceKind.AUTO,
    description: Mapping[str, str] | None = None,
    preview: str | os.PathLike[str] | None = None,
    on_data: OnProgress | None = None,
    on_prepared: Callable[[Preparation], None] | None = None,
    on_event: OnEvent | None = None,
) -> TrainingResult:
    """Train on labelled images and write a model to ``output``.

    ``component``: the classifier, which says what is where; the regressor, which moves outlines to
    where they really are; or both in turn, as without it, where the regressor is left out if it
    improves nothing on the validation images. ``base``: a model (a shipped one's name or a file)
    that training goes on from, with its network and its resolution; classes are those of the data,
    matched by name. A regressor alone moves the outlines of the classifier of ``base``, or without
    ``base`` those of any mask: the file is then a refiner, see ``segfit.load_refiner``.

    ``data``: what ``segfit.datasets.open_labelled`` gave, or opens by ``strict`` and
    ``split_objects``. ``channels``: of the images that it looks at, see ``read_image``; the model
    keeps them. ``minutes``: wall clock, from opening the data to the written file. ``plan``:
    settings by the names of ``Plan``, instead of those chosen from the data. ``seed``: 0, if not
    given. ``resume``: continue from the checkpoint that lies beside ``output`` after an
    interruption, as it began: what contradicts that is refused. ``description``: the card's
    ``description``, ``data`` and ``licence``. ``preview``: a file that holds the best classifier so
    far while it is trained, renewed after each round that was better and removed at the end.

    ``device``: what the networks learn on, such as "cpu", "cuda" or "cuda:1"; "auto" is a card that
    torch can use, else the processor, see ``choose_torch_device``. Processes that ``torchrun`` has
    started train the classifier together, each on a card of its own: all of them call this alike,
    the first one writes, and all return what it returns.

    Images that are much larger than the networks look at are shrunk once; they lie beside
    ``output`` until the end. A classifier that has learned nothing gets no regressor where the
    minutes are given, and the result says so, see ``TrainingResult.failure``.

    Torch's threads and random numbers are afterwards as they were. Raises ``SegfitError`` for data,
    settings or files that cannot be used, before any training.
    """
    began, target, about = read_clock(), Path(output), description or {}
    placement, place = find_placement(device, threads=threads, number=find_number())
    saved = read_checkpoint(checkpoint_path(target)) if resume else None
    request = settle_request(
        saved,
        component=component,
        base=base,
        seed=seed,
        split_objects=split_objects,
        channels=channels,
    )
    check_request(request, target, about, resume=resume, force=force)
    if preview is not None:
        check_writable(preview, force=True)
    given = read_base(request)
    initial = given.card if given and request.component != Component.REGRESSOR else None
    is_refiner = request.component == Component.REGRESSOR and given is None
    if request.component == Component.REGRESSOR:
        require_one_process()
    with (
        open_team(placement.device) as team,
        use_threads(team.share_threads(threads)),
        use_seed(request.seed, placement.device),
        keep_memory(),
        ShrunkImages(team.name_own(target)) as shrunk,
    ):
        opened = open_training_data(
            data,
            request,
            given,
            strict=strict,
            on_progress=on_data,
            on_reading=None if is_refiner else shrunk.keep_view,
        )
        require_classes(opened, request, given)
        opening_seconds = read_clock() - began
        prepared = prepare(opened, saved=saved, initial=initial, plan=plan, minutes=minutes)
        prepared = share_batches(prepared, team, chosen=not (saved or "batch" in (plan or {})))
        prepared = replace(prepared, reasons=(*prepared.reasons, *([place] if place else [])))
        scaling = prepared.plan.scaling if given is None else given.card.scaling
        shrinking = None if is_refiner else plan_shrinking(opened, scaling, shrunk)
        prepared = describe_reading(prepared, shrinking, shrunk, opening_seconds)
        if on_prepared is not None:
            on_prepared(prepared)
        material = Material(opened, scaling)
        if shrinking is not None:
            material = shrink_images(opened, scaling, shrinking, shrunk)
        checkpoint = saved or begin_checkpoint(request, prepared)
        session = TrainingSession(
            prepared,
            material,
            checkpoint,
            checkpoint_path(target),
            on_event or ignore_event,
            placement,
            team,
            None if preview is None else Path(preview),
        )
        spent_seconds = read_clock() - began
        check_budget(prepared.plan, spent_seconds)
        if not team.is_leader:
            return follow_leader(session, given)
        trained = train_components(
            session,
            given,
            budget_seconds=prepared.plan.minutes * 60 - CLOSING_SECONDS - spent_seconds,
            name=target.stem,
            about=about,
        )
        write_model(trained.model, target, force=force)
        session.path.unlink(missing_ok=True)
        if session.preview is not None:
            session.preview.unlink(missing_ok=True)
        return team.agree(
            TrainingResult(
                target, trained.model.card, trained.rounds, trained.notes, trained.failure
            )
        )


def share_batches(prepared: Preparation, team: Team, *, chosen: bool) -> Preparation:
    """See to it that a team can share batches equally.

    ``chosen``: whether the batch is the plan's own choice, which may grow; one that was asked for
    raises ``SegfitError`` where it cannot be shared.
    """
    batch = round_up(prepared.plan.batch, team.size)
    if batch == prepared.plan.batch or not chosen:
        team.check_batch(prepared.plan.batch)
        return prepared
    return replace(
        prepared,
        plan=prepared.plan.model_copy(update={"batch": batch}),
        reasons=(*prepared.reasons, f"batch is {batch}, for {team.size} processes to share"),
    )


def follow_leader(session: TrainingSession, base: ModelFile[ModelCard] | None) -> TrainingResult:
    """Train the classifier along with the leader, which does all the rest; returns its result."""
    run_classifier(session, base, budget_seconds=None)
    result: TrainingResult | None = session.team.agree(None)
    assert result is not None
    return result


def describe_reading(
    prepared: Preparation,
    shrinking: Shrinking | None,
    shrunk: ShrunkImages,
    opening_seconds: float,
) -> Preparation:
    """Add what reading the images costs to the reasons; ``opening_seconds``: of reading them once.

    Raises ``SegfitError`` where nothing is left of the minutes.
    """
    reasons = list(prepared.reasons)
    reading_seconds = opening_seconds
    if shrinking is not None and shrinking.is_needed:
        reasons.append(shrinking.describe(shrunk))
        reading_seconds *= 1 + shrinking.missing / len(shrinking.sizes)
    check_budget(prepared.plan, opening_seconds)
    seconds = prepared.plan.minutes * 60
    if prepared.plan.steps is None and reading_seconds > READING_SHARE * seconds:
        reasons.append(
            f"of the {seconds:.0f} s, reading the images takes about {reading_seconds:.0f} s, and "
            f"writing the model {CLOSING_SECONDS:.0f} s: "
            f"--minutes {advise_minutes(reading_seconds)} would leave more for learning"
        )
    return replace(prepared, reasons=tuple(reasons))


def check_budget(plan: Plan, spent_seconds: float) -> None:
    """Raise ``SegfitError`` where reading the images has left no time to learn from them."""
    seconds = plan.minutes * 60
    if plan.steps is None and spent_seconds + CLOSING_SECONDS + FEWEST_SECONDS > seconds:
        raise SegfitError(
            f"{plan.minutes:g} minutes are too few: reading the images takes {spent_seconds:.0f} s "
            f"and writing the model {CLOSING_SECONDS:.0f} s: give --minutes "
            f"{advise_minutes(spent_seconds)} or more"
        )


def advise_minutes(reading_seconds: float) -> int:
    """Minutes of which most are for learning."""
    return max(1, math.ceil((CLOSING_SECONDS + 4 * reading_seconds) / 60))
