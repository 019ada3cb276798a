#!/usr/bin/env python3
"""Going on from a model with a few more images, against training anew on all of them.

    python benchmarks/finetune.py
    python benchmarks/finetune.py --quick

A classifier learns from 15 of FASSEG's 20 frontal portraits. Then there are the other five, too:
one training goes on from that model on all 20 for half a minute, another begins anew on all 20 and
has three minutes, and a third begins anew and has half a minute. All are measured on the 22
validation images. ``--quick`` divides all minutes by six and shows that it runs, no more.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

import segfit
from options import find_data, make_parser
from results import describe_run, open_build_folder, write_result
from segfit.datasets import LabelledData, open_labelled

SET = "fasseg-frontal"
FIRST_IMAGES = 15
MINUTES, SHORT_MINUTES, QUICK = 3.0, 0.5, 1 / 6

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
    parser.add_argument("--quick", action="store_true", help="a sixth of the minutes")
    arguments = parser.parse_args()
    folder = find_data(parser, arguments.data, SET)
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    data = open_labelled(folder)
    few = replace(
        data, splits={**data.splits, "train": data.splits["train"].subset(range(FIRST_IMAGES))}
    )
    factor = QUICK if arguments.quick else 1.0
    first = open_build_folder() / "finetune-first.segfit"
    outcomes = []
    for name, images, minutes, base in (
        ("the first 15, anew", few, MINUTES, None),
        ("all 20, going on from that", data, SHORT_MINUTES, first),
        ("all 20, anew", data, MINUTES, None),
        ("all 20, anew, as short", data, SHORT_MINUTES, None),
    ):
        path = first if images is few else first.with_name("finetune-other.segfit")
        outcomes.append(
            train(
                name, images, path,
                base=base, minutes=minutes * factor, seed=arguments.seed,
                threads=arguments.threads,
            )
        )  # fmt: skip
        console.print(outcomes[-1])
    console.print(to_table(outcomes))
    figures = {"set": SET, "trainings": [vars(outcome) for outcome in outcomes]}
    name = "finetune-quick" if arguments.quick else "finetune"
    console.print(write_result(name, run, figures, folder=arguments.results))


def train(
    name: str,
    data: LabelledData,
    path: Path,
    *,
    base: Path | None,
    minutes: float,
    seed: int,
    threads: int,
) -> Outcome:
    """Train a classifier, from a model or anew."""
    began = time.perf_counter()
    result = segfit.train(
        data, path,
        component="classifier", base=base, minutes=minutes, seed=seed, threads=threads, force=True,
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
