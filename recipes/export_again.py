#!/usr/bin/env python3
"""Write the shipped models anew with the graphs of today's networks; their numbers stay.

    python recipes/export_again.py

For a network whose computation was made faster, and not its answers other. A model whose graphs
are as they would be is left alone. What the card of one that is written said of faster precisions
goes: ``measure_precisions.py`` measures it anew.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from segfit.errors import SegfitError
from segfit.model.archive import ModelFile, read_model, read_refiner, write_model
from segfit.model.card import ModelCard
from segfit.model.shipped import list_shipped
from segfit.networks.classifier import Classifier
from segfit.networks.export import export_network, restore_from
from segfit.networks.network import Network
from segfit.networks.squeezing import place_squeezing

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    for name, path in list_shipped().items():
        model = read_any(path)
        restored = {kind: restore_from(model, kind) for kind in model.card.networks}
        card = model.card
        if isinstance(card, ModelCard) and len(restored) > 1 and not card.architecture.squeezed:
            card, restored = squeeze(card, restored)
        networks = {kind: export_network(network) for kind, network in restored.items()}
        for kind, files in networks.items():
            if files.weights != model.networks[kind].weights:
                raise SystemExit(f"{name}: the weights of its {kind} would change")
        if networks == dict(model.networks):
            console.print(f"{name}: as it was")
            continue
        cards = [replace(network, faster=None) for network in card.networks.values()]
        write_model(ModelFile(card.with_networks(*cards), networks), path, force=True)
        console.print(f"{name}: written, {path.stat().st_size / 1e6:.1f} MB")


def squeeze(card: ModelCard, restored: dict[str, Network]) -> tuple[ModelCard, dict[str, Network]]:
    """The same networks, and what the card says of them, features squeezed by the classifier."""
    first, *readers = restored.values()
    assert isinstance(first, Classifier)
    classifier, placed = place_squeezing(first, readers)
    networks = dict(zip(restored, [classifier, *placed], strict=True))
    cards = [
        replace(card.networks[kind], architecture=network.architecture)
        for kind, network in networks.items()
    ]
    return card.with_networks(*cards), networks


def read_any(path: Path) -> ModelFile[Any]:
    """A segmenter's or a refiner's file."""
    try:
        return read_model(path)
    except SegfitError:
        return read_refiner(path)


if __name__ == "__main__":
    main()
