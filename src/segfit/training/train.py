"""Labelled pictures in, a model file out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from segfit.classify import classify
from segfit.datasets import Dataset, LabelledData, open_labelled
from segfit.errors import SegfitError
from segfit.files import check_writable
from segfit.metrics.region import iou_per_class, mean_iou, pixel_accuracy
from segfit.model_file import WEIGHTS_NAME, ModelCard, ModelFile, write_model
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_classifier
from segfit.training.checkpoint import checkpoint_path, read_checkpoint, write_checkpoint
from segfit.training.loop import (
    ClassifierTraining,
    OnEvent,
    Round,
    State,
    as_score_network,
    validate,
)
from segfit.training.plan import Plan, make_plan
from segfit.version import __version__

CLOSING_SECONDS = 8.0
"""Kept free of a training's minutes: importing torch before, exporting and writing after."""
THRESHOLD_BINS = 200
PARTS = ("classifier",)
ABOUT = ("description", "data", "licence")
"""What the one who trains may say of the model on its card."""
LARGEST_SEED = (1 << 32) - 1


@dataclass(frozen=True)
class Preparation:
    """What is known before the first step: the data, the plan, and why it is so."""

    data: LabelledData
    plan: Plan
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class TrainingResult:
    """A finished training: the model's file and card, and the validations on the way."""

    path: Path
    card: ModelCard
    rounds: tuple[Round, ...]


def train(
    data: str | os.PathLike[str] | LabelledData,
    output: str | os.PathLike[str],
    *,
    part: Literal["classifier"] = "classifier",
    minutes: float | None = None,
    plan: Mapping[str, Any] | None = None,
    seed: int = 0,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    threads: int | None = None,
    description: Mapping[str, str] | None = None,
    on_data: Callable[[int, int], None] | None = None,
    on_prepared: Callable[[Preparation], None] | None = None,
    on_event: OnEvent | None = None,
) -> TrainingResult:
    """Train a segmentation network on labelled pictures and write it to ``output``.

    ``data``: anything that ``segfit.datasets.open_labelled`` opens, or what it gave. ``minutes``:
    wall clock, from opening the data to the written file. ``plan``: settings by the names of
    ``Plan``, instead of those chosen from the data. ``resume``: go on from the checkpoint that lies
    beside ``output`` after an interruption. ``description``: the card's ``description``, ``data``
    and ``licence``.

    After each round a checkpoint is written beside ``output``; it is removed at the end. Raises
    ``SegfitError`` for data, settings or files that cannot be used, before any training.
    """
    began = time.perf_counter()
    if part not in PARTS:
        raise SegfitError(f"unknown part {part!r}: choose {', '.join(PARTS)}")
    if not 0 <= seed <= LARGEST_SEED:
        raise SegfitError(f"seed is a number from 0 to {LARGEST_SEED}, given {seed}")
    unknown = (description or {}).keys() - set(ABOUT)
    if unknown:
        raise SegfitError(
            f"description has no {', '.join(sorted(unknown))}: it has {', '.join(ABOUT)}"
        )
    target = Path(output)
    check_writable(target, force=force)
    if checkpoint_path(target).exists() and not (resume or force):
        raise SegfitError(
            f"{checkpoint_path(target)} is left from an interrupted training: go on with it by "
            "--resume, or begin anew with --force (in Python: resume=True or force=True)"
        )
    torch.set_num_threads(threads or os.cpu_count() or 1)
    saved = read_checkpoint(checkpoint_path(target)) if resume else None

    opened = data if isinstance(data, LabelledData) else open_labelled(
        data, strict=strict, seed=saved["seed"] if saved else seed, on_progress=on_data
    )  # fmt: skip
    require_parts(opened)
    prepared = prepare(opened, saved=saved, plan=plan, minutes=minutes)
    if on_prepared is not None:
        on_prepared(prepared)

    spent = time.perf_counter() - began
    training = ClassifierTraining(
        opened,
        prepared.plan,
        seed=saved["seed"] if saved else seed,
        budget_seconds=prepared.plan.minutes * 60 - spent - CLOSING_SECONDS,
    )
    if saved:
        training.restore(saved["training"])
    network = training.run(
        on_event=on_event or (lambda event: None),
        save=lambda state: write_checkpoint(
            checkpoint_path(target), keep_state(state, training, prepared)
        ),
    )
    card = make_card(training, network, prepared, name=target.stem, about=description or {})
    exported = export_classifier(network, weights_name=WEIGHTS_NAME)
    write_model(ModelFile(card, exported.onnx, exported.weights), target, force=force)
    checkpoint_path(target).unlink(missing_ok=True)
    return TrainingResult(path=target, card=card, rounds=tuple(training.rounds))


