"""Labelled images in, a model file out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from segfit.arrays import Int64Array
from segfit.classification.decision import Decision, decide
from segfit.datasets import Dataset, LabelledData, open_labelled
from segfit.errors import SegfitError
from segfit.evaluation.instances import InstanceFigures
from segfit.files import check_writable
from segfit.metrics.confusion import iou_per_class, mean_iou, pixel_accuracy
from segfit.metrics.instances import no_instances
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import ModelFile, NetworkFiles, read_model, write_model
from segfit.model.card import Card, ModelCard, NetworkCard, RefinerCard, list_networks
from segfit.model.shipped import find_model
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network, load_weights
from segfit.runtime.threads import count_threads
from segfit.training.boxes import RectangleTraining
from segfit.training.checkpoint import checkpoint_path, read_checkpoint, write_checkpoint
from segfit.training.classifier import (
    QUICK_VALIDATION,
    ClassifierTraining,
    Score,
    count_objects,
    make_score,
    pick_evenly,
    validate,
)
from segfit.training.data.views import LabelledViews
from segfit.training.engine import State
from segfit.training.events import OnEvent, Round
from segfit.training.outlines import RegressorTraining, as_outline_network, is_better
from segfit.training.plan.plan import Plan, make_plan
from segfit.version import __version__

CLOSING_SECONDS = 8.0
"""Kept free of a training's minutes: importing torch before, exporting and writing after."""
THRESHOLD_BINS = 200
OBJECT_THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8)
COMPONENTS = ("both", "classifier", "regressor")
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
    """A finished training: the model's file and card, and the validations on the way.

    ``notes``: what to tell the user of it, in full sentences.
    """

    path: Path
    card: ModelCard | RefinerCard
    rounds: tuple[Round, ...]
    notes: tuple[str, ...] = ()


def train(
    data: str | os.PathLike[str] | LabelledData,
    output: str | os.PathLike[str],
    *,
    component: Literal["both", "classifier", "regressor"] = "both",
    base: str | os.PathLike[str] | None = None,
    minutes: float | None = None,
    plan: Mapping[str, Any] | None = None,
    seed: int = 0,
    resume: bool = False,
    force: bool = False,
    strict: bool = False,
    split_objects: bool = False,
    threads: int | None = None,
    description: Mapping[str, str] | None = None,
    on_data: Callable[[int, int], None] | None = None,
    on_prepared: Callable[[Preparation], None] | None = None,
    on_event: OnEvent | None = None,
) -> TrainingResult:
    """Train on labelled images and write a model to ``output``.

    ``component``: the classifier, which says what is where; the regressor, which moves outlines to where
    they really are; or one after the other, where the regressor is left out if it improves nothing on
    the validation images. A regressor alone moves the outlines of the classifier of ``base`` (a
    shipped model's name or a file), or without ``base`` those of any mask: the file is then a
    refiner, see ``segfit.load_refiner``. ``data``: anything that ``segfit.datasets.open_labelled``
    opens, by ``strict`` and ``split_objects``, or what it gave. ``minutes``: wall clock, from
    opening the data to the written file. ``plan``: settings by the names of ``Plan``, instead of
    those chosen from the data. ``resume``: continue from the checkpoint that lies beside ``output``
    after an interruption. ``description``: the card's ``description``, ``data`` and ``licence``.

    After each round a checkpoint is written beside ``output``; it is removed at the end. Raises
    ``SegfitError`` for data, settings or files that cannot be used, before any training.
    """
    began = time.perf_counter()
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
            f"{checkpoint_path(target)} is left from an interrupted training: continue it with "
            "--resume, or begin anew with --force (in Python: resume=True or force=True)"
        )
    torch.set_num_threads(count_threads(threads))
    saved = read_checkpoint(checkpoint_path(target)) if resume else None
    if saved:
        component, base = saved["component"], saved["base"]
        split_objects = saved.get("split_objects", False)
    given = read_base(component, base)

    opened = data if isinstance(data, LabelledData) else open_labelled(
        data,
        strict=strict,
        seed=saved["seed"] if saved else seed,
        split_objects=split_objects,
        on_progress=on_data,
    )  # fmt: skip
    require_splits(opened)
    prepared = prepare(opened, saved=saved, plan=plan, minutes=minutes)
    if given is not None and given.card.classes.names != opened.classes.names:
        raise SegfitError(
            f"{base} tells {', '.join(given.card.classes.names)} apart, and the data "
            f"{', '.join(opened.classes.names)}: give the data that the model was trained on"
        )
    if on_prepared is not None:
        on_prepared(prepared)

    budget_seconds = prepared.plan.minutes * 60 - (time.perf_counter() - began) - CLOSING_SECONDS
    session = Session(
        prepared,
        seed=saved["seed"] if saved else seed,
        states=saved["training"] if saved else {},
        component=component,
        base=None if base is None else os.fspath(base),
        split_objects=split_objects,
        on_event=on_event or (lambda event: None),
        checkpoint=checkpoint_path(target),
    )
    name, about = target.stem, description or {}
    model: ModelFile[Card]
    rounds: tuple[Round, ...] = ()
    notes: tuple[str, ...] = ()
    if given is not None:
        renamed = rename_model(given, name, about)
        model, won = train_regressor(session, renamed, budget_seconds=budget_seconds)
        notes = () if is_better(won) else (describe_loss(won),)
    elif component == "regressor":
        model = train_refiner(session, budget_seconds=budget_seconds, name=name, about=about)
    else:
        share = prepared.plan.regressor_share if component == "both" else 0.0
        model, rounds = train_classifier(
            session, budget_seconds=budget_seconds * (1 - share), name=name, about=about
        )
        if component == "both":
            refined, won = train_regressor(session, model, budget_seconds=budget_seconds * share)
            if is_better(won):
                model = refined
            else:
                notes = (f"{describe_loss(won)} It is left out.",)
    write_model(model, target, force=force)
    checkpoint_path(target).unlink(missing_ok=True)
    return TrainingResult(path=target, card=model.card, rounds=rounds, notes=notes)


