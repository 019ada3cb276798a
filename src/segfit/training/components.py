"""A model's components, trained one after the other: the classifier, then what refines it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from segfit.model.archive import ModelFile
from segfit.model.card import ModelCard, RefinerCard
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network, load_weights
from segfit.training.cards import (
    make_card,
    make_refiner_card,
    make_regressor_card,
    rename_model,
)
from segfit.training.classifier import ClassifierTraining
from segfit.training.companions import Company, TrainedNetwork, share_out
from segfit.training.data.first_outlines import FinishedClassifier
from segfit.training.data.views import LabelledViews
from segfit.training.domain import add_domain
from segfit.training.events import ClassifierRound, format_share
from segfit.training.inference import make_score
from segfit.training.outlines import OutlineTraining, is_better
from segfit.training.session import TrainingSession

DOMAIN_SHARE = 0.04
"""Of the time, for looking at images once more, so that the model knows others as unlike them."""


@dataclass(frozen=True)
class Trained:
    """A model with its trained components, the classifier's validations, and what to tell of it."""

    model: ModelFile[ModelCard] | ModelFile[RefinerCard]
    rounds: tuple[ClassifierRound, ...] = ()
    notes: tuple[str, ...] = ()


def train_components(
    session: TrainingSession,
    base: ModelFile[ModelCard] | None,
    *,
    budget_seconds: float,
    name: str,
    about: Mapping[str, str],
) -> Trained:
    """Train what the session is for; ``base``: the model that a regressor is added to."""
    prepared = session.prepared
    if base is None and session.checkpoint.request.component == "regressor":
        refiner = train_refiner(session, budget_seconds=budget_seconds, name=name, about=about)
        return Trained(refiner)
    domain_seconds = None if prepared.plan.steps else DOMAIN_SHARE * budget_seconds
    budget_seconds -= domain_seconds or 0.0
    model, rounds, notes = train_segmenter(
        session, base, budget_seconds=budget_seconds, name=name, about=about
    )
    model = add_domain(model, prepared.data, seconds=domain_seconds)
    return Trained(model, rounds, notes)


def train_segmenter(
    session: TrainingSession,
    base: ModelFile[ModelCard] | None,
    *,
    budget_seconds: float,
    name: str,
    about: Mapping[str, str],
) -> tuple[ModelFile[ModelCard], tuple[ClassifierRound, ...], tuple[str, ...]]:
    """Train a classifier or take that of ``base``, and then what refines it.

    Returns with the model the classifier's validations, and what to tell of it.
    """
    if base is not None:
        renamed = rename_model(base, name, about)
        model, gained = train_regressor(session, renamed, budget_seconds=budget_seconds)
        return model, (), () if is_better(gained) else (describe_no_gain(gained),)
    component = session.checkpoint.request.component
    share = session.prepared.plan.regressor_share if component == "both" else 0.0
    model, rounds = train_classifier(
        session, budget_seconds=budget_seconds * (1 - share), name=name, about=about
    )
    if component == "classifier":
        return model, rounds, ()
    refined, gained = train_regressor(session, model, budget_seconds=budget_seconds * share)
    if is_better(gained):
        return refined, rounds, ()
    return model, rounds, (f"{describe_no_gain(gained)} It is left out.",)


def train_classifier(
    session: TrainingSession, *, budget_seconds: float, name: str, about: Mapping[str, str]
) -> tuple[ModelFile[ModelCard], tuple[ClassifierRound, ...]]:
    """Train the segmentation network; returns the model, and the validations on the way."""
    prepared = session.prepared
    training = ClassifierTraining(
        prepared.data, prepared.plan, seed=session.seed, budget_seconds=budget_seconds
    )
    engine = session.run("classifier", training)
    card = make_card(engine, prepared, name=name, about=about)
    networks = {engine.best.architecture.NAME: export_network(engine.best)}
    return ModelFile(card, networks), tuple(engine.rounds)


def train_regressor(
    session: TrainingSession, model: ModelFile[ModelCard], *, budget_seconds: float
) -> tuple[ModelFile[ModelCard], Mapping[str, Any]]:
    """Train the regressors on the outlines of a model's classifier, and add them.

    Returns with the model what its outlines gain, see ``OutlineValidation.to_dict``.
    """
    card, prepared = model.card, session.prepared
    validation = prepared.data.splits["val"]
    architecture = replace(card.architecture, gives_features=True)
    weights = model.networks[architecture.NAME].weights
    network = load_weights(Classifier(architecture), weights)
    classifier = FinishedClassifier(make_score(network, card.scaling), architecture, card.threshold)
    views = open_views(session)
    seconds, companions = share_out(prepared.plan, budget_seconds)
    outlines = OutlineTraining(
        views,
        validation,
        prepared.plan,
        classifier=classifier,
        seed=session.seed,
        budget_seconds=seconds,
    )
    engine = session.run("regressor", outlines)
    regressor = make_regressor_card(
        engine.best, outlines.validate(engine.best, validation), validation
    )
    added: list[TrainedNetwork] = [(regressor, engine.best)]
    company = Company(session, views, classifier, engine.best)
    for companion, companion_seconds in companions:
        trained = companion.train(company, companion_seconds)
        added += [] if trained is None else [trained]
    cards = [replace(card.classifier, architecture=architecture), *(one for one, _ in added)]
    networks = {
        architecture.NAME: export_network(network),
        **{one.architecture.NAME: export_network(module) for one, module in added},
    }
    return ModelFile(card.with_networks(*cards), networks), regressor.metrics


def train_refiner(
    session: TrainingSession, *, budget_seconds: float, name: str, about: Mapping[str, str]
) -> ModelFile[RefinerCard]:
    """Train an outline regressor that needs no classifier, on outlines made from the truth."""
    prepared = session.prepared
    validation = prepared.data.splits["val"]
    training = OutlineTraining(
        open_views(session),
        validation,
        prepared.plan,
        seed=session.seed,
        budget_seconds=budget_seconds,
    )
    engine = session.run("regressor", training)
    regressor = make_regressor_card(
        engine.best, training.validate(engine.best, validation), validation
    )
    card = make_refiner_card(engine, regressor, prepared, name=name, about=about)
    return ModelFile(card, {engine.best.architecture.NAME: export_network(engine.best)})


def open_views(session: TrainingSession) -> LabelledViews:
    """What the regressors learn from: they share the images that are kept in memory."""
    prepared = session.prepared
    return LabelledViews(
        prepared.data.splits["train"], prepared.plan.augmentation, seed=session.seed
    )


def describe_no_gain(figures: Mapping[str, Any]) -> str:
    """Say that a regressor improves nothing, and what helps."""
    return (
        f"The regression network brings no improvement on the validation images: outlines "
        f"{figures['error_before_px']:.2f} → {figures['error_px']:.2f} px off, mean IoU "
        f"{format_share(figures['mean_iou_before'])} → {format_share(figures['mean_iou'])}; more "
        "minutes may help."
    )
