#!/usr/bin/env python3
"""Fit anew what a model claims of its outlines' errors.

Outlines stay, unless the model has a shrinkage, which goes by these errors: then they move a bit.

    python recipes/fit_claims.py face ../shared/data/fasseg-frontal
    python recipes/fit_claims.py nuclei ../shared/data/dsb2018

The validation images of the data are those that it is fitted to: the model must not have learned
from them. Every training of a regressor ends so; this is for models that were trained before.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from segfit.datasets import Dataset, open_labelled
from segfit.model.archive import ModelFile, read_model, write_model
from segfit.model.card import ModelCard
from segfit.model.shipped import find_model
from segfit.networks.export import export_network, restore_from
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.training.cards import make_regressor_card
from segfit.training.data.first_outlines import FinishedClassifier
from segfit.training.data.views import LabelledViews
from segfit.training.finetuning import restore_classifier, restore_regressor
from segfit.training.inference import make_score
from segfit.training.outlines import OutlineTraining
from segfit.training.plan.plan import make_plan

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a shipped model's name, or a file")
    parser.add_argument("data", type=Path, help="labelled images with a part for validation")
    parser.add_argument("-o", "--output", type=Path, help="(the model itself)")
    arguments = parser.parse_args()
    path = find_model(arguments.model)
    model = read_model(path)
    if model.card.regressor is None:
        parser.error(f"{path} has no network that refines outlines")
    data = open_labelled(arguments.data)
    if data.classes.names != model.card.classes.names:
        parser.error(f"the classes of {arguments.data} are not those of {path}, in their order")
    written = fit_anew(model, data.splits["train"], data.splits["val"])
    write_model(written, arguments.output or path, force=True)
    console.print(f"within one error: {written.card.regressor.metrics['within_one']:.3f}")


def fit_anew(
    model: ModelFile[ModelCard], training: Dataset, validation: Dataset
) -> ModelFile[ModelCard]:
    """The model, of which only the claims of its outline regressor are others."""
    classifier, regressor = restore_classifier(model), restore_regressor(model)
    assert regressor is not None
    assert model.card.regressor is not None
    score = make_score(classifier, model.card.scaling)
    finished = FinishedClassifier(score, classifier.architecture, model.card.threshold)
    plan, _ = make_plan(training, overrides={"steps": 1})
    outlines = OutlineTraining(
        LabelledViews(training, plan.augmentation, seed=0),
        validation,
        plan,
        classifier=finished,
        initial=regressor,
        seed=0,
        budget_seconds=None,
    )
    shrinkage = model.card.regressor.architecture.shrinkage
    outlines.network.architecture = replace(outlines.network.architecture, shrinkage=shrinkage)
    outlines.fit_claims(outlines.network, validation)
    found = outlines.validate(outlines.network, validation)
    name = regressor.architecture.NAME
    whole = restore_from(model, name)
    assert isinstance(whole, OutlineRegressor)
    whole.head.load_state_dict(outlines.network.head.state_dict())
    card = make_regressor_card(outlines.network, found, validation)
    card = replace(card, architecture=whole.architecture)
    cards = [card if name == one.architecture.NAME else one for one in model.card.networks.values()]
    networks = {**model.networks, name: export_network(whole)}
    return ModelFile(model.card.with_networks(*cards), networks)


if __name__ == "__main__":
    main()
