"""A model's components, trained one after the other: the classifier, then what refines it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from segfit.basics.text import count_noun
from segfit.model.archive import ModelFile, write_model
from segfit.model.card import ModelCard, RefinerCard
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network
from segfit.networks.squeezing import place_squeezing
from segfit.training.cards import (
    make_card,
    make_preview_card,
    make_refiner_card,
    make_regressor_card,
    rename_model,
)
from segfit.training.classifier import ClassifierTraining
from segfit.training.clock import read_clock
from segfit.training.companions import Company, TrainedNetwork, share_out
from segfit.training.data.ahead import Ahead
from segfit.training.data.first_outlines import FinishedClassifier
from segfit.training.data.views import DrawView, LabelledViews
from segfit.training.domain import add_domain
from segfit.training.engine import Engine
from segfit.training.events import ClassifierRound, format_share
from segfit.training.finetuning import restore_classifier, restore_regressor
from segfit.training.inference import make_score
from segfit.training.logit_adjustment import adjust_logits
from segfit.training.outlines import OutlineTraining, is_better
from segfit.training.plan.plan import Plan
from segfit.training.precisions import LEAST_SECONDS as LEAST_TO_MEASURE_SECONDS
from segfit.training.precisions import add_precisions, list_faster_scores
from segfit.training.session import TrainingSession

DOMAIN_SHARE, MOST_DOMAIN_SECONDS = 0.04, 90.0
"""Of the time, for looking at images once more, so that the model knows others as unlike them; and
the most: enough for the 250 of CamVid, and where it is not, fewer are looked at."""
PRECISION_SHARE, MOST_PRECISION_SECONDS = 0.06, 120.0
"""The same for measuring what the model loses in faster precisions."""
LEAST_KAPPA = 0.05
"""Cohen's kappa on the validation images up to which a classifier has learned nothing."""
FEWEST_SECONDS = 15.0
"""Time for the regressors below which the classifier gets it, too."""
LEAST_SECONDS = 5.0
"""Of it, what must be left when their turn comes."""
VIEW_LOADERS = 2
"""Threads that draw views ahead for a card: each is as large as an image, with its truth."""


@dataclass(frozen=True)
class Trained:
    """A model with its trained components, the classifier's validations, and what to tell of it.

    ``failure``: why its classifier is of no use, and what to do; empty for one that has learned.
    """

    model: ModelFile[ModelCard] | ModelFile[RefinerCard]
    rounds: tuple[ClassifierRound, ...] = ()
    notes: tuple[str, ...] = ()
    failure: str = ""


def train_components(
    session: TrainingSession,
    base: ModelFile[ModelCard] | None,
    *,
    budget_seconds: float,
    name: str,
    about: Mapping[str, str],
) -> Trained:
    """Train what the session is for; ``base``: the model that it goes on from, or adds to."""
    component = session.checkpoint.request.component
    ends = read_clock() + budget_seconds
    if component == "regressor" and base is None:
        refiner = train_refiner(session, budget_seconds=budget_seconds, name=name, about=about)
        return Trained(refiner)
    domain_seconds = None if session.plan.steps else find_domain_seconds(budget_seconds)
    precision_seconds = None if session.plan.steps else find_precision_seconds(budget_seconds)
    closing_seconds = (domain_seconds or 0.0) + (precision_seconds or 0.0)
    budget_seconds -= closing_seconds
    if component == "regressor":
        assert base is not None
        renamed = rename_model(base, name, about)
        model, gained = train_regressor(session, renamed, budget_seconds=budget_seconds)
        trained = Trained(model, notes=() if is_better(gained) else (describe_no_gain(gained),))
    else:
        share = find_regressor_share(session.plan, budget_seconds) if component == "both" else 0.0
        model, rounds = train_classifier(
            session, base, budget_seconds=budget_seconds * (1 - share), name=name, about=about
        )
        left = min(budget_seconds * share, ends - closing_seconds - read_clock())
        trained = judge_classifier(session, model, rounds)
        if component == "both" and (session.plan.steps or not trained.failure):
            trained = add_regressor(session, trained, base, budget_seconds=left)
    assert isinstance(trained.model.card, ModelCard)
    data, scaling = session.material.data, session.material.scaling
    # What its images looked like to the base's classifier is measured anew below.
    card = trained.model.card.model_copy(update={"domain": None})
    model = ModelFile(card, trained.model.networks)
    if not trained.failure:
        model = add_precisions(model, data, scaling=scaling, seconds=precision_seconds)
    model = add_domain(
        model,
        data,
        scaling=scaling,
        seconds=domain_seconds,
        device=session.placement.device,
        faster=list_faster_scores(model, scaling=scaling),
    )
    return replace(trained, model=model)