def read_base(component: str, base: str | os.PathLike[str] | None) -> ModelFile[ModelCard] | None:
    """The model whose classifier a regressor is to be trained for; None where there is none."""
    if component not in COMPONENTS:
        raise SegfitError(f"unknown component {component!r}: choose {', '.join(COMPONENTS)}")
    if component != "regressor" and base is not None:
        raise SegfitError(
            "a model is given whose classifier a regressor is to be trained for, and the component to "
            f"train is {component}: train the component regressor, or leave the model out"
        )
    return None if base is None else read_model(find_model(base))


def require_splits(data: LabelledData) -> None:
    """Both splits are needed: one to learn from, one to choose by."""
    for split in ("train", "val"):
        if not data.splits.get(split):
            raise SegfitError(f"the data has no images in its {split} split: training needs them")


def prepare(
    data: LabelledData,
    *,
    saved: State | None,
    plan: Mapping[str, Any] | None,
    minutes: float | None,
) -> Preparation:
    """The plan for new data; for a training that is resumed, the one it began with."""
    if saved is None:
        overrides = {**(plan or {}), **({"minutes": minutes} if minutes is not None else {})}
        chosen, reasons = make_plan(data.splits["train"], overrides=overrides)
        return Preparation(data, chosen, reasons)
    if plan or minutes is not None:
        raise SegfitError("a resumed training keeps its plan: leave the settings out")
    if saved["classes"] != list(data.classes.names):
        raise SegfitError(
            f"the checkpoint was made for the classes {', '.join(saved['classes'])}, and the data "
            f"has {', '.join(data.classes.names)}: give the same data, or train anew"
        )
    if saved["images"] != list(data.splits["train"].names):
        raise SegfitError(
            f"the checkpoint was made on {len(saved['images'])} training images, and these "
            f"{len(data.splits['train'])} are not the same: give the same data, or train anew"
        )
    return Preparation(data, Plan.model_validate(saved["plan"]), ("as the checkpoint has it",))


@dataclass
class Session:
    """What the trainings of both components share; ``states``: where each of them stands."""

    prepared: Preparation
    seed: int
    states: dict[str, State]
    component: str
    base: str | None
    split_objects: bool
    on_event: OnEvent
    checkpoint: Path

    def save(self, component: str, state: State) -> None:
        """Write a checkpoint: the states, together with what they must be resumed with."""
        self.states[component] = state
        data = self.prepared.data
        write_checkpoint(
            self.checkpoint,
            {
                "training": self.states,
                "component": self.component,
                "base": self.base,
                "split_objects": self.split_objects,
                "seed": self.seed,
                "plan": self.prepared.plan.model_dump(mode="json"),
                "classes": list(data.classes.names),
                "images": list(data.splits["train"].names),
            },
        )


def train_classifier(
    session: Session, *, budget_seconds: float, name: str, about: Mapping[str, str]
) -> tuple[ModelFile[ModelCard], tuple[Round, ...]]:
    """Train the segmentation network; returns the model, and the validations on the way."""
    prepared = session.prepared
    training = ClassifierTraining(
        prepared.data, prepared.plan, seed=session.seed, budget_seconds=budget_seconds
    )
    if "classifier" in session.states:
        training.restore(session.states["classifier"])
    network = training.run(
        on_event=session.on_event, save=lambda state: session.save("classifier", state)
    )
    card = make_card(training, network, prepared, name=name, about=about)
    networks = {network.architecture.NAME: export_network(network)}
    return ModelFile(card, networks), tuple(training.rounds)


