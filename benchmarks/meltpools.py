#!/usr/bin/env python3
"""Melt pools from COCO polygons, five folds: a head for objects beside connected regions.

    python benchmarks/meltpools.py --minutes 3 --seeds 3

The images are windows along two slices, each half of the next one. A fold is a stretch of one
slice; images that share any place with it are left out of its training. Average precision is
TP / (TP + FP + FN), over all folds together; COCO's mask AP is the mean of the folds' own. Beside
the model, connected regions of the same refined labels are taken for objects. Trainings by the
clock differ from each other, so all folds are done once for each seed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import segfit
from accuracy import find_worst, print_round
from images import draw_worst_cases
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
from segfit.basics.arrays import UInt8Array
from segfit.basics.text import parse_settings
from segfit.classes import ClassTable
from segfit.datasets import Dataset, LabelledData, open_labelled
from segfit.evaluation.instances import InstanceFigures
from segfit.evaluation.regions import evaluate
from segfit.evaluation.report import Report
from segfit.formats import Content
from segfit.metrics.figures import mean_of_known
from segfit.metrics.instances import no_instances
from segfit.partition import LabelGrid
from segfit.result.segmentation import Segmentation
from segfit.segmenter import Segmenter

METHODS = ("the model", "connected regions")

console = Console()


@dataclass(frozen=True)
class ConnectedRegions:
    """A segmenter's labels, each connected region of which is an object."""

    segmenter: Segmenter

    provides: frozenset[Content] = frozenset({Content.SCORES, Content.OBJECTS})

    @property
    def classes(self) -> ClassTable:
        """The segmenter's classes."""
        return self.segmenter.classes

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment an image, (H, W, 3) uint8 RGB."""
        found = self.segmenter(image)
        return Segmentation(image, LabelGrid(found.labels), self.classes, found.scores)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="of training for each fold")
    parser.add_argument("--folds", type=int, default=5, help="(%(default)s)")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each (%(default)s)")
    add_settings(parser)
    arguments = parse_arguments(parser, quick=f"--folds 2 --minutes {QUICK_MINUTES} {QUICK_PLAN}")
    folder = find_data(parser, arguments, "meltpool")
    seeds = range(arguments.seeds)
    run = describe_run(seeds=seeds, threads=arguments.threads, data=[folder])
    data = open_labelled(folder)
    images = data.splits["train"].joined_with(data.splits["val"])
    folds = make_folds(images, arguments.folds)
    path = open_build_folder(arguments) / "meltpools.segfit"
    by_method: dict[str, list[dict[str, Any]]] = {name: [] for name in METHODS}
    for seed in seeds:
        reports: dict[str, list[Report]] = {name: [] for name in METHODS}
        for fold in folds:
            segfit.train(
                LabelledData(data.classes, fold, data.notes),
                path,
                minutes=arguments.minutes,
                plan={"boxes_share": 0, **parse_settings(arguments.settings)},
                seed=seed,
                threads=arguments.threads,
                force=True,
                on_event=print_round,
            )
            segmenter = segfit.load(path, threads=arguments.threads)
            for name, method in zip(METHODS, (segmenter, ConnectedRegions(segmenter)), strict=True):
                reports[name].append(evaluate(method, fold["val"]))
        for name in METHODS:
            by_method[name].append(summarise(reports[name]))
    figures: dict[str, Any] = {
        "minutes": arguments.minutes,
        "folds": [{split: len(of_split) for split, of_split in fold.items()} for fold in folds],
        "notes": data.notes,
        "validation": by_method,
    }
    console.print(to_table(by_method))
    console.print(write_result("meltpools", run, figures, folder=arguments.results))
    cases = find_worst(segmenter, fold["val"], reports[METHODS[0]][-1].rows)
    draw_worst_cases(cases, data.classes, arguments.results / "images" / "meltpools-worst.png")


def make_folds(images: Dataset, count: int) -> list[dict[str, Dataset]]:
    """Stretches of the slices, with all the images that share no place with them."""
    places = [find_place(name) for name in images.names]
    order = sorted(range(len(places)), key=lambda index: places[index])
    folds = []
    for chosen in np.array_split(np.array(order), count):
        held = [places[index] for index in chosen]
        apart = [
            index
            for index, (slice_name, left, right) in enumerate(places)
            if not any(
                slice_name == other and left < end and begin < right for other, begin, end in held
            )
        ]
        folds.append({"train": images.subset(apart), "val": images.subset(chosen.tolist())})
    return folds


def find_place(name: str) -> tuple[str, int, int]:
    """Slice, left and right edge of an image by its name."""
    match = re.search(r"Slice-\d+(\w+?)_(\d+)_\d+_(\d+)_\d+", name)
    assert match is not None, name
    return match[1], int(match[2]), int(match[3])


def summarise(reports: list[Report]) -> dict[str, Any]:
    """Figures of all folds together, of one seed."""
    found = [report.instances for report in reports if report.instances is not None]
    total = sum((one.counts for one in found), no_instances(len(reports[0].class_names)))
    figures = InstanceFigures(total, found[0].object_classes).to_dict()
    coco = [one.coco for one in found if one.coco is not None]
    return {
        **figures,
        "coco": {name: mean_of_known(np.array([fold[name] for fold in coco])) for name in coco[0]},
        "mean_iou_of_folds": [report.mean_iou for report in reports],
    }


def to_table(by_method: dict[str, list[dict[str, Any]]]) -> Table:
    table = Table("melt pools", "seed")
    for title in (
        "AP@0.5",
        "AP@0.75",
        "PQ",
        "AJI",
        "COCO AP",
        "at 0.5",
        "at 0.75",
        "true",
        "found",
    ):
        table.add_column(title, justify="right")
    for name, of_seeds in by_method.items():
        for seed, figures in enumerate(of_seeds):
            precision, coco = figures["average_precision"], figures["coco"]
            values = [precision["0.5"], precision["0.75"], figures["panoptic_quality"]]
            values += [figures["aggregated_jaccard"], coco["ap"], coco["ap50"], coco["ap75"]]
            counts = str(figures["true"]), str(figures["predicted"])
            table.add_row(name, str(seed), *(f"{value:.3f}" for value in values), *counts)
    return table


if __name__ == "__main__":
    main()
