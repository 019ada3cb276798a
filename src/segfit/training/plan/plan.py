"""A plan of training, made from what the data looks like."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from segfit.basics.text import say_mistake
from segfit.classes import ClassTable
from segfit.datasets import Dataset
from segfit.errors import SegfitError
from segfit.model.architecture import PLAIN_WIDTHS, ClassifierArchitecture
from segfit.model.scaling import Scaling
from segfit.networks.encoders import check_encoder_name
from segfit.training.data.augment import Augmentation
from segfit.training.losses import parse_loss
from segfit.training.plan.branches import AUTO, choose_branches, parse_branches
from segfit.training.plan.orientation import has_up_and_down
from segfit.training.plan.resolution import (
    COARSE_WORK,
    CROP_AREA_PX,
    CROP_MULTIPLE,
    USUAL_STRIDE,
    choose_crop,
    choose_scaling,
    choose_stretch,
    find_stride,
    has_sparse_foreground,
    measure_foreground,
    measure_main_widths,
    measure_shares,
    measure_shrinkage,
)

BATCH_AREA_PX = 2 * CROP_AREA_PX
RARE_SHARE, VERY_RARE_SHARE = 0.03, 0.01
"""Shares of pixels below which a class is helped by Dice, and by class weights beside it."""
HIGHEST_WEIGHT = 5.0
SPARSE_OVERSAMPLING = 0.9
"""Share of the crops that are laid about foreground, where objects that touch are in few places.
Where only pixels have to be told apart, as of cracks, crops anywhere teach more."""
SHORT_MINUTES, LONG_COARSE_SHARE = 5, 0.3
"""A short training gains from more, coarser looks at the images; a longer one less."""
HURRIED_MINUTES, HURRIED_RATE, SHORT_RATE = 1, 8e-3, 4e-3
"""The fewer steps there are, the larger they must be: of a training of no more than so many
minutes, for which a fine score grid is too slow, too, and of a short one."""

LARGE_REGRESSOR_SHARE = 0.5
"""Of the time, for the regression network, where the classifier's work is coarse."""
MOST_REGRESSOR_MINUTES = 8.0
"""Where it is not: the rest of a long training is the classifier's, which still learns."""
FEW_TOUCHING = 0.02
"""Up to this share of objects that touch another, connected regions are taken for objects."""

_SCALING = TypeAdapter(Scaling)


