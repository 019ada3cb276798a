"""A plan of training, made from what the data looks like."""

from __future__ import annotations

import math
import statistics
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from segfit.architecture import PLAIN_WIDTHS, Architecture
from segfit.classify import SIZE_MULTIPLE, Scaling
from segfit.datasets import Dataset
from segfit.errors import SegfitError
from segfit.training.augment import Augmentation
from segfit.training.losses import parse_loss

CELLS_PER_OBJECT = 2
"""Small objects keep at least this many cells of the score grid across."""
FIELD_CELLS_PER_OBJECT = 6
"""A field of view is shrunk only as far as leaves its objects this many cells."""
FRAME_LONG_SIDE_PX = 512
LARGEST_SIDE_PX = 1024
LARGEST_ENLARGEMENT = 1.5
CLEARLY_STEADIER = 0.8
CROP_AREA_PX = 512 * 384
BATCH_AREA_PX = 2 * CROP_AREA_PX
RARE_SHARE, VERY_RARE_SHARE = 0.03, 0.01
"""Shares of pixels below which a class is helped by Dice, and by class weights beside it."""
HIGHEST_WEIGHT = 5.0
SHORT_MINUTES, LONG_COARSE_SHARE = 5, 0.3
"""A short training gains from more, coarser looks at the pictures; a longer one less."""

COARSE_WORK, LARGE_REGRESSOR_SHARE = 0.7, 0.5
"""Below this share of the pictures' resolution, the score grid has twice as many cells along a
side, and the regression network gets half of the time."""
USUAL_STRIDE, FINE_STRIDE = 4, 2

_SCALING = TypeAdapter(Scaling)
CROP_MULTIPLE = 2 * SIZE_MULTIPLE
"""Halved for the coarse part of the training, a crop is still a multiple of 32."""