def train_regressor(
    session: Session, model: ModelFile[ModelCard], *, budget_seconds: float
) -> tuple[ModelFile[ModelCard], Mapping[str, Any]]:
    """Train the regression network on the outlines of a model's classifier, and add it.

    Returns with the model what the network gains, see ``Judgement.to_dict``.
    """
    card = model.card
    architecture = replace(card.architecture, gives_features=True)
    weights = model.networks[architecture.NAME].weights
    classifier = load_weights(Classifier(architecture), weights)
    share = session.prepared.plan.boxes_share
    training = begin_regressor(
        session,
        score=make_score(classifier, card.scaling),
        classifier=card.architecture,
        threshold=card.threshold,
        budget_seconds=budget_seconds * (1 - share),
    )
    added = [finish_regressor(session, training)]
    if share > 0:
        seconds = budget_seconds * share
        added += train_boxes(session, training, card.architecture, budget_seconds=seconds)
    cards = [replace(card.classifier, architecture=architecture), *(one for one, _ in added)]
    networks = {
        architecture.NAME: export_network(classifier),
        **{one.architecture.NAME: files for one, files in added},
    }
    return ModelFile(card.with_networks(*cards), networks), added[0][0].metrics


def train_boxes(
    session: Session,
    regressor: RegressorTraining,
    classifier: ClassifierArchitecture,
    *,
    budget_seconds: float,
) -> list[tuple[NetworkCard[Any], NetworkFiles]]:
    """Train the network for rectangles; nothing, where those of refined outlines are better."""
    validation = session.prepared.data.splits["val"]
    training = RectangleTraining(
        regressor.views,
        validation,
        session.prepared.plan,
        score=regressor.score,
        classifier=classifier,
        threshold=regressor.threshold,
        seed=session.seed,
        budget_seconds=budget_seconds,
    )
    if "boxes" in session.states:
        training.restore(session.states["boxes"])
    seconds_before = sum(
        session.states.get(component, {}).get("seconds", 0.0)
        for component in ("classifier", "regressor")
    )
    network = training.run(
        on_event=lambda event: session.on_event(
            replace(event, seconds=event.seconds + seconds_before)
        ),
        save=lambda state: session.save("boxes", state),
    )
    judgement = training.judge(validation, outlines=as_outline_network(regressor.averaged))
    if not judgement.beats_outlines:
        return []
    card = NetworkCard(
        architecture=network.architecture,
        temperature=judgement.temperature,
        metrics={
            "measured_on": measured_on(validation),
            **judgement.to_dict(),
            "iou_of_outlines": judgement.mean_iou_of_outlines,
        },
    )
    return [(card, export_network(network))]


def describe_loss(figures: Mapping[str, Any]) -> str:
    """Say that a regression network improves nothing, and what helps."""
    return (
        f"The regression network brings no improvement on the validation images: outlines "
        f"{figures['error_before_px']:.2f} → {figures['error_px']:.2f} px off, mean IoU "
        f"{figures['mean_iou_before']:.3f} → {figures['mean_iou']:.3f}; more minutes may help."
    )


def train_refiner(
    session: Session, *, budget_seconds: float, name: str, about: Mapping[str, str]
) -> ModelFile[RefinerCard]:
    """Train a regression network that needs no classifier, on outlines made from the truth."""
    training = begin_regressor(session, score=None, budget_seconds=budget_seconds)
    regressor, files = finish_regressor(session, training)
    card = RefinerCard(
        name=name,
        networks=list_networks(regressor),
        plan=describe_plan(session.prepared.plan, training),
        **describe_making(about),
    )
    return ModelFile(card, {regressor.architecture.NAME: files})


def begin_regressor(
    session: Session,
    *,
    score: Score | None,
    classifier: ClassifierArchitecture | None = None,
    threshold: float = 0.5,
    budget_seconds: float,
) -> RegressorTraining:
    """The training of a regression network, at its start or where it was interrupted."""
    data, plan = session.prepared.data, session.prepared.plan
    training = RegressorTraining(
        LabelledViews(data.splits["train"], plan.augmentation, seed=session.seed),
        data.splits["val"],
        plan,
        score=score,
        classifier=classifier,
        threshold=threshold,
        seed=session.seed,
        budget_seconds=budget_seconds,
    )
    if "regressor" in session.states:
        training.restore(session.states["regressor"])
    return training


