"""Before the first step of a training: everything that can be wrong is found, and the plan made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from segfit.basics.files import check_writable
from segfit.basics.progress import OnProgress
from segfit.datasets import LabelledData, open_labelled
from segfit.errors import SegfitError
from segfit.model.archive import ModelFile, read_model
from segfit.model.card import ModelCard
from segfit.model.shipped import find_model
from segfit.training.checkpoint import Checkpoint, Request, checkpoint_path
from segfit.training.plan.plan import Plan, make_plan

ABOUT = ("description", "data", "licence")
"""What the one who trains may say of the model on its card."""
LARGEST_SEED = (1 << 32) - 1


class Component(StrEnum):
    """What of a model is trained."""

    BOTH = "both"
    CLASSIFIER = "classifier"
    REGRESSOR = "regressor"

    @classmethod
    def _missing_(cls, value: object) -> Component:
        raise SegfitError(f"unknown component {value!r}: choose {', '.join(cls)}")


@dataclass(frozen=True)
class Preparation:
    """What is known before the first step: the data, the plan, and why it is so."""

    data: LabelledData
    plan: Plan
    reasons: tuple[str, ...]


def check_request(
    request: Request, target: Path, about: Mapping[str, str], *, resume: bool, force: bool
) -> None:
    """Raise ``SegfitError`` for a seed or a description that cannot be, and where nothing can be
    written.
    """
    if not 0 <= request.seed <= LARGEST_SEED:
        raise SegfitError(f"seed is a number from 0 to {LARGEST_SEED}, given {request.seed}")
    unknown = about.keys() - set(ABOUT)
    if unknown:
        raise SegfitError(
            f"description has no {', '.join(sorted(unknown))}: it has {', '.join(ABOUT)}"
        )
    check_writable(target, force=force)
    if checkpoint_path(target).exists() and not (resume or force):
        raise SegfitError(
            f"{checkpoint_path(target)} is left from an interrupted training: continue it with "
            "--resume, or begin anew with --force (in Python: resume=True or force=True)"
        )


def read_base(request: Request) -> ModelFile[ModelCard] | None:
    """The model whose classifier a regressor is to be trained for; None where there is none."""
    if request.component != "regressor" and request.base is not None:
        raise SegfitError(
            "a model is given whose classifier a regressor is to be trained for, and the component "
            f"to train is {request.component}: train the component regressor, or leave the model "
            "out"
        )
    return None if request.base is None else read_model(find_model(request.base))


def open_training_data(
    data: str | os.PathLike[str] | LabelledData,
    request: Request,
    base: ModelFile[ModelCard] | None,
    *,
    strict: bool,
    on_progress: OnProgress | None,
) -> LabelledData:
    """Open labelled data, unless it is open already; it must have both splits.

    Images are read by the channels that were asked for, else by those of the ``base``.
    """
    if not isinstance(data, LabelledData):
        data = open_labelled(
            data,
            strict=strict,
            seed=request.seed,
            split_objects=request.split_objects,
            channels=request.channels or (base.card.channels if base else None),
            on_progress=on_progress,
        )
    require_splits(data)
    return data


def require_splits(data: LabelledData) -> None:
    """Both splits are needed: one to learn from, one to choose by."""
    for split in ("train", "val"):
        if not data.splits.get(split):
            raise SegfitError(f"the data has no images in its {split} split: training needs them")


def require_classes(
    data: LabelledData, request: Request, base: ModelFile[ModelCard] | None
) -> None:
    """The model whose classifier a regressor is trained for must know the data's classes."""
    if base is not None and base.card.classes.names != data.classes.names:
        raise SegfitError(
            f"{request.base} tells {', '.join(base.card.classes.names)} apart, and the data "
            f"{', '.join(data.classes.names)}: give the data that the model was trained on"
        )


def prepare(
    data: LabelledData,
    *,
    saved: Checkpoint | None = None,
    plan: Mapping[str, Any] | None = None,
    minutes: float | None = None,
) -> Preparation:
    """The plan for new data; for a training that is resumed, the one it began with."""
    if saved is None:
        overrides = {**(plan or {}), **({"minutes": minutes} if minutes is not None else {})}
        chosen, reasons = make_plan(data.splits["train"], overrides=overrides)
        return Preparation(data, chosen, reasons)
    if plan or minutes is not None:
        raise SegfitError("a resumed training keeps its plan: leave the settings out")
    if saved.classes != list(data.classes.names):
        raise SegfitError(
            f"the checkpoint was made for the classes {', '.join(saved.classes)}, and the data "
            f"has {', '.join(data.classes.names)}: give the same data, or train anew"
        )
    if saved.images != list(data.splits["train"].names):
        raise SegfitError(
            f"the checkpoint was made on {len(saved.images)} training images, and these "
            f"{len(data.splits['train'])} are not the same: give the same data, or train anew"
        )
    return Preparation(data, Plan.model_validate(saved.plan), ("as the checkpoint has it",))


def begin_checkpoint(request: Request, prepared: Preparation) -> Checkpoint:
    """What a new training is; none of its components has a state yet."""
    return Checkpoint(
        request,
        plan=prepared.plan.model_dump(mode="json"),
        classes=list(prepared.data.classes.names),
        images=list(prepared.data.splits["train"].names),
        states={},
    )