class Plan(BaseModel):
    """How a classifier is trained; every value can be set by hand.

    ``crop_px``: height and width of what training looks at, at working resolution.
    ``output_stride``: working pixels per cell of the score grid, 2 or 4. ``coarse_share``: share of
    the training that works at half that resolution, where a step costs a quarter. ``frozen_stages``
    of the pretrained encoder keep their weights: they cost half a step and win little. ``minutes``:
    wall clock, validation and export included; ``steps``, where given, replaces it.
    ``learning_rate`` of the decoder; the pretrained encoder's is ``encoder_rate`` times it. ``l2``:
    α of α‖W‖². ``class_weights``: by class name, 1 where not named. ``regressor_share`` of the
    minutes goes to the regression network, whose layers have ``regressor_width`` channels and which
    learns at ``regressor_rate``; ``boxes_share`` of those goes to the network for rectangles, which
    is left out where it is 0.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    encoder: str = "efficientnet-lite0"
    widths: tuple[tuple[int, ...], ...] = PLAIN_WIDTHS
    scaling: Scaling
    crop_px: tuple[int, int]
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
    regressor_share: float = Field(default=0.25, ge=0, lt=1)
    boxes_share: float = Field(default=0.2, ge=0, lt=1)
    regressor_rate: float = Field(default=2e-3, gt=0)
    regressor_width: int = Field(default=64, ge=8)
    augmentation: Augmentation = Augmentation()

    def architecture(self, *, class_count: int, is_binary: bool) -> Architecture:
        """The network that this plan trains."""
        return Architecture(
            outputs=1 if is_binary else class_count,
            encoder=self.encoder,
            widths=self.widths,
            output_stride=self.output_stride,
        )


def make_plan(
    training: Dataset, *, overrides: Mapping[str, Any] | None = None
) -> tuple[Plan, tuple[str, ...]]:
    """Choose every setting from the training pictures, except those that ``overrides`` gives.

    Returns the plan, and a sentence of reason for each choice that the data decided. Raises
    ``SegfitError`` for a setting that does not exist or has a value that it cannot have.
    """
    given = dict(overrides or {})
    scaling, scaling_reason = _choose_scaling(training)
    if "scaling" in given:
        scaling, scaling_reason = _parse_scaling(given["scaling"]), "resolution as given"
    crop_px = _choose_crop(training, scaling)
    minutes = round(min(60.0, max(3.0, 3 * math.sqrt(len(training) / 20))), 1)
    is_frame = scaling.kind == "frame"
    chosen: dict[str, Any] = {
        "scaling": scaling,
        "crop_px": crop_px,
        "batch": max(1, round(BATCH_AREA_PX / (crop_px[0] * crop_px[1]))),
        "minutes": minutes,
        # A microscope's picture has no up or down; a scene or a face has.
        "augmentation": Augmentation(
            flip_vertical=not is_frame, rotation_deg=15 if is_frame else 180
        ),
    }
    shares = _class_shares(training)
    rarest = min(shares.values())
    reasons = [scaling_reason]
    if "crop_px" not in given:
        reasons.append(
            f"crops of {crop_px[1]}×{crop_px[0]} px, as much as fits a step of about a second"
        )
    if not {"minutes", "steps"} & given.keys():
        reasons.append(f"{chosen['minutes']:g} minutes for {len(training)} pictures")
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
    shrunk = _measure_shrinkage(training, plan.scaling)
    if shrunk < COARSE_WORK:
        coarse = {"output_stride": FINE_STRIDE, "regressor_share": LARGE_REGRESSOR_SHARE}
        plan = plan.model_copy(update={key: coarse[key] for key in coarse.keys() - given.keys()})
        reasons.append(
            f"at {shrunk:.0%} of the pictures' resolution, outlines have most to win: a cell of "
            f"the score grid per {plan.output_stride} px, and {plan.regressor_share:.0%} of the "
            "time for the regression network, should it be trained"
        )
    if "coarse_share" not in given and plan.minutes > SHORT_MINUTES:
        plan = plan.model_copy(update={"coarse_share": LONG_COARSE_SHARE})
    parse_loss(plan.loss)
    if any(side < CROP_MULTIPLE or side % CROP_MULTIPLE for side in plan.crop_px):
        raise SegfitError(
            f"plan, crop_px: multiples of {CROP_MULTIPLE} are needed, given {list(plan.crop_px)}"
        )
    unknown = plan.class_weights.keys() - set(training.classes.names)
    if unknown:
        raise SegfitError(
            f"plan, class_weights: no class {', '.join(sorted(unknown))}; "
            f"classes are {', '.join(training.classes.names)}"
        )
    return plan, tuple(reasons)


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
    """The first thing that is wrong with a plan, and which settings there are."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"plan, {place}: {first['msg']}, given {first['input']!r}"
    inside = Augmentation if first["loc"][0] == "augmentation" else Plan
    return f"plan, {place}: no such setting; there are {', '.join(inside.model_fields)}"


def _parse_scaling(given: Any) -> Scaling:
    try:
        return given if isinstance(given, Scaling) else _SCALING.validate_python(given)
    except ValidationError as error:
        raise SegfitError(
            "plan, scaling: a table with kind = 'frame' and long_side_px, or kind = 'field' and "
            f"factor, is needed ({error.errors()[0]['msg']}); given {given!r}"
        ) from error


