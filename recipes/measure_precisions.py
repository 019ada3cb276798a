#!/usr/bin/env python3
"""Measure anew what the shipped models lose in faster precisions, and how their images look there.

    python recipes/measure_precisions.py ../shared/data

For models that were trained before that was measured, and after their graphs were exported again.
It takes a processor with bfloat16 and VNNI.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console

from segfit.datasets import LabelledData, open_labelled
from segfit.datasets.drawn import open_drawn
from segfit.evaluation.edges import evaluate_edges
from segfit.methods import open_edge_finder
from segfit.model.archive import ModelFile, read_model, write_model
from segfit.model.card import ModelCard
from segfit.model.precision import FASTER, Precision
from segfit.model.shipped import find_model
from segfit.runtime.precision import list_fast
from segfit.training.domain import add_domain
from segfit.training.precisions import (
    MOST_TRAINING,
    add_precisions,
    add_ranges,
    find_losses,
    list_faster_scores,
    with_losses,
)
from train_face import merge

STRENGTHS = np.linspace(0.02, 0.98, 49)

console = Console()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder that holds the data sets")
    parser.add_argument("models", nargs="*", default=list(MEASURE), help="(%(default)s)")
    arguments = parser.parse_args()
    if list_fast() != FASTER:
        parser.error(f"this processor is not fast in all of {', '.join(FASTER)}: take another")
    for name in arguments.models:
        path = find_model(name)
        model = MEASURE[name](read_model(path), arguments.data)
        write_model(model, path, force=True)
        assert model.card.classifier.faster is not None
        console.print(name, model.card.classifier.faster.losses, f"{path.stat().st_size:,} bytes")


def measure_face(model: ModelFile[ModelCard], data: Path) -> ModelFile[ModelCard]:
    """By the images that it learned from."""
    frontal = open_labelled(data / "fasseg-frontal")
    multipose = open_labelled(data / "fasseg-multipose")
    return measure(model, merge(frontal, multipose, frontal_repeats=1))


def measure_nuclei(model: ModelFile[ModelCard], data: Path) -> ModelFile[ModelCard]:
    """By the images that it learned from."""
    return measure(model, open_labelled(data / "dsb2018"))


def measure(model: ModelFile[ModelCard], data: LabelledData) -> ModelFile[ModelCard]:
    """As at the end of a training: what is lost, and how images look in all that costs little."""
    measured = add_precisions(model, data)
    return add_domain(measured, data, faster=list_faster_scores(measured))


def measure_edges(model: ModelFile[ModelCard], data: Path) -> ModelFile[ModelCard]:
    """By how well edges agree with what people drew."""
    drawn = open_drawn(data / "bsds500", "train")
    every = len(drawn) // MOST_TRAINING
    images = (drawn[number].image for number in range(0, len(drawn), every))
    ready, validation = add_ranges(model, images), open_drawn(data / "bsds500", "val")
    figures: dict[Precision, dict[str, float]] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "edges.segfit"
        write_model(ready, path)
        for precision in (Precision.SINGLE, *FASTER):
            finder = open_edge_finder(str(path), precision=precision)
            found = evaluate_edges(finder, validation, strengths=STRENGTHS).edges
            figures[precision] = {"ODS": found.ods, "OIS": found.ois, "AP": found.ap}
    return with_losses(ready, find_losses(figures), len(validation))


MEASURE = {"face": measure_face, "nuclei": measure_nuclei, "edges": measure_edges}
"""By the models that have a classifier."""


if __name__ == "__main__":
    main()