def find_domain_seconds(budget_seconds: float) -> float:
    """Of the time, what looking at images once more gets."""
    return min(DOMAIN_SHARE * budget_seconds, MOST_DOMAIN_SECONDS)


def find_precision_seconds(budget_seconds: float) -> float:
    """Of the time, what measuring faster precisions gets: 0 where it is too little to open them."""
    share = min(PRECISION_SHARE * budget_seconds, MOST_PRECISION_SECONDS)
    return share if share >= LEAST_TO_MEASURE_SECONDS else 0.0


def find_regressor_share(plan: Plan, budget_seconds: float) -> float:
    """Of the time, what the regressors get: 0 where it is too little for them to learn anything."""
    share = plan.regressor_share
    return share if plan.steps or share * budget_seconds >= FEWEST_SECONDS else 0.0


def judge_classifier(
    session: TrainingSession, model: ModelFile[ModelCard], rounds: tuple[ClassifierRound, ...]
) -> Trained:
    """A model with its classifier alone, and whether that has learned anything."""
    kappa = model.card.metrics["kappa"]
    if kappa is None or kappa > LEAST_KAPPA:
        return Trained(model, rounds)
    data = session.prepared.data
    pixels = np.sum([one.class_pixels for one in data.splits["val"].stats], axis=0)
    steps, seconds = rounds[-1].step, rounds[-1].seconds
    failure = (
        "not trained: on the validation images the model is no better than calling every pixel "
        f"{data.classes.names[int(pixels.argmax())]}, after {count_noun(steps, 'step')} in "
        f"{seconds:.0f} s: give it more --minutes or --steps; if that does not help, look at the "
        "labels, and then at the learning rate. The model is written, for --from to go on from"
    )
    return Trained(model, rounds, failure=failure)


def add_regressor(
    session: TrainingSession,
    trained: Trained,
    base: ModelFile[ModelCard] | None,
    *,
    budget_seconds: float,
) -> Trained:
    """Train what refines a classifier, and add it where outlines gain by it."""
    assert isinstance(trained.model.card, ModelCard)
    model = ModelFile(trained.model.card, trained.model.networks)
    if budget_seconds < LEAST_SECONDS and not session.plan.steps:
        note = "There was too little time for the regression network: give more minutes."
        return replace(trained, notes=(*trained.notes, note))
    refined, gained = train_regressor(session, model, base, budget_seconds=budget_seconds)
    if is_better(gained):
        return replace(trained, model=refined)
    return replace(trained, notes=(*trained.notes, f"{describe_no_gain(gained)} It is left out."))


def train_classifier(
    session: TrainingSession,
    base: ModelFile[ModelCard] | None,
    *,
    budget_seconds: float,
    name: str,
    about: Mapping[str, str],
) -> tuple[ModelFile[ModelCard], tuple[ClassifierRound, ...]]:
    """Train the segmentation network, anew or from ``base``; returns also its validations."""
    engine = run_classifier(session, base, budget_seconds=budget_seconds, name=name)
    offsets = adjust_logits(engine.best, session.material.data.splits["val"], session.plan)
    card = make_card(engine, session, offsets=offsets, name=name, about=about)
    networks = {engine.best.architecture.NAME: export_network(engine.best)}
    return ModelFile(card, networks), tuple(engine.rounds)


def run_classifier(
    session: TrainingSession,
    base: ModelFile[ModelCard] | None,
    *,
    budget_seconds: float | None,
    name: str = "",
) -> Engine[Classifier, ClassifierRound]:
    """Train the segmentation network to its end, together with the session's team."""
    training = ClassifierTraining(
        session.material.data,
        session.plan,
        initial=base,
        seed=session.seed,
        budget_seconds=budget_seconds,
        placement=session.placement,
        team=session.team,
    )
    preview = None if session.preview is None else partial(write_preview, session, name=name)
    return session.run("classifier", training, on_round=preview)


