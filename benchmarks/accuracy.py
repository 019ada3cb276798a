#!/usr/bin/env python3
"""Train on a data set's training split and measure the written model on its validation split.

    python benchmarks/accuracy.py fasseg-frontal --minutes 3

A run that was interrupted resumes where it stood: give the same command again.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

import segfit
from images import draw_curve, draw_worst_cases
from options import (
    QUICK_MINUTES,
    QUICK_PLAN,
    add_settings,
    find_data,
    make_parser,
    open_build_folder,
    parse_arguments,
)
from results import describe_run, write_result
from segfit.basics.text import parse_settings
from segfit.cli.display.reports import render_report
from segfit.datasets import Dataset, LabelledData, LabelledImage
from segfit.evaluation.regions import evaluate, prefix_of
from segfit.evaluation.report import ImageRow, Report
from segfit.result.segmentation import Segmentation
from segfit.segmenter import Segmenter
from segfit.training import TrainingResult
from segfit.training.checkpoint import checkpoint_path
from segfit.training.events import ClassifierRound, Event
from segfit.training.preparation import Preparation

SETS = ("fasseg-frontal", "fasseg-multipose", "camvid", "dsb2018", "superalloy")
GROUPED = ("dsb2018",)
"""Sets whose images' names begin with their kind."""
MAY_SHIP = ("dsb2018", "superalloy")
"""Sets whose images may lie in this repository; the others' are for measuring only."""
WORST_SHOWN = 4

console = Console()


@dataclass(frozen=True)
class TimedTraining:
    """A finished training, the data that it saw, and what it took.

    ``wall_seconds``: from opening the data to the written model, of this process alone.
    """

    result: TrainingResult
    data: LabelledData
    reasons: tuple[str, ...]
    wall_seconds: float
    resumed: bool


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--minutes", type=float, help="wall clock (what the plan chooses)")
    parser.add_argument("--seed", type=int, default=0)
    add_settings(parser)
    parser.add_argument("--keep", type=Path, help="where the model goes (build/benchmarks/…)")
    parser.add_argument("--name", help="name of the result files (accuracy-SET)")
    arguments = parse_arguments(parser, quick=f"superalloy --minutes {QUICK_MINUTES} {QUICK_PLAN}")

    folder = find_data(parser, arguments, arguments.set)
    model: Path = arguments.keep or default_model(arguments)
    model.parent.mkdir(parents=True, exist_ok=True)
    name: str = arguments.name or f"accuracy-{arguments.set}"
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])

    training = train_timed(
        folder,
        model,
        minutes=arguments.minutes,
        plan=parse_settings(arguments.settings),
        seed=arguments.seed,
        threads=arguments.threads,
    )
    validation = training.data.splits["val"]
    segmenter = segfit.load(model, threads=arguments.threads)
    group_of = prefix_of if arguments.set in GROUPED else None
    report = evaluate(segmenter, validation, group_of=group_of)

    console.print(render_report(report))
    images: Path = arguments.results / "images"
    classes = training.data.classes
    draw_curve(training.result.rounds, classes, images / f"{name}-curve.png", title=name)
    if arguments.set in MAY_SHIP:
        cases = find_worst(segmenter, validation, report.rows)
        draw_worst_cases(cases, classes, images / f"{name}-worst.png")
    path = write_result(name, run, collect_figures(training, report), folder=arguments.results)
    console.print(f"{path}; model: {model} ({model.stat().st_size / 1e6:.1f} MB)")


def default_model(arguments: argparse.Namespace) -> Path:
    """Differs by what differs between runs, so that none resumes from another's checkpoint."""
    length = f"{arguments.minutes:g}min" if arguments.minutes else "planned"
    name = f"{arguments.set}-{length}-seed{arguments.seed}.segfit"
    return open_build_folder(arguments) / name


def train_timed(
    folder: Path,
    model: Path,
    *,
    minutes: float | None,
    plan: dict[str, Any],
    seed: int,
    threads: int,
) -> TimedTraining:
    """Train as ``segfit train`` does, or resume from the checkpoint beside ``model``."""
    resumed = checkpoint_path(model).exists()
    if resumed:
        console.print(
            f"resuming from {checkpoint_path(model)} with the settings that it began with"
        )
    prepared: list[Preparation] = []

    def on_prepared(preparation: Preparation) -> None:
        prepared.append(preparation)
        for line in (*preparation.data.notes, *preparation.reasons):
            console.print(f"[dim]{line}")

    began = time.perf_counter()
    result = segfit.train(
        folder,
        model,
        # A training that is resumed keeps the plan that it began with.
        minutes=None if resumed else minutes,
        plan=None if resumed else plan,
        seed=seed,
        resume=resumed,
        force=True,
        threads=threads,
        on_prepared=on_prepared,
        on_event=print_round,
    )
    return TimedTraining(
        result=result,
        data=prepared[0].data,
        reasons=prepared[0].reasons,
        wall_seconds=time.perf_counter() - began,
        resumed=resumed,
    )


def print_round(event: Event) -> None:
    if isinstance(event, ClassifierRound):
        console.print(
            f"step {event.step} of {event.steps}, {event.seconds:.0f} s: mean IoU "
            f"{event.mean_iou:.4f}, best {event.best_mean_iou:.4f}"
        )


def find_worst(
    segmenter: Segmenter, dataset: Dataset, rows: Sequence[ImageRow]
) -> list[tuple[LabelledImage, Segmentation, str]]:
    """The worst of a report's rows, segmented again, each with the figure that says so."""
    cases = []
    for row in rows[:WORST_SHOWN]:
        example = dataset[dataset.names.index(row.name)]
        kind = "mean IoU" if row.instances is None else "AP at IoU 0.5"
        cases.append((example, segmenter(example.image), f"{kind} {row.worth:.2f}"))
    return cases


def collect_figures(training: TimedTraining, report: Report) -> dict[str, Any]:
    """What the result file holds."""
    result = training.result
    return {
        "validation": report.to_dict(),
        "threshold": result.card.threshold,
        "wall_seconds": training.wall_seconds,
        "resumed": training.resumed,
        "steps": result.rounds[-1].step,
        "rounds": [asdict(done) for done in result.rounds],
        "plan": result.card.plan,
        "reasons": training.reasons,
        "notes": training.data.notes,
    }


if __name__ == "__main__":
    main()
