#!/usr/bin/env python3
"""Going on from a model with a few more images, against training anew on all of them.

    python benchmarks/finetune.py

A classifier learns from 15 of FASSEG's 20 frontal portraits. Then there are the other five, too:
one training goes on from that model on all 20 for half a minute, another begins anew on all 20 and
has three minutes, and a third begins anew and has half a minute. All are measured on the 22
validation images.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import segfit
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
from segfit.datasets import LabelledData, open_labelled
from segfit.training.finetuning import KEPT

SET = "fasseg-frontal"
FURTHER_IMAGES = 5

console = Console()


@dataclass(frozen=True)
class Outcome:
    """One training; ``seconds`` of wall clock, the figures of all validation images."""

    name: str
    images: int
    minutes: float
    seconds: float
    steps: int
    mean_iou: float
    iou: dict[str, float | None]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--seed", type=int, default=0, help="(%(default)s)")
    parser.add_argument("--minutes", type=float, default=3.0, help="of training (%(default)g)")
    parser.add_argument(
        "--short-minutes", type=float, default=0.5, help="of the short trainings (%(default)g)"
    )
    add_settings(parser, of="all plans")
    arguments = parse_arguments(
        parser,
        quick=f"--minutes {QUICK_MINUTES} --short-minutes {QUICK_MINUTES} {QUICK_PLAN}",
    )
    folder = find_data(parser, arguments, SET)
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    data = open_labelled(folder)
    count = len(data.splits["train"])
    first_images = data.splits["train"].subset(range(count - FURTHER_IMAGES))
    few = replace(data, splits={**data.splits, "train": first_images})
    first = open_build_folder(arguments) / "finetune-first.segfit"
    outcomes = []
    for name, images, minutes, base in (
        (f"the first {len(first_images)}, anew", few, arguments.minutes, None),
        (f"all {count}, going on from that", data, arguments.short_minutes, first),
        (f"all {count}, anew", data, arguments.minutes, None),
        (f"all {count}, anew, as short", data, arguments.short_minutes, None),
    ):
        path = first if images is few else first.with_name("finetune-other.segfit")
        outcomes.append(
            train(
                name, images, path,
                base=base, minutes=minutes, plan=choose_settings(arguments.settings, base),
                seed=arguments.seed, threads=arguments.threads,
            )
        )  # fmt: skip
        console.print(outcomes[-1])
    console.print(to_table(outcomes))
    figures = {"set": SET, "trainings": [vars(outcome) for outcome in outcomes]}
    console.print(write_result("finetune", run, figures, folder=arguments.results))


def choose_settings(texts: list[str], base: Path | None) -> dict[str, Any]:
    """Settings of a plan; without those that are the model's, where a training goes on from one."""
    left_out = () if base is None else KEPT
    return {key: value for key, value in parse_settings(texts).items() if key not in left_out}


def train(
    name: str,
    data: LabelledData,
    path: Path,
    *,
    base: Path | None,
    minutes: float,
    plan: dict[str, Any],
    seed: int,
    threads: int,
) -> Outcome:
    """Train a classifier, from a model or anew."""
    began = time.perf_counter()
    result = segfit.train(
        data, path,
        component="classifier", base=base, minutes=minutes, plan=plan, seed=seed, threads=threads,
        force=True,
    )  # fmt: skip
    metrics = result.card.metrics
    return Outcome(
        name=name,
        images=len(data.splits["train"]),
        minutes=minutes,
        seconds=time.perf_counter() - began,
        steps=result.card.plan["trained_steps"],
        mean_iou=metrics["mean_iou"],
        iou=metrics["iou"],
    )


def to_table(outcomes: list[Outcome]) -> Table:
    table = Table("training", "images", "minutes", "steps", "mean IoU")
    for one in outcomes:
        table.add_row(
            one.name, str(one.images), f"{one.minutes:g}", str(one.steps), f"{one.mean_iou:.3f}"
        )
    return table


if __name__ == "__main__":
    main()
