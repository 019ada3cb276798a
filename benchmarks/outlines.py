#!/usr/bin/env python3
"""A coarse classifier with the regression network, beside a classifier at full resolution.

    python benchmarks/outlines.py fasseg-frontal --minutes 8 --coarse-side 128

Both are trained on the same data for the same minutes in all: one as a classifier that looks at
images whose longer side is ``--coarse-side`` and a regressor on top, the other as a classifier
alone at ``--full-side``. With ``--unet`` a U-Net with the same encoder is trained for as many
minutes at that resolution, too. Measured on the validation images: what ``refined.py`` tells of
the first, mean IoU and boundary F of all, and milliseconds of the networks alone, in OpenVINO fp32.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console

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
from refined import compare, to_table
from results import describe_run, write_result
from segfit.basics.text import parse_settings
from segfit.classification.classify import pad_image
from segfit.datasets import LabelledData, open_labelled
from segfit.evaluation.regions import evaluate
from segfit.model.archive import read_model
from segfit.runtime.sessions import open_sessions
from unet import time_in_turns, train_and_measure
from unet_peer import unet_in_training

SETS = ("fasseg-frontal", "camvid", "superalloy")
TURNS = 40

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument(
        "--minutes", type=float, required=True, help="for each, with all its networks"
    )
    parser.add_argument("--coarse-side", type=int, required=True, help="pixels of the longer side")
    parser.add_argument("--full-side", type=int, default=512, help="(%(default)s)")
    parser.add_argument("--unet", action="store_true", help="train and measure a U-Net, too")
    parser.add_argument("--seed", type=int, default=0)
    add_settings(parser, of="all plans, such as regressor_share=0.6")
    arguments = parse_arguments(
        parser,
        quick="fasseg-frontal --unet --coarse-side 64 --full-side 96 "
        f"--minutes {QUICK_MINUTES} {QUICK_PLAN}",
    )

    folder = find_data(parser, arguments, arguments.set)
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    data = open_labelled(folder)
    build, settings = open_build_folder(arguments), parse_settings(arguments.settings)
    plans: dict[str, tuple[str, dict[str, Any]]] = {
        "coarse": (
            "both",
            {"scaling": frame(arguments.coarse_side), **settings},
        ),
        "full": ("classifier", {"scaling": frame(arguments.full_side), **settings}),
    }
    paths = {name: build / f"outlines-{arguments.set}-{name}.segfit" for name in plans}
    for name, (component, plan) in plans.items():
        segfit.train(
            data,
            paths[name],
            component=component,  # type: ignore[arg-type]
            plan=plan,
            minutes=arguments.minutes,
            seed=arguments.seed,
            threads=arguments.threads,
            force=True,
            on_event=print_round,
        )
    refined = segfit.load(paths["coarse"], threads=arguments.threads)
    full = segfit.load(paths["full"], threads=arguments.threads)
    validation = data.splits["val"]
    figures, reports = compare(refined, validation, name=arguments.set)
    reports["full resolution"] = evaluate(full, validation)
    figures["validation"]["full resolution"] = reports["full resolution"].to_dict()
    figures["full_plan"] = full.card.plan
    if arguments.unet:
        with unet_in_training():
            figures["unet"] = train_and_measure(
                data,
                {"scaling": frame(arguments.full_side), **settings},
                minutes=arguments.minutes,
                seed=arguments.seed,
            )
    figures["network_ms"] = time_networks(
        paths, data, threads=arguments.threads, turns=1 if arguments.quick else TURNS
    )
    console.print(to_table(reports))
    for name in ("outlines", "share_closed", "network_ms"):
        console.print(figures[name])
    if arguments.unet:
        unet = figures["unet"]
        console.print(f"U-Net: mean IoU {unet['mean_iou']:.4f}, {unet['boundary_f']}")
    name = f"outlines-{arguments.set}-{arguments.coarse_side}"
    console.print(write_result(name, run, figures, folder=arguments.results))


def frame(long_side_px: int) -> dict[str, Any]:
    return {"kind": "frame", "long_side_px": long_side_px}


def time_networks(
    paths: dict[str, Path], data: LabelledData, *, threads: int, turns: int
) -> dict[str, float]:
    """Median milliseconds of both classifiers' networks alone, on the first validation image."""
    image = data.splits["val"][0].image
    jobs = {}
    for name, path in paths.items():
        contents = read_model(path)
        session = open_sessions(contents, threads=threads)["classifier"]
        height, width = contents.card.scaling.working_size(*image.shape[:2])
        batch = pad_image(np.zeros((height, width, 3), np.uint8))[None]
        jobs[name] = lambda run=session.run, given=batch: run({"images": given})
    seconds = time_in_turns(jobs, turns=turns)
    return {name: 1000 * median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