def _choose_scaling(training: Dataset) -> tuple[Scaling, str]:
    """Tell framed pictures from fields of view, and find the resolution that objects need."""
    long_sides = [max(stats.height, stats.width) for stats in training.stats]
    width_px, class_name = _smallest_class_width(training)
    if max(long_sides) > 1.5 * min(long_sides) and _sizes_are_absolute(training):
        factor = min(1.0, FIELD_CELLS_PER_OBJECT * USUAL_STRIDE / max(width_px, 1.0))
        return (
            Scaling(kind="field", factor=factor),
            f"field of view at {factor:.0%} of its scale: pictures have {min(long_sides)} to "
            f"{max(long_sides)} px, their objects keep their size in pixels",
        )
    native_px = round(statistics.median(long_sides))
    wanted_px = max(min(native_px, FRAME_LONG_SIDE_PX), native_px * _needed_factor(width_px))
    long_side = round(min(wanted_px, native_px * LARGEST_ENLARGEMENT, LARGEST_SIDE_PX))
    cells = width_px * long_side / native_px / USUAL_STRIDE
    reason = (
        f"frame of {long_side} px (pictures have {native_px}): the narrowest class, {class_name}, "
        f"is {width_px:.0f} px wide, which leaves it {cells:.1f} cells of the score grid"
    )
    if cells < CELLS_PER_OBJECT:
        reason += f"; {CELLS_PER_OBJECT} are wanted, so expect it to be hard"
    return Scaling(kind="frame", long_side_px=long_side), reason


def _measure_shrinkage(training: Dataset, scaling: Scaling) -> float:
    """Working resolution as a share of the pictures' own, in the middle of them."""
    return statistics.median(
        scaling.working_size(stats.height, stats.width)[0] / stats.height
        for stats in training.stats
    )


def _needed_factor(width_px: float) -> float:
    return CELLS_PER_OBJECT * USUAL_STRIDE / max(width_px, 1.0)


def _smallest_class_width(training: Dataset) -> tuple[float, str]:
    """Median object width, in pixels, of the class where it is smallest; specks do not count."""
    widths: list[tuple[float, str]] = []
    for index, name in enumerate(training.classes.names):
        sides = [side for stats in training.stats for side in stats.object_sides_px[index]]
        objects = [side for side in sides if side > 2]
        if objects and index != training.classes.background:
            widths.append((statistics.median(objects), name))
    return min(widths, default=(float(USUAL_STRIDE * CELLS_PER_OBJECT), "none"))


def _sizes_are_absolute(training: Dataset) -> bool:
    """Whether objects keep their size in pixels, not clearly rather relative to their picture."""
    absolute, relative = [], []
    for stats in training.stats:
        for index, sides in enumerate(stats.object_sides_px):
            objects = [side for side in sides if side > 2]
            if objects and index != training.classes.background:
                absolute.append(math.log(statistics.median(objects)))
                relative.append(absolute[-1] - math.log(max(stats.height, stats.width)))
    if len(absolute) < 2:
        return True
    return statistics.stdev(relative) > CLEARLY_STEADIER * statistics.stdev(absolute)


def _choose_crop(training: Dataset, scaling: Scaling) -> tuple[int, int]:
    """The usual picture at working resolution, cut down to what a step can afford."""
    sizes = [scaling.working_size(stats.height, stats.width) for stats in training.stats]
    height = statistics.median(size[0] for size in sizes)
    width = statistics.median(size[1] for size in sizes)
    shrink = min(1.0, math.sqrt(CROP_AREA_PX / (height * width)))
    return _round_up(height * shrink), _round_up(width * shrink)


def _round_up(length_px: float) -> int:
    return max(CROP_MULTIPLE, math.ceil(length_px / CROP_MULTIPLE - 0.25) * CROP_MULTIPLE)


def _class_shares(training: Dataset) -> dict[str, float]:
    """Share of the labelled pixels of every class that the pictures have."""
    totals = [sum(column) for column in zip(*(s.class_pixels for s in training.stats), strict=True)]
    named = zip(training.classes.names, totals, strict=True)
    return {name: total / sum(totals) for name, total in named if total}


def _weigh(shares: Mapping[str, float]) -> dict[str, float]:
    """Weights that fall with the root of the share; their mean over all pixels is 1 before capping.

    The full inverse would give a class of 0.3 % a hundred times the weight of one of 30 %.
    """
    unit = 1 / sum(math.sqrt(share) for share in shares.values())
    return {
        name: round(min(HIGHEST_WEIGHT, unit / math.sqrt(share)), 2)
        for name, share in shares.items()
    }