def finish_regressor(
    session: Session, training: RegressorTraining
) -> tuple[NetworkCard[Any], NetworkFiles]:
    """Train a regression network to its end, judge it on all validation images, export it."""
    seconds_before = session.states.get("classifier", {}).get("seconds", 0.0)
    network = training.run(
        on_event=lambda event: session.on_event(
            replace(event, seconds=event.seconds + seconds_before)
        ),
        save=lambda state: session.save("regressor", state),
    )
    validation = session.prepared.data.splits["val"]
    judgement = training.judge(validation)
    card = NetworkCard(
        architecture=network.architecture,
        temperature=judgement.temperature,
        metrics={"measured_on": measured_on(validation), **judgement.to_dict()},
    )
    return card, export_network(network)


def rename_model(
    model: ModelFile[ModelCard], name: str, about: Mapping[str, str]
) -> ModelFile[ModelCard]:
    """The same classifier under another name."""
    return replace(model, card=model.card.model_copy(update={"name": name, **about}))


def make_card(
    training: ClassifierTraining,
    network: Classifier,
    prepared: Preparation,
    *,
    name: str,
    about: Mapping[str, str],
) -> ModelCard:
    """Choose the threshold and measure the network on all validation images."""
    plan, classes = prepared.plan, prepared.data.classes
    validation = prepared.data.splits["val"]
    threshold, confusion = choose_threshold(network, validation, plan)
    ious = iou_per_class(confusion)
    metrics = {
        "measured_on": measured_on(validation),
        "mean_iou": mean_iou(confusion),
        "pixel_accuracy": pixel_accuracy(confusion),
        "iou": {
            name: None if math.isnan(iou) else iou
            for name, iou in zip(classes.names, ious.tolist(), strict=True)
        },
    }
    return ModelCard(
        name=name,
        classes=replace(classes, object_classes=()) if plan.objects == "none" else classes,
        scaling=plan.scaling,
        threshold=threshold,
        networks=list_networks(NetworkCard(network.architecture, metrics=metrics)),
        plan=describe_plan(plan, training),
        **describe_making(about),
    )


def describe_plan(plan: Plan, training: ClassifierTraining | RegressorTraining) -> dict[str, Any]:
    """A plan, and what its training came to, as a card keeps them."""
    steps = {"seed": training.seed, "trained_steps": training.step}
    return {**plan.model_dump(mode="json"), **steps}


def describe_making(about: Mapping[str, str]) -> dict[str, str]:
    """What a card says of who made it and when."""
    created = datetime.now(UTC).strftime("%Y-%m-%d")
    return {"segfit_version": __version__, "created": created, **about}


def measured_on(dataset: Dataset) -> str:
    """What figures of a card were measured on."""
    return f"{len(dataset)} validation images"


def choose_threshold(network: Classifier, dataset: Dataset, plan: Plan) -> tuple[float, Int64Array]:
    """The foreground threshold with the best mean IoU, and the confusion matrix that it gives.

    Where objects are told apart, the threshold is that of ``choose_object_threshold``. For networks
    with more than one output it means nothing and is 0.5.
    """
    if network.architecture.outputs > 1:
        return 0.5, validate(network, dataset, plan)[0]
    score = make_score(network, plan.scaling)
    counts = np.zeros((2, THRESHOLD_BINS), np.int64)  # pixels by truth and foreground probability
    for example in dataset:
        bins = (score(example.image).to_probabilities()[1] * THRESHOLD_BINS).astype(np.int64)
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
    if network.architecture.has_objects:
        some = pick_evenly(dataset, QUICK_VALIDATION)
        best = choose_object_threshold(network, some, plan, usual=best)
    return (best + 1) / THRESHOLD_BINS, confusions[:, :, best]


def choose_object_threshold(
    network: Classifier, dataset: Dataset, plan: Plan, *, usual: int
) -> int:
    """The threshold, as a bin, at which objects have the best mean average precision.

    ``usual``: what it is where there are no objects. The best for pixels is not the best for
    objects, of which most are small: all of their pixels are near a border.
    """
    score, classes = make_score(network, plan.scaling), dataset.classes
    totals = [no_instances(len(classes)) for _ in OBJECT_THRESHOLDS]
    for example in dataset:
        scores = score(example.image)
        for number, threshold in enumerate(OBJECT_THRESHOLDS):
            grid = decide(scores, Decision(threshold), classes)
            totals[number] += count_objects(example, grid, classes)
    means = [
        InstanceFigures(total, classes.object_classes).mean_average_precision for total in totals
    ]
    if np.isnan(means).all():
        return usual
    return round(OBJECT_THRESHOLDS[int(np.nanargmax(means))] * THRESHOLD_BINS) - 1
