"""What model files say of their networks: measured at the end of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from segfit.basics.arrays import Float64Array
from segfit.classification.decision import EVEN_CHANCE, Decision
from segfit.datasets import Dataset
from segfit.metrics.confusion import cohen_kappa, iou_per_class, mean_iou, pixel_accuracy
from segfit.metrics.figures import or_none
from segfit.model.architecture import OutlineArchitecture
from segfit.model.archive import ModelFile
from segfit.model.card import ModelCard, NetworkCard, RefinerCard, list_networks
from segfit.networks.classifier import Classifier
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.training.classifier import UNDECIDED
from segfit.training.engine import Engine
from segfit.training.events import ClassifierRound, OutlineRound
from segfit.training.outlines import OutlineValidation
from segfit.training.plan.plan import Plan
from segfit.training.preparation import Preparation
from segfit.training.session import TrainingSession
from segfit.training.threshold import choose_decision
from segfit.version import __version__

OFFSET_DIGITS = 3


def make_card(
    engine: Engine[Classifier, ClassifierRound],
    session: TrainingSession,
    *,
    offsets: Float64Array | None,
    name: str,
    about: Mapping[str, str],
) -> ModelCard:
    """Choose threshold and certainty, and measure the best network on all validation images.

    ``offsets``: what was added to the logits of its classes, see ``adjust_logits``.
    """
    validation = session.material.data.splits["val"]
    decision, confusion = choose_decision(engine.best, validation, session.plan)
    ious = iou_per_class(confusion)
    figures: dict[str, Any] = {
        "mean_iou": or_none(mean_iou(confusion)),
        "pixel_accuracy": pixel_accuracy(confusion),
        "kappa": or_none(cohen_kappa(confusion)),
    }
    if offsets is not None:
        names = session.material.data.classes.names
        added = zip(names, offsets.tolist(), strict=True)
        figures["logit_offsets"] = {name: round(one, OFFSET_DIGITS) for name, one in added}
    return _describe_classifier(
        engine, session, figures, ious.tolist(), decision=decision, name=name, about=about
    )


def make_preview_card(
    engine: Engine[Classifier, ClassifierRound], session: TrainingSession, *, name: str
) -> ModelCard:
    """The card of a classifier that is still being trained, with the figures of its last round."""
    last = engine.rounds[-1]
    figures = {"mean_iou": or_none(last.mean_iou), "pixel_accuracy": last.pixel_accuracy}
    return _describe_classifier(engine, session, figures, last.iou, name=name, about={})


def _describe_classifier(
    engine: Engine[Classifier, ClassifierRound],
    session: TrainingSession,
    figures: Mapping[str, Any],
    ious: Sequence[float],
    *,
    decision: Decision = UNDECIDED,
    name: str,
    about: Mapping[str, str],
) -> ModelCard:
    prepared = session.prepared
    plan = prepared.plan.model_copy(update={"batch": session.plan.batch})
    classes = prepared.data.classes
    metrics = {
        "measured_on": measured_on(session.material.data.splits["val"]),
        **figures,
        "iou": {name: or_none(iou) for name, iou in zip(classes.names, ious, strict=True)},
    }
    return ModelCard(
        name=name,
        classes=replace(classes, object_classes=()) if plan.objects == "none" else classes,
        scaling=plan.scaling,
        threshold=EVEN_CHANCE if decision.threshold is None else decision.threshold,
        certainty=decision.certainty or 0.0,
        networks=list_networks(NetworkCard(engine.best.architecture, metrics=metrics)),
        plan=describe_plan(plan, engine),
        channels=prepared.data.channels,
        channel_names=prepared.data.channel_names,
        **describe_making(about),
    )


def make_regressor_card(
    network: OutlineRegressor, found: OutlineValidation, validation: Dataset
) -> NetworkCard[OutlineArchitecture]:
    """The outline regressor's, by what it made of the validation images."""
    return NetworkCard(
        architecture=network.architecture,
        temperature=found.temperature,
        metrics={"measured_on": measured_on(validation), **found.to_dict()},
    )


def make_refiner_card(
    engine: Engine[OutlineRegressor, OutlineRound],
    regressor: NetworkCard[OutlineArchitecture],
    prepared: Preparation,
    *,
    name: str,
    about: Mapping[str, str],
) -> RefinerCard:
    """The card of an outline regressor that needs no classifier."""
    return RefinerCard(
        name=name,
        networks=list_networks(regressor),
        plan=describe_plan(prepared.plan, engine),
        channels=prepared.data.channels,
        channel_names=prepared.data.channel_names,
        **describe_making(about),
    )


def rename_model(
    model: ModelFile[ModelCard], name: str, about: Mapping[str, str]
) -> ModelFile[ModelCard]:
    """The same classifier under another name."""
    return replace(model, card=model.card.model_copy(update={"name": name, **about}))


def describe_plan(plan: Plan, engine: Engine[Any, Any]) -> dict[str, Any]:
    """A plan, and what its training came to, as a card keeps them."""
    steps = {"seed": engine.training.seed, "trained_steps": engine.step}
    return {**plan.model_dump(mode="json"), **steps}


def describe_making(about: Mapping[str, str]) -> dict[str, str]:
    """What a card says of who made it and when."""
    created = datetime.now(UTC).strftime("%Y-%m-%d")
    return {"segfit_version": __version__, "created": created, **about}


def measured_on(dataset: Dataset) -> str:
    """What figures of a card were measured on."""
    return f"{len(dataset)} validation images"
