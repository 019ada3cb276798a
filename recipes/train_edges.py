#!/usr/bin/env python
"""Rebuild the shipped edge model from the drawings of BSDS500's training split.

    python recipes/train_edges.py ../shared/data

It learns at each pixel the share of the people who drew an edge there. Give the same command again
after an interruption, and it resumes where it stood; its minutes stay. The validation split is not
used for anything but the figures on the card.
"""

from __future__ import annotations

from typing import Any

import torch

from segfit.basics.files import check_writable
from segfit.classes import ClassTable
from segfit.datasets.drawn import open_drawn
from segfit.model.architecture import ClassifierArchitecture
from segfit.model.archive import ModelFile, write_model
from segfit.model.card import ModelCard, NetworkCard, list_networks
from segfit.model.scaling import Scaling
from segfit.networks.classifier import Classifier
from segfit.networks.encoders.efficientnet_lite0 import EfficientNetLite0
from segfit.networks.export import export_network
from segfit.training.cards import describe_making
from segfit.training.data.augment import Augmentation
from segfit.training.edges import EdgeTraining
from segfit.training.engine import Engine
from segfit.training.placement import find_placement
from segfit.training.torch_state import use_seed
from train_shipped import Unfinished, check_size, console, make_parser, parse_arguments

MOST_BYTES = 4_000_000
ARCHITECTURE = ClassifierArchitecture(
    outputs=1, encoder="efficientnet-lite0-short", decoder_width=96, output_stride=2
)
PLAN: dict[str, Any] = {
    "crop_px": (320, 320),
    "batch": 6,
    "learning_rate": 2e-3,
    "encoder_rate": 0.25,
}
AUGMENTATION = Augmentation(rotation_deg=45, zoom=2.0, color=0.7, noise=0.1, blur=0.2)
CLASSES = ClassTable.from_names(("background", "edge"))

DESCRIPTION = {
    "description": (
        "Finds the edges of objects in photographs: its probability at a pixel is the share of "
        "people who would draw an edge there. For segfit edges."
    ),
    "data": (
        "BSDS500 (Arbeláez, Maire, Fowlkes and Malik, University of California, Berkeley, 2011): "
        "the 200 training images, drawn by 4 to 9 people each. None of the images is part of "
        "this file. The encoder began with ImageNet weights."
    ),
    "licence": (
        "Weights: Apache-2.0. BSDS500 is for non-commercial research and education: for "
        "commercial use, ask its makers, or train on drawings of your own."
    ),
}


def main() -> None:
    parser = make_parser(__doc__, model="edges", minutes=60)
    arguments = parse_arguments(parser)
    placement, place = find_placement(arguments.device)
    console.print(place)
    check_writable(arguments.output, force=arguments.force)
    training_images = open_drawn(arguments.data / "bsds500", "train")
    unfinished = Unfinished.begin(
        arguments.output,
        "classifier",
        CLASSES.names,
        [image.stem for image, _ in training_images.paths],
        seed=arguments.seed,
        minutes=arguments.minutes,
    )
    seed, minutes = unfinished.seed, unfinished.minutes
    with use_seed(seed):
        network = build_network()
    training = EdgeTraining(
        network,
        training_images,
        open_drawn(arguments.data / "bsds500", "val"),
        augmentation=AUGMENTATION,
        seed=seed,
        budget_seconds=60 * minutes,
        placement=placement,
        **PLAN,
    )
    engine = Engine(training)
    network = unfinished.run(engine)
    plan = {**PLAN, "augmentation": AUGMENTATION.model_dump(), "minutes": minutes}
    metrics = {
        "measured_on": f"{len(training.validation)} validation images",
        "loss": engine.rounds[-1].loss,
    }
    card = ModelCard(
        name=arguments.output.stem,
        classes=CLASSES,
        scaling=Scaling(kind="field", factor=1.0),
        networks=list_networks(NetworkCard(network.architecture, metrics=metrics)),
        plan={**plan, "seed": seed, "trained_steps": engine.step},
        **describe_making(DESCRIPTION),
    )
    model = ModelFile(card, {network.architecture.NAME: export_network(network)})
    write_model(model, arguments.output, force=arguments.force)
    unfinished.finish()
    check_size(arguments.output, most_bytes=MOST_BYTES)


def build_network() -> Classifier:
    """An encoder that knows ImageNet and keeps its statistics, and a new decoder."""
    network = Classifier(ARCHITECTURE, pretrained=True)
    assert isinstance(network.encoder, EfficientNetLite0)
    network.encoder.freeze_statistics()
    return network.to(memory_format=torch.channels_last)


if __name__ == "__main__":
    torch.set_num_threads(2)
    main()
