#!/usr/bin/env python
"""Rebuild the shipped refiner, which moves the outlines of masks from anywhere.

    python recipes/train_outlines.py ../shared/data

Give the same command again after an interruption, and it resumes where it stood.

It learns from labelled faces, street scenes, nuclei, micrographs and melt pools, and from drawn
objects whose borders are known exactly. Outlines to begin with are made from the truth, by
coarsening and jitter. The temperature of its errors is found on the validation images of these
sets, each set counting alike. The regions of BSDS500 have no classes and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from segfit.basics.files import check_writable
from segfit.datasets import Dataset, LabelledData, open_labelled
from segfit.model.archive import ModelFile, write_model
from segfit.model.card import NetworkCard, RefinerCard, list_networks
from segfit.networks.export import export_network
from segfit.networks.outline_regressor import OutlineRegressor
from segfit.training.cards import describe_making, describe_plan
from segfit.training.data.augment import Augmentation
from segfit.training.data.synthetic import SyntheticViews
from segfit.training.data.views import DrawView, LabelledViews, View
from segfit.training.engine import Engine
from segfit.training.events import OutlineRound
from segfit.training.outlines import OutlineTraining
from segfit.training.placement import find_placement
from segfit.training.plan.plan import make_plan
from segfit.training.residuals import fit_temperature
from train_shipped import Unfinished, check_size, console, make_parser, parse_arguments

SETS = ("fasseg-frontal", "fasseg-multipose", "camvid", "dsb2018", "superalloy", "meltpool")
DRAWN_SHARE = 3
"""Of so many views, one is drawn."""
MOST_VALIDATED = 24

DESCRIPTION = {
    "description": (
        "Moves the outlines of masks to where the image has its edges, and says how far off each "
        "point may be. It knows no classes: give it masks that are right to a few pixels."
    ),
    "data": (
        "The training splits of FASSEG frontal and multipose (University of Brescia), CamVid "
        "(SegNet's version), BBBC038v1 (2018 Data Science Bowl), NASA's nickel superalloy and melt "
        "pool micrographs, and drawn objects with known borders. None of the images is part of "
        "this file. The temperature was found on the validation splits."
    ),
    "licence": (
        "Weights: Apache-2.0. FASSEG states no licence, CamVid is CC BY-NC 4.0, BBBC038v1 is CC0, "
        "the micrographs are MIT: for commercial use, ask the makers of the first two, or train a "
        "refiner on data of your own."
    ),
}


@dataclass(frozen=True)
class MixedViews:
    """Views of several sources in turn; every third is drawn."""

    labelled: Sequence[DrawView]
    drawn: DrawView

    def __call__(self, step: int) -> View:
        """Draw the view of a step."""
        turn, place = divmod(step, DRAWN_SHARE)
        if place == DRAWN_SHARE - 1:
            return self.drawn(turn)
        number = turn * (DRAWN_SHARE - 1) + place
        round_number, source = divmod(number, len(self.labelled))
        return self.labelled[source](round_number)


def main() -> None:
    parser = make_parser(__doc__, model="outlines", minutes=10)
    arguments = parse_arguments(parser)
    check_writable(arguments.output, force=arguments.force)
    sets = {name: open_labelled(arguments.data / name) for name in SETS}
    usual = sets["fasseg-frontal"].splits["train"]
    unfinished = Unfinished.begin(
        arguments.output,
        "regressor",
        usual.classes.names,
        [name for data in sets.values() for name in data.splits["train"].names],
        seed=arguments.seed,
        minutes=arguments.minutes,
    )
    seed, minutes = unfinished.seed, unfinished.minutes
    plan, _ = make_plan(usual, overrides={"minutes": minutes, "regressor_width": 64})
    rotated = Augmentation(flip_vertical=True, rotation_deg=180)
    labelled = [LabelledViews(data.splits["train"], rotated, seed=seed) for data in sets.values()]
    placement, place = find_placement(arguments.device)
    console.print(place)
    training = OutlineTraining(
        MixedViews(labelled, SyntheticViews(seed=seed)),
        sets["dsb2018"].splits["val"],
        plan,
        seed=seed,
        budget_seconds=60 * minutes,
        placement=placement,
    )
    engine = Engine(training)
    network = unfinished.run(engine)
    training.finish(network, *(choose_validation(data) for data in sets.values()))
    temperature, metrics = validate(engine, training, sets)
    regressor = NetworkCard(network.architecture, temperature, metrics)
    card = RefinerCard(
        name=arguments.output.stem,
        networks=list_networks(regressor),
        plan=describe_plan(plan, engine),
        **describe_making(DESCRIPTION),
    )
    model = ModelFile(card, {network.architecture.NAME: export_network(network)})
    write_model(model, arguments.output, force=arguments.force)
    unfinished.finish()
    console.print(metrics)
    check_size(arguments.output)


def choose_validation(data: LabelledData) -> Dataset:
    """The first of a set's validation images."""
    return data.splits["val"][:MOST_VALIDATED]


def validate(
    engine: Engine[OutlineRegressor, OutlineRound],
    training: OutlineTraining,
    sets: dict[str, LabelledData],
) -> tuple[float, dict[str, object]]:
    """Temperature and figures over the validation splits, every set counting alike."""
    rng = np.random.default_rng(training.seed)
    residuals, figures = [], {}
    for name, data in sets.items():
        found = training.validate(engine.best, choose_validation(data))
        figures[name] = found.to_dict()
        residuals.append(rng.choice(found.residuals, 20_000))
    images = sum(min(MOST_VALIDATED, len(data.splits["val"])) for data in sets.values())
    before, after = (
        float(np.mean([one[key] for one in figures.values()]))
        for key in ("error_before_px", "error_px")
    )
    metrics = {
        "measured_on": f"{images} validation images of {len(sets)} sets",
        "error_before_px": before,
        "error_px": after,
        "sets": figures,
    }
    return fit_temperature(np.concatenate(residuals)), metrics


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
