"""Before the first step of a training: everything that can be wrong is found, and the plan made."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from segfit.basics.files import check_writable
from segfit.basics.progress import OnProgress
from segfit.datasets import LabelledData, open_labelled
from segfit.datasets.labelled import OnReading
from segfit.errors import SegfitError
from segfit.imaging.channels import check_channels, choose_channels
from segfit.model.archive import ModelFile, read_model
from segfit.model.card import ModelCard, ScribbleCard
from segfit.model.shipped import find_model
from segfit.training.checkpoint import Checkpoint, Request, checkpoint_path
from segfit.training.finetuning import describe_start, inherit_plan
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


def settle_request(
    saved: Checkpoint | None,
    *,
    component: str | None,
    base: str | os.PathLike[str] | None,
    seed: int | None,
    split_objects: bool,
    channels: tuple[int, ...] | None,
) -> Request:
    """What is asked for, by default both components with seed 0; a resumed training keeps its own.

    Raises ``SegfitError`` where something else is asked of one that is resumed.
    """
    given: dict[str, Any] = {
        "component": None if component is None else Component(component).value,
        "base": None if base is None else os.fspath(base),
        "seed": seed,
        "split_objects": split_objects or None,
        "channels": None if channels is None else check_channels(channels),
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    if saved is None:
        return Request(**{"component": Component.BOTH.value, "base": None, "seed": 0, **chosen})
    kept = asdict(saved.request)
    for name, value in chosen.items():
        if kept[name] != value:
            option = "--" + ("from" if name == "base" else name.replace("_", "-"))
            has = "none" if kept[name] is None else kept[name]
            raise SegfitError(
                f"{option} is {value}, and the training that is resumed has {has}: leave {option} "
                "out, or begin anew with --force instead of --resume"
            )
    return saved.request


def read_base(request: Request) -> ModelFile[ModelCard] | None:
    """The model that training goes on from, or whose classifier a regressor is trained for."""
    if request.base is None:
        return None
    base = read_model(find_model(request.base))
    if isinstance(base.card, ScribbleCard):
        raise SegfitError(
            f"{request.base} was fitted to strokes and has no network to go on from: leave --from "
            "out, or give a model that segfit train made"
        )
    return base


def open_training_data(
    data: str | os.PathLike[str] | LabelledData,
    request: Request,
    base: ModelFile[ModelCard] | None,
    *,
    strict: bool,
    on_progress: OnProgress | None,
    on_reading: OnReading | None = None,
) -> LabelledData:
    """Open labelled data, unless it is open already; it must have both splits.

    Images are read by the channels that were asked for, else by those of the ``base``. Raises
    ``SegfitError`` where these differ.
    """
    _check_channels(data, request, base)
    if not isinstance(data, LabelledData):
        data = open_labelled(
            data,
            strict=strict,
            seed=request.seed,
            split_objects=request.split_objects,
            channels=choose_channels(request.channels, base.card.channels if base else None),
            on_progress=on_progress,
            on_reading=on_reading,
        )
    require_splits(data)
    return data


def _check_channels(
    data: str | os.PathLike[str] | LabelledData,
    request: Request,
    base: ModelFile[ModelCard] | None,
) -> None:
    """A model that looks at some channels cannot go on with others: its weights are for these."""
    given = data.channels if isinstance(data, LabelledData) else request.channels
    own = None if base is None else base.card.channels
    if own is None or given is None or given == own:
        return
    raise SegfitError(
        f"{request.base} looks at the channels {','.join(map(str, own))} of an image, and the data "
        f"is to be read by {','.join(map(str, given))}: leave out --channels to go on with its "
        "own, or --from to train anew (in Python: channels=, base=)"
    )


def require_splits(data: LabelledData) -> None:
    """Both splits are needed: one to learn from, one to choose by."""
    for split in ("train", "val"):
        if not data.splits.get(split):
            raise SegfitError(f"the data has no images in its {split} split: training needs them")


def require_classes(
    data: LabelledData, request: Request, base: ModelFile[ModelCard] | None
) -> None:
    """The model whose classifier a regressor is trained for must know the data's classes."""
    if base is None or request.component != Component.REGRESSOR:
        return
    if base.card.classes.names != data.classes.names:
        raise SegfitError(
            f"{request.base} tells {', '.join(base.card.classes.names)} apart, and the data "
            f"{', '.join(data.classes.names)}: give the data that the model was trained on"
        )


def prepare(
    data: LabelledData,
    *,
    saved: Checkpoint | None = None,
    initial: ModelCard | None = None,
    plan: Mapping[str, Any] | None = None,
    minutes: float | None = None,
) -> Preparation:
    """The plan for new data; for a training that is resumed, the one it began with.

    ``initial``: the card of the model that the classifier goes on from.
    """
    if saved is None:
        overrides = {**(plan or {}), **({"minutes": minutes} if minutes is not None else {})}
        if initial is not None:
            overrides = inherit_plan(initial, data.classes, overrides)
        chosen, reasons = make_plan(data.splits["train"], overrides=overrides)
        start = () if initial is None else (describe_start(initial, data.classes),)
        return Preparation(data, chosen, (*start, *reasons))
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