class Plan(BaseModel):
    """How a classifier is trained; every value can be set by hand.

    ``branches``: of the decoder, see ``parse_branches``; "auto" chooses them by the objects' sizes,
    and none is a plain decoder. ``crop_px``: height and width of what training looks at, at working
    resolution. ``oversampling``: share of these crops that are laid about foreground, the others
    lie anywhere. ``output_stride``: working pixels per cell of the score grid, 2 or 4.
    ``coarse_share``: share of the training that works at half that resolution, where a step costs a
    quarter. ``frozen_stages`` of the pretrained encoder keep their weights: they cost half a step
    and gain little. ``minutes``: wall clock, validation and export included; ``steps``, where
    given, replaces it. ``learning_rate``: of the decoder, at its peak; the pretrained encoder's is
    ``encoder_rate`` times it. ``l2``: α of α‖W‖². ``class_weights``: by class name, 1 where not
    named.
    ``objects``: how objects of the same class are told apart: by a head of their own ("grouped"),
    since they touch, as connected regions ("regions"), since they do not, or not at all ("none").
    ``regressor_share`` of the minutes goes to the regressors, of which the one for outlines has
    layers of ``regressor_width`` channels and which learn at ``regressor_rate``; ``boxes_share`` of
    those goes to the one for boxes, which is left out where it is 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    encoder: str = "efficientnet-lite0"
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS
    branches: str = ""
    scaling: Scaling
    crop_px: tuple[int, int]
    oversampling: float = Field(default=0.0, ge=0, le=1)
    output_stride: Literal[2, 4] = 4
    batch: int = Field(ge=1)
    minutes: float = Field(default=3.0, gt=0)
    steps: int | None = Field(default=None, ge=1)
    frozen_stages: int = Field(default=2, ge=0, le=7)
    coarse_share: float = Field(default=0.6, ge=0, le=1)
    loss: str = "cross_entropy"
    class_weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    optimizer: Literal["adamw", "adam", "rmsprop"] = "adamw"
    learning_rate: float = Field(default=2e-3, gt=0)
    encoder_rate: float = Field(default=0.5, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    l2: float = Field(default=0.0, ge=0)
    objects: Literal["none", "regions", "grouped"] = "none"
    regressor_share: float = Field(default=0.25, ge=0, lt=1)
    boxes_share: float = Field(default=0.2, ge=0, lt=1)
    regressor_rate: float = Field(default=2e-3, gt=0)
    regressor_width: int = Field(default=64, ge=8)
    augmentation: Augmentation = Augmentation()

    def architecture(self, classes: ClassTable) -> ClassifierArchitecture:
        """The network that this plan trains."""
        return ClassifierArchitecture(
            outputs=1 if classes.is_binary else len(classes),
            encoder=self.encoder,
            widths=self.widths,
            output_stride=self.output_stride,
            has_objects=self.objects == "grouped",
            branches=parse_branches(self.branches, classes),
        )


def make_plan(
    training: Dataset, *, overrides: Mapping[str, Any] | None = None
) -> tuple[Plan, tuple[str, ...]]:
    """Choose every setting from the training images, except those that ``overrides`` gives.

    Returns the plan, and a sentence of reason for each choice that the data decided. Raises
    ``SegfitError`` for a setting that does not exist or has a value that it cannot have.
    """
    given = dict(overrides or {})
    objects, objects_reason = _choose_objects(training)
    if "objects" in given:
        objects, objects_reason = given["objects"], None
    scaling, scaling_reasons = _settle_scaling(training, given, grouped=objects == "grouped")
    given.pop("scaling", None)
    sparse = objects == "grouped" and has_sparse_foreground(training, scaling)
    crop_px = choose_crop(training, scaling, sparse=sparse)
    minutes = round(min(60.0, max(3.0, 3 * math.sqrt(len(training) / 20))), 1)
    is_upright, upright_reason = _choose_upright(training, scaling)
    chosen: dict[str, Any] = {
        "scaling": scaling,
        "objects": objects,
        "crop_px": crop_px,
        "batch": max(1, round(BATCH_AREA_PX / (crop_px[0] * crop_px[1]))),
        "minutes": minutes,
        "augmentation": Augmentation(
            flip_vertical=not is_upright, rotation_deg=15 if is_upright else 180
        ),
    }
    shares = measure_shares(training)
    rarest = min(shares.values())
    reasons = [*scaling_reasons, *([objects_reason] if objects_reason else [])]
    if upright_reason and "augmentation" not in given:
        reasons.append(upright_reason)
    if sparse:
        chosen["oversampling"] = SPARSE_OVERSAMPLING
    if "crop_px" not in given:
        reasons.append(
            f"crops of {crop_px[1]}×{crop_px[0]} px, as much as fits a step of about a second"
        )
    if sparse and "oversampling" not in given:
        reasons.append(
            f"{SPARSE_OVERSAMPLING:.0%} of the crops are laid about foreground, which has "
            f"{measure_foreground(training):.1%} of the pixels"
        )
    if not {"minutes", "steps"} & given.keys():
        reasons.append(f"{chosen['minutes']:g} minutes for {len(training)} images")
    if rarest < RARE_SHARE and "loss" not in given:
        chosen["loss"] = "cross_entropy + 0.5 dice"
        reasons.append(f"Dice beside cross-entropy: the rarest class has {rarest:.1%} of pixels")
    if rarest < VERY_RARE_SHARE and "class_weights" not in given:
        chosen["class_weights"] = weights = _weigh(shares)
        listed = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
        reasons.append(f"classes weighted by 1/√share: {listed}")
    nested = given.get("augmentation")
    if isinstance(nested, Mapping):
        given["augmentation"] = {**chosen["augmentation"].model_dump(), **nested}
    try:
        plan = Plan.model_validate({**chosen, **given})
    except ValidationError as error:
        raise SegfitError(_explain(error)) from error
    plan, further = _settle(plan, training, given)
    _check(plan, training)
    return plan, (*reasons, *further)


def _settle_scaling(
    training: Dataset, given: Mapping[str, Any], *, grouped: bool
) -> tuple[Scaling, list[str]]:
    """The scaling that is given, or else the one that the images need, and why."""
    scaling, reason = choose_scaling(training, grouped=grouped)
    stretch, stretch_reason = choose_stretch(training)
    scaling = replace(scaling, stretch=stretch)
    if "scaling" in given:
        said = _parse_scaling(given["scaling"], chosen=scaling)
        if replace(said, stretch=stretch) != scaling:
            reason = "resolution as given"
        if said.stretch != stretch:
            stretch_reason = None
        scaling = said
    return scaling, [reason, *([stretch_reason] if stretch_reason else [])]


def _settle(
    plan: Plan, training: Dataset, given: Mapping[str, Any]
) -> tuple[Plan, tuple[str, ...]]:
    """Choose what depends on the rest of the plan, except what is given, and say why."""
    reasons = []
    grouped = plan.objects == "grouped"
    shrunk = measure_shrinkage(training, plan.scaling)
    is_short = plan.steps is None and plan.minutes <= SHORT_MINUTES
    is_hurried = is_short and plan.minutes <= HURRIED_MINUTES
    chosen: dict[str, Any] = {"output_stride": find_stride(training, shrunk, grouped=grouped)}
    if is_hurried and not grouped:
        chosen["output_stride"] = USUAL_STRIDE
    if grouped:
        # At half the resolution, objects that touch are no longer two.
        chosen["coarse_share"] = 0.0
    elif plan.minutes > SHORT_MINUTES:
        chosen["coarse_share"] = LONG_COARSE_SHARE
    if is_short:
        chosen["learning_rate"] = HURRIED_RATE if is_hurried else SHORT_RATE
    if shrunk < COARSE_WORK:
        chosen["regressor_share"] = LARGE_REGRESSOR_SHARE
    elif plan.regressor_share * plan.minutes > MOST_REGRESSOR_MINUTES:
        chosen["regressor_share"] = round(MOST_REGRESSOR_MINUTES / plan.minutes, 2)
    plan = plan.model_copy(update={key: chosen[key] for key in chosen.keys() - given.keys()})
    if plan.branches:
        plan, reason = _settle_branches(plan, training, given)
        reasons.append(reason)
    if shrunk < COARSE_WORK and not {"output_stride", "regressor_share"} <= given.keys():
        reasons.append(
            f"at {shrunk:.0%} of the images' resolution, outlines have most to gain: a cell of "
            f"the score grid per {plan.output_stride} px, and {plan.regressor_share:.0%} of the "
            "time for the regression network, should it be trained"
        )
    return plan, tuple(reasons)


def _check(plan: Plan, training: Dataset) -> None:
    """Raise ``SegfitError`` for settings that do not fit together, or not the data."""
    parse_loss(plan.loss)
    check_encoder_name(plan.encoder)
    if any(side < CROP_MULTIPLE or side % CROP_MULTIPLE for side in plan.crop_px):
        raise SegfitError(
            f"plan, crop_px: multiples of {CROP_MULTIPLE} are needed, given {list(plan.crop_px)}"
        )
    if plan.objects != "none" and not training.classes.object_classes:
        raise SegfitError(
            f"plan, objects: {plan.objects!r}, but no class of the data has objects: give "
            "masks of objects or COCO annotations, or say in classes.json which classes have them"
        )
    unknown = plan.class_weights.keys() - set(training.classes.names)
    if unknown:
        raise SegfitError(
            f"plan, class_weights: no class {', '.join(sorted(unknown))}; "
            f"classes are {', '.join(training.classes.names)}"
        )


def read_plan(path: Path) -> dict[str, Any]:
    """Settings from a TOML file, such as ``segfit info --plan`` writes one."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SegfitError(f"{path}: there is no such plan") from error
    except IsADirectoryError as error:
        raise SegfitError(f"{path} is a folder; a plan is a file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SegfitError(f"{path} is not TOML: {error}") from error


def _explain(error: ValidationError) -> str:
    """The first mistake in a plan, and which settings there are."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"plan, {place}: {say_mistake(first['msg'])}, given {first['input']!r}"
    inside = Augmentation if first["loc"][0] == "augmentation" else Plan
    return f"plan, {place}: no such setting; there are {', '.join(inside.model_fields)}"


def _parse_scaling(given: Any, *, chosen: Scaling) -> Scaling:
    """The scaling that is given; where it says nothing of grey levels, or only of them, the rest
    is as chosen.
    """
    if isinstance(given, Scaling):
        return given
    if isinstance(given, Mapping):
        whole = asdict(chosen) if given.keys() == {"stretch"} else {"stretch": chosen.stretch}
        given = {**whole, **given}
    try:
        return _SCALING.validate_python(given)
    except ValidationError as error:
        raise SegfitError(
            "plan, scaling: a table with kind = 'frame' and long_side_px, or kind = 'field' and "
            f"factor, is needed ({say_mistake(error.errors()[0]['msg'])}); given {given!r}"
        ) from error


def _settle_branches(plan: Plan, training: Dataset, given: Mapping[str, Any]) -> tuple[Plan, str]:
    """The plan with its branches spelt out, at the output stride of the finest, and why."""
    text, reason = plan.branches.strip(), "branches as given"
    if text == AUTO:
        factor = measure_shrinkage(training, plan.scaling)
        widths_px = {name: width * factor for name, width in measure_main_widths(training).items()}
        shown = ", ".join(f"{name} {width:.0f}" for name, width in widths_px.items())
        background = training.classes.background
        names = [name for i, name in enumerate(training.classes.names) if i != background]
        # A class that no image has is no smaller than any.
        text = choose_branches({name: widths_px.get(name, math.inf) for name in names})
        reason = f"branches by the width of objects in working pixels ({shown}): {text or 'none'}"
    branches = parse_branches(text, training.classes)
    finest = min((branch.stride for branch in branches), default=plan.output_stride)
    if finest > USUAL_STRIDE:
        raise SegfitError(
            f"branches {text!r}: at least one works at 1/2 or 1/4, which becomes the score grid's"
        )
    if "output_stride" in given and plan.output_stride != finest:
        raise SegfitError(
            f"branches {text!r}: the finest is at 1/{finest}, and output_stride is given as "
            f"{plan.output_stride}: leave it out"
        )
    return plan.model_copy(update={"branches": text, "output_stride": finest}), reason


def _choose_objects(training: Dataset) -> tuple[str, str | None]:
    """Whether objects touch often enough to need a head that tells them apart, and why."""
    if not training.classes.object_classes:
        return "none", None
    objects = sum(stats.objects for stats in training.stats)
    touching = sum(stats.touching for stats in training.stats)
    found = f"{touching} of {objects} objects touch another"
    if touching > FEW_TOUCHING * objects:
        return "grouped", (
            f"objects by a head of their own: {found}; each cell learns where its object's "
            "centre is"
        )
    return "regions", f"objects are connected regions: {found}, so no head is needed for them"


def _choose_upright(training: Dataset, scaling: Scaling) -> tuple[bool, str | None]:
    """Whether images keep their up and down, and why where that is not as usual.

    Usually a scene or a face has them, and a microscope's field of view has not.
    """
    usual = scaling.kind == "frame"
    is_upright = has_up_and_down(training)
    if is_upright is None or is_upright == usual:
        return usual, None
    if is_upright:
        return True, "images are not turned upside down: their labels show an up and a down"
    return False, "images are turned any way: their labels show no up and no down"


def _weigh(shares: Mapping[str, float]) -> dict[str, float]:
    """Weights that fall with the root of the share; their mean over all pixels is 1 before capping.

    The full inverse would give a class of 0.3 % a hundred times the weight of one of 30 %.
    """
    unit = 1 / sum(math.sqrt(share) for share in shares.values())
    return {
        name: round(min(HIGHEST_WEIGHT, unit / math.sqrt(share)), 2)
        for name, share in shares.items()
    }
