"""What the recipes of the shipped models share; no recipe itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

import segfit
from segfit.cli.display.reports import render_report
from segfit.datasets import LabelledData
from segfit.evaluation.regions import evaluate
from segfit.model.shipped import SHIPPED_MODELS
from segfit.segmenter import AdjustedSegmenter
from segfit.training.checkpoint import checkpoint_path
from segfit.training.events import Event, Round
from segfit.training.preparation import Preparation

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_BYTES = 8_000_000
"""What a shipped model may weigh."""

console = Console()


def make_parser(
    doc: str, *, model: str, minutes: float, regressor_minutes: float | None = None
) -> argparse.ArgumentParser:
    """The options of a recipe that writes the shipped model of this name."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder that holds the data sets")
    parser.add_argument(
        "-o", "--output", type=Path, default=SHIPPED_MODELS / f"{model}.segfit",
        help="the model to write (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, default=minutes, help="(%(default)s)")
    if regressor_minutes is not None:
        parser.add_argument(
            "--regressor-minutes", type=float, default=regressor_minutes, help="(%(default)s)"
        )
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--force", action="store_true", help="replace the model if there is one")
    return parser


def train_model(
    data: LabelledData,
    output: Path,
    *,
    minutes: float,
    regressor_minutes: float,
    plan: Mapping[str, Any],
    seed: int,
    force: bool,
    description: Mapping[str, str],
    base: str | None = None,
) -> None:
    """Train a classifier, then a regressor for it; measure the written model.

    ``base``: the model that the classifier goes on from, if any. The classifier alone lies in
    ``build/``, and is not trained again where it is there already; an interrupted training of
    either resumes from its checkpoint.
    """
    classifier = REPOSITORY / "build" / f"{output.stem}-classifier.segfit"
    classifier.parent.mkdir(exist_ok=True)
    steps: list[tuple[Path, dict[str, Any]]] = [
        (classifier, {"component": "classifier", "base": base, "minutes": minutes}),
        (output, {"component": "regressor", "base": classifier, "minutes": regressor_minutes}),
    ]
    for path, settings in steps:
        if path == classifier and path.exists():
            continue
        resumed = checkpoint_path(path).exists()
        if resumed:
            console.print(f"resuming from {checkpoint_path(path)}; its minutes and seed stay")
        segfit.train(
            data,
            path,
            **({} if resumed else {**settings, "plan": plan}),
            seed=seed,
            resume=resumed,
            force=force,
            description=description,
            on_prepared=print_preparation,
            on_event=print_round,
        )
    segmenter = segfit.load(output)
    for method in (AdjustedSegmenter(segmenter, refine=False), segmenter):
        console.print(render_report(evaluate(method, data.splits["val"])))
    check_size(output)


def check_size(output: Path, *, most_bytes: int = MOST_BYTES) -> None:
    """Complain of a model that is too large to ship."""
    size_bytes = output.stat().st_size
    console.print(f"{output}: {size_bytes / 1e6:.2f} MB")
    if size_bytes > most_bytes:
        raise SystemExit(f"this model may have {most_bytes / 1e6:g} MB")


def print_preparation(preparation: Preparation) -> None:
    for line in (*preparation.data.notes, *preparation.reasons):
        console.print(line)


def print_round(event: Event) -> None:
    if isinstance(event, Round):
        console.print(
            f"{event.seconds / 60:.1f} min, step {event.step} of {event.steps}: {event.title}, "
            f"{event.describe()}"
        )
