"""What the recipes of the shipped models share; no recipe itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from torch import nn

import segfit
from segfit.cli.display.reports import render_report
from segfit.datasets import LabelledData
from segfit.evaluation.regions import evaluate
from segfit.model.shipped import SHIPPED_MODELS
from segfit.segmenter import AdjustedSegmenter
from segfit.training.checkpoint import (
    Checkpoint,
    Request,
    checkpoint_path,
    read_checkpoint,
    write_checkpoint,
)
from segfit.training.engine import Engine, State
from segfit.training.events import Event, Round
from segfit.training.preparation import Preparation

REPOSITORY = Path(__file__).resolve().parents[1]
MOST_BYTES = 8_000_000
"""What a shipped model may weigh."""

NetworkT = TypeVar("NetworkT", bound=nn.Module)
RoundT = TypeVar("RoundT", bound=Round)

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
    parser.add_argument("--times", type=float, default=1.0, help="of these minutes (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--device", default="cpu", help="where it learns (%(default)s)")
    parser.add_argument(
        "--work", type=Path, default=REPOSITORY / "build",
        help="where what is not finished is kept (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--force", action="store_true", help="replace the model if there is one")
    return parser


def parse_arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options that are given, all minutes times what they are to be."""
    arguments = parser.parse_args()
    arguments.minutes *= arguments.times
    if "regressor_minutes" in arguments:
        arguments.regressor_minutes *= arguments.times
    return arguments


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
    device: str,
    work: Path,
    base: str | None = None,
) -> None:
    """Train a classifier, then a regressor for it; measure the written model.

    ``base``: the model that the classifier goes on from, if any. The classifier alone lies in
    ``work``, and is not trained again where it is there already; an interrupted training of either
    resumes from its checkpoint.
    """
    classifier = work / f"{output.stem}-classifier.segfit"
    classifier.parent.mkdir(parents=True, exist_ok=True)
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
            device=device,
            description=description,
            on_prepared=print_preparation,
            on_event=print_round,
        )
    segmenter = segfit.load(output)
    for method in (AdjustedSegmenter(segmenter, refine=False), segmenter):
        console.print(render_report(evaluate(method, data.splits["val"])))
    check_size(output)


@dataclass(frozen=True)
class Unfinished:
    """What is kept of an engine's training beside the model that it is to become.

    ``kind``: what is trained. ``classes``, ``images``: what it learns from, by name.
    """

    path: Path
    kind: str
    classes: Sequence[str]
    images: Sequence[str]
    seed: int
    minutes: float
    state: State | None

    @classmethod
    def begin(
        cls, output: Path, kind: str, classes: Sequence[str], images: Sequence[str],
        *, seed: int, minutes: float,
    ) -> Unfinished:  # fmt: skip
        """What an earlier run left beside a model, with its seed and minutes, or nothing yet."""
        path = checkpoint_path(output)
        if not path.exists():
            return cls(path, kind, classes, images, seed, minutes, None)
        console.print(f"resuming from {path}; its minutes and seed stay")
        saved = read_checkpoint(path)
        state, minutes = saved.states[kind], float(saved.plan["minutes"])
        return cls(path, kind, classes, images, saved.request.seed, minutes, state)

    def run(self, engine: Engine[NetworkT, RoundT]) -> NetworkT:
        """Train to the end from where it was, keeping the state after every round."""
        if self.state is not None:
            engine.restore(self.state)
        return engine.run(on_event=print_round, save=self._save)

    def _save(self, state: State) -> None:
        checkpoint = Checkpoint(
            Request(self.kind, base=None, seed=self.seed),
            plan={"minutes": self.minutes},
            classes=list(self.classes),
            images=list(self.images),
            states={self.kind: state},
        )
        write_checkpoint(self.path, checkpoint)

    def finish(self) -> None:
        """The model is written: nothing is unfinished any more."""
        self.path.unlink(missing_ok=True)


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