def require_parts(data: LabelledData) -> None:
    """Both parts are needed: one to learn from, one to choose by."""
    for part in ("train", "val"):
        if not data.parts.get(part):
            raise SegfitError(f"the data has no pictures in its {part} part: training needs them")


def prepare(
    data: LabelledData,
    *,
    saved: State | None,
    plan: Mapping[str, Any] | None,
    minutes: float | None,
) -> Preparation:
    """The plan for new data; for a training that goes on, the one it began with."""
    if saved is None:
        overrides = {**(plan or {}), **({"minutes": minutes} if minutes is not None else {})}
        chosen, reasons = make_plan(data.parts["train"], overrides=overrides)
        return Preparation(data, chosen, reasons)
    if plan or minutes is not None:
        raise SegfitError("a training that goes on keeps its plan: leave the settings out")
    if saved["classes"] != list(data.classes.names):
        raise SegfitError(
            f"the checkpoint was made for the classes {', '.join(saved['classes'])}, and the data "
            f"has {', '.join(data.classes.names)}: give the same data, or train anew"
        )
    if saved["pictures"] != list(data.parts["train"].names):
        raise SegfitError(
            f"the checkpoint was made on {len(saved['pictures'])} training pictures, and these "
            f"{len(data.parts['train'])} are not the same: give the same data, or train anew"
        )
    return Preparation(data, Plan.model_validate(saved["plan"]), ("as the checkpoint has it",))


def keep_state(state: State, training: ClassifierTraining, prepared: Preparation) -> State:
    """The state of a training together with what it must be resumed with."""
    return {
        "training": state,
        "seed": training.seed,
        "plan": prepared.plan.model_dump(mode="json"),
        "classes": list(prepared.data.classes.names),
        "pictures": list(prepared.data.parts["train"].names),
    }


def make_card(
    training: ClassifierTraining,
    network: Classifier,
    prepared: Preparation,
    *,
    name: str,
    about: Mapping[str, str],
) -> ModelCard:
    """Choose the threshold and measure the network on all validation pictures."""
    plan, classes = prepared.plan, prepared.data.classes
    validation = prepared.data.parts["val"]
    threshold, confusion = choose_threshold(network, validation, plan)
    ious = iou_per_class(confusion)
    return ModelCard(
        name=name,
        classes=classes,
        scaling=plan.scaling,
        architecture=network.architecture,
        threshold=threshold,
        segfit_version=__version__,
        created=datetime.now(UTC).strftime("%Y-%m-%d"),
        plan={
            **plan.model_dump(mode="json"),
            "seed": training.seed,
            "trained_steps": training.step,
        },
        metrics={
            "measured_on": f"{len(validation)} validation pictures",
            "mean_iou": mean_iou(confusion),
            "pixel_accuracy": pixel_accuracy(confusion),
            "iou": {
                name: None if math.isnan(iou) else iou
                for name, iou in zip(classes.names, ious.tolist(), strict=True)
            },
        },
        **about,
    )


def choose_threshold(
    network: Classifier, dataset: Dataset, plan: Plan
) -> tuple[float, NDArray[np.int64]]:
    """The foreground threshold with the best mean IoU, and the confusion matrix that it gives.

    For networks with more than one output the threshold means nothing and is 0.5.
    """
    if network.architecture.outputs > 1:
        return 0.5, validate(network, dataset, plan)
    run = as_score_network(network)
    counts = np.zeros((2, THRESHOLD_BINS), np.int64)  # pixels by truth and foreground probability
    for example in dataset:
        scores = classify(example.picture, network=run, scaling=plan.scaling)
        bins = (scores.to_probabilities()[1] * THRESHOLD_BINS).astype(np.int64)
        bins = np.minimum(bins, THRESHOLD_BINS - 1)
        for truth in (0, 1):
            chosen = bins[example.labels == truth]
            counts[truth] += np.bincount(chosen, minlength=THRESHOLD_BINS)
    below = np.cumsum(counts, axis=1)  # (2, bins): called background at the threshold (bin + 1) / n
    confusions = np.stack([below, below[:, -1:] - below], axis=1)  # (truth, called, bins)
    scores_by_bin = [mean_iou(confusions[:, :, index]) for index in range(THRESHOLD_BINS - 1)]
    # Where many thresholds are equally good, the middle one is the safest.
    ties = np.flatnonzero(np.equal(scores_by_bin, np.max(scores_by_bin)))
    best = int(ties[len(ties) // 2]) if ties.size else THRESHOLD_BINS // 2 - 1
    return (best + 1) / THRESHOLD_BINS, confusions[:, :, best]