def write_preview(
    session: TrainingSession, engine: Engine[Classifier, ClassifierRound], *, name: str
) -> None:
    """Write the classifier as it is, where its last round is the best one so far."""
    last = engine.rounds[-1]
    if any(earlier.worth > last.worth for earlier in engine.rounds):
        return
    assert session.preview is not None
    networks = {engine.best.architecture.NAME: export_network(engine.best)}
    card = make_preview_card(engine, session, name=name)
    write_model(ModelFile(card, networks), session.preview, force=True)


def train_regressor(
    session: TrainingSession,
    model: ModelFile[ModelCard],
    base: ModelFile[ModelCard] | None = None,
    *,
    budget_seconds: float,
) -> tuple[ModelFile[ModelCard], Mapping[str, Any]]:
    """Train the regressors on the outlines of a model's classifier, and add them.

    ``base``: the model whose regressor this one goes on from, if it has such a one. Of the minutes,
    companions get some only where outlines gain. Returns with the model what its outlines gain, see
    ``OutlineValidation.to_dict``.
    """
    ends = read_clock() + budget_seconds
    card, plan = model.card, session.plan
    validation = session.material.data.splits["val"]
    network = restore_classifier(model).to(session.placement.device)
    architecture = network.architecture
    score = make_score(network, session.material.scaling)
    classifier = FinishedClassifier(score, architecture, card.threshold)
    views = open_views(session)
    seconds, companions = share_out(plan, budget_seconds)
    outlines = OutlineTraining(
        views,
        validation,
        plan,
        classifier=classifier,
        initial=None if base is None else restore_regressor(base),
        seed=session.seed,
        budget_seconds=seconds,
        placement=session.placement,
    )
    engine = session.run("regressor", outlines)
    outlines.finish(engine.best, validation)
    found = outlines.validate(engine.best, validation)
    regressor = make_regressor_card(engine.best, found, validation)
    added: list[TrainedNetwork] = [(regressor, engine.best)]
    company = Company(session, views, classifier, engine.best)
    for companion, companion_seconds in companions:
        left = min(companion_seconds, ends - read_clock())
        if plan.steps or (left > 0 and is_better(regressor.metrics)):
            trained = companion.train(company, left)
            added += [] if trained is None else [trained]
    parts = place_squeezing(network, [module for _, module in added])
    finished = [parts[0], *parts[1]]
    parted = [replace(card.classifier, faster=None), *(one for one, _ in added)]
    cards = [
        replace(one, architecture=module.architecture)
        for one, module in zip(parted, finished, strict=True)
    ]
    networks = {module.architecture.NAME: export_network(module) for module in finished}
    return ModelFile(card.with_networks(*cards), networks), regressor.metrics


def train_refiner(
    session: TrainingSession, *, budget_seconds: float, name: str, about: Mapping[str, str]
) -> ModelFile[RefinerCard]:
    """Train an outline regressor that needs no classifier, on outlines made from the truth."""
    validation = session.material.data.splits["val"]
    training = OutlineTraining(
        open_views(session),
        validation,
        session.plan,
        seed=session.seed,
        budget_seconds=budget_seconds,
        placement=session.placement,
    )
    engine = session.run("regressor", training)
    training.finish(engine.best, validation)
    regressor = make_regressor_card(
        engine.best, training.validate(engine.best, validation), validation
    )
    card = make_refiner_card(engine, regressor, session.prepared, name=name, about=about)
    return ModelFile(card, {engine.best.architecture.NAME: export_network(engine.best)})


def open_views(session: TrainingSession) -> DrawView:
    """What the regressors learn from: they share the images that are kept in memory."""
    training = session.material.data.splits["train"]
    views = LabelledViews(training, session.plan.augmentation, seed=session.seed)
    threads = min(VIEW_LOADERS, session.placement.loaders)
    ahead = Ahead(lambda number, _: views(number), threads=threads)
    return lambda number: ahead(number, False)


def describe_no_gain(figures: Mapping[str, Any]) -> str:
    """Say that a regressor improves nothing, and what helps."""
    return (
        f"The regression network brings no improvement on the validation images: outlines "
        f"{figures['error_before_px']:.2f} → {figures['error_px']:.2f} px off, mean IoU "
        f"{format_share(figures['mean_iou_before'])} → {format_share(figures['mean_iou'])}; more "
        "minutes may help."
    )
