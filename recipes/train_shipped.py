"""What the recipes of the shipped models share; no recipe itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

import segfit
from segfit.datasets import LabelledData
from segfit.evaluation import evaluate
from segfit.segmenter import SHIPPED_MODELS
from segfit.training.checkpoint import checkpoint_path
from segfit.training.events import Event, Round
from segfit.training.train import Preparation

MOST_BYTES = 8_000_000
"""What a shipped model may weigh."""

console = Console()


def make_parser(doc: str, *, model: str, minutes: float) -> argparse.ArgumentParser:
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
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--force", action="store_true", help="replace the model if there is one")
    return parser


def train_model(
    data: LabelledData,
    output: Path,
    *,
    minutes: float,
    seed: int,
    force: bool,
    description: Mapping[str, str],
) -> None:
    """Train, or go on from the checkpoint beside ``output``; measure the written model."""
    resumed = checkpoint_path(output).exists()
    if resumed:
        console.print(f"going on from {checkpoint_path(output)}; its minutes and seed stay")
    segfit.train(
        data,
        output,
        minutes=None if resumed else minutes,
        seed=seed,
        resume=resumed,
        force=force,
        description=description,
        on_prepared=print_preparation,
        on_event=print_round,
    )
    console.print(evaluate(segfit.load(output), data.parts["val"]).to_table())
    size_bytes = output.stat().st_size
    console.print(f"{output}: {size_bytes / 1e6:.2f} MB")
    if size_bytes > MOST_BYTES:
        raise SystemExit(f"a shipped model may have {MOST_BYTES / 1e6:g} MB")


def print_preparation(preparation: Preparation) -> None:
    for line in (*preparation.data.notes, *preparation.reasons):
        console.print(line)


def print_round(event: Event) -> None:
    if isinstance(event, Round):
        console.print(
            f"{event.seconds / 60:.1f} min, step {event.step} of {event.steps}: mean IoU "
            f"{event.mean_iou:.4f}, best {event.best_mean_iou:.4f}"
        )
