#!/usr/bin/env python3
"""Branches for different classes beside a plain decoder, trained for the same minutes.

    python benchmarks/branches.py fasseg-frontal --minutes 4

Classifiers alone, at the resolution that the plan chooses: a plain decoder at the usual stride of
4, a plain one at the stride of the finest branch, and the branches. Measured on the validation
images: mean IoU, IoU of the classes (those of the fine branch are the small ones), boundary F,
and the network's milliseconds in OpenVINO fp32, in turns.
"""

from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import segfit
from accuracy import print_round
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
from segfit.classification.classify import pad_image
from segfit.datasets import open_labelled
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import Report
from segfit.model.archive import read_model
from segfit.runtime.sessions import open_sessions
from unet import time_in_turns

SETS = ("fasseg-frontal", "camvid")
TURNS = 40

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--minutes", type=float, required=True, help="for each")
    parser.add_argument("--branches", default="auto", help="as segfit train takes them")
    parser.add_argument("--seed", type=int, default=0)
    add_settings(parser, of="all plans")
    arguments = parse_arguments(
        parser, quick=f"fasseg-frontal --minutes {QUICK_MINUTES} {QUICK_PLAN}"
    )
    folder = find_data(parser, arguments, arguments.set)
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    data = open_labelled(folder)
    build, settings = open_build_folder(arguments), parse_settings(arguments.settings)
    plans: dict[str, dict[str, Any]] = {
        "plain, stride 4": {"output_stride": 4},
        "plain, stride 2": {"output_stride": 2},
        "branches": {"branches": arguments.branches},
    }
    reports: dict[str, Report] = {}
    cards, jobs = {}, {}
    for name, plan in plans.items():
        path = build / f"branches-{arguments.set}-{name.replace(', ', '-').replace(' ', '')}.segfit"
        segfit.train(
            data,
            path,
            component="classifier",
            minutes=arguments.minutes,
            plan={**settings, **plan},
            seed=arguments.seed,
            threads=arguments.threads,
            force=True,
            on_event=print_round,
        )
        reports[name] = evaluate(segfit.load(path, threads=arguments.threads), data.splits["val"])
        contents = read_model(path)
        cards[name] = contents.card
        session = open_sessions(contents, threads=arguments.threads)["classifier"]
        height, width = contents.card.scaling.working_size(*data.splits["val"][0].labels.shape)
        batch = pad_image(np.zeros((height, width, 3), np.uint8))[None]
        jobs[name] = lambda run=session.run, given=batch: run({"images": given})
    seconds = time_in_turns(jobs, turns=1 if arguments.quick else TURNS)
    network_ms = {name: 1000 * median(values) for name, values in seconds.items()}
    figures = {
        "minutes": arguments.minutes,
        "branches": cards["branches"].plan["branches"],
        "steps": {name: card.plan["trained_steps"] for name, card in cards.items()},
        "network_ms": network_ms,
        "validation": {name: report.to_dict() for name, report in reports.items()},
    }
    console.print(figures["branches"])
    console.print(to_table(reports, network_ms))
    name = f"branches-{arguments.set}"
    console.print(write_result(name, run, figures, folder=arguments.results))


def to_table(reports: dict[str, Report], network_ms: dict[str, float]) -> Table:
    names = next(iter(reports.values())).class_names
    table = Table("decoder")
    for title in ("ms", "mean IoU", "F@1 px", "F@2 px", *names):
        table.add_column(title, justify="right")
    for key, report in reports.items():
        boundary_f = list(report.boundary_f.values())
        values = [report.mean_iou, *boundary_f[:2], *report.iou]
        table.add_row(key, f"{network_ms[key]:.1f}", *(f"{value:.3f}" for value in values))
    return table


if __name__ == "__main__":
    main()
