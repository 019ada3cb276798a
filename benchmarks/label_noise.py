#!/usr/bin/env python3
"""Symmetric cross-entropy against plain cross-entropy where 30 % of the label pixels are wrong.

    python benchmarks/label_noise.py superalloy --noise pixels
    python benchmarks/label_noise.py superalloy --noise blobs

Both losses train on true and on corrupted labels: same images, same seed, same steps. What counts
is the network after the last step, on validation images with true labels. The best round is in
the result file, too, but clean validation labels choose it, and who has wrong labels has none.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from corruption import NOISES, corrupt_dataset
from options import QUICK_PLAN, add_settings, find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.text import parse_settings
from segfit.datasets import Dataset, LabelledData, open_labelled
from segfit.metrics.confusion import iou_per_class, mean_iou
from segfit.training.classifier import ClassifierTraining, validate
from segfit.training.engine import Engine
from segfit.training.plan.plan import Plan, make_plan

SETS = ("superalloy", "fasseg-frontal")
LOSSES = ("cross_entropy", "symmetric_cross_entropy")

console = Console()


@dataclass(frozen=True)
class Outcome:
    """One training; IoU on true validation labels, per class and mean, after the last step."""

    labels: str
    loss: str
    seed: int
    mean_iou: float
    iou: tuple[float, ...]
    best_round_mean_iou: float
    seconds: float


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("set", nargs="?", choices=SETS, default="superalloy")
    parser.add_argument("--noise", choices=tuple(NOISES), default="pixels")
    parser.add_argument("--share", type=float, default=0.3, help="of the pixels (%(default)s)")
    parser.add_argument("--steps", type=int, default=200, help="of each training (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    add_settings(parser)
    arguments = parse_arguments(parser, quick=f"superalloy --steps 1 --seeds 0 {QUICK_PLAN}")

    folder = find_data(parser, arguments, arguments.set)
    run = describe_run(seeds=arguments.seeds, threads=arguments.threads, data=[folder])
    torch.set_num_threads(arguments.threads)
    data = open_labelled(folder)
    settings = {**parse_settings(arguments.settings), "steps": arguments.steps}

    outcomes: list[Outcome] = []
    shares: list[float] = []
    for seed in arguments.seeds:
        training_sets = {
            "true": data.splits["train"],
            "corrupted": corrupt_dataset(
                data.splits["train"], noise=arguments.noise, share=arguments.share, seed=seed
            ),
        }
        shares.append(measure_corruption(*training_sets.values()))
        outcomes += train_all(data, training_sets, settings=settings, seed=seed)

    summary = summarise(outcomes)
    console.print(to_table(summary, title=f"{arguments.set}: {arguments.noise} {shares[0]:.1%}"))
    figures = {
        "set": arguments.set,
        "noise": arguments.noise,
        "share_of_pixels_corrupted": shares,
        "steps": arguments.steps,
        "summary": summary,
        "kept_by_symmetric_cross_entropy": compare(summary),
        "classes": data.classes.names,
        "trainings": [vars(outcome) for outcome in outcomes],
        "plan": make_plan(data.splits["train"], overrides=settings)[0].model_dump(mode="json"),
    }
    name = f"label-noise-{arguments.set}-{arguments.noise}"
    console.print(write_result(name, run, figures, folder=arguments.results))


def measure_corruption(true: Dataset, corrupted: Dataset) -> float:
    """Share of the training pixels whose class is wrong."""
    wrong = [float((a.labels != b.labels).mean()) for a, b in zip(true, corrupted, strict=True)]
    return mean(wrong)


def train_all(
    data: LabelledData,
    training_sets: Mapping[str, Dataset],
    *,
    settings: Mapping[str, Any],
    seed: int,
) -> list[Outcome]:
    """Train with each loss on each kind of labels."""
    outcomes = []
    for labels, training_set in training_sets.items():
        for loss in LOSSES:
            plan, _ = make_plan(data.splits["train"], overrides={**settings, "loss": loss})
            splits = {"train": training_set, "val": data.splits["val"]}
            outcome = train_once(
                LabelledData(data.classes, splits, ()), plan, labels=labels, seed=seed
            )
            outcomes.append(outcome)
            console.print(
                f"seed {seed}, {labels} labels, {loss}: mean IoU {outcome.mean_iou:.4f} "
                f"after {outcome.seconds:.0f} s"
            )
    return outcomes


def train_once(data: LabelledData, plan: Plan, *, labels: str, seed: int) -> Outcome:
    """Train for the plan's steps and measure the averaged weights of the last one."""
    began = time.perf_counter()
    engine = Engine(ClassifierTraining(data, plan, seed=seed, budget_seconds=None))
    engine.run(on_event=lambda event: None, save=lambda state: None)
    confusion, _ = validate(engine.averaged, data.splits["val"], plan)
    return Outcome(
        labels=labels,
        loss=plan.loss,
        seed=seed,
        mean_iou=mean_iou(confusion),
        iou=tuple(iou_per_class(confusion).tolist()),
        best_round_mean_iou=engine.rounds[-1].best_mean_iou,
        seconds=time.perf_counter() - began,
    )


def summarise(outcomes: Sequence[Outcome]) -> dict[str, dict[str, dict[str, float]]]:
    """Mean and standard deviation over the seeds, by labels and loss."""
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for labels in ("true", "corrupted"):
        summary[labels] = {}
        for loss in LOSSES:
            values = [o.mean_iou for o in outcomes if (o.labels, o.loss) == (labels, loss)]
            summary[labels][loss] = {
                "mean_iou": mean(values),
                "stdev": stdev(values) if len(values) > 1 else float("nan"),
            }
    return summary


def compare(summary: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, float]:
    """What corrupted labels cost each loss, and what the symmetric one has more, in mean IoU."""
    plain, symmetric = LOSSES
    lost = {
        loss: summary["true"][loss]["mean_iou"] - summary["corrupted"][loss]["mean_iou"]
        for loss in LOSSES
    }
    corrupted = summary["corrupted"]
    return {
        "lost_by_cross_entropy": lost[plain],
        "lost_by_symmetric_cross_entropy": lost[symmetric],
        "ahead_on_corrupted_labels": corrupted[symmetric]["mean_iou"]
        - corrupted[plain]["mean_iou"],
    }


def to_table(summary: Mapping[str, Mapping[str, Mapping[str, float]]], *, title: str) -> Table:
    table = Table("training labels", title=f"Mean IoU on true labels, {title}")
    for loss in LOSSES:
        table.add_column(loss, justify="right")
    for labels, by_loss in summary.items():
        cells = [
            f"{figures['mean_iou']:.4f} ± {figures['stdev']:.4f}" for figures in by_loss.values()
        ]
        table.add_row(labels, *cells)
    table.add_section()
    lost = compare(summary)
    table.add_row("lost", *(f"{lost[f'lost_by_{loss}']:.4f}" for loss in LOSSES))
    return table


if __name__ == "__main__":
    main()
