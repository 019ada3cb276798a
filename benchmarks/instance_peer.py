#!/usr/bin/env python3
"""Ours beside the StarDist way, trained for the same minutes on the same images.

    python benchmarks/instance_peer.py --minutes 12

Both have the same encoder, decoder, batches, augmentation, optimiser and schedule. Ours: a head for
centres and offsets beside the classes, and the regression network, in all these minutes. The peer
(``star_peer.py``): probability and 32 radial distances, and non-maximum suppression. Thresholds of
both are chosen on the validation images, by the mean average precision, and so is the peer's
overlap; so all of these figures are a little too good. Also by kind of image.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import cv2
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
from segfit.basics.arrays import Int32Array
from segfit.basics.text import parse_settings
from segfit.datasets import LabelledData, LabelledImage, open_labelled
from segfit.evaluation.instances import SHOWN_IOUS, InstanceFigures
from segfit.evaluation.regions import prefix_of
from segfit.metrics.instances import InstanceCounts, count_instances, no_instances
from segfit.networks.classifier import Classifier
from segfit.segmenter import AdjustedSegmenter
from segfit.training.engine import Engine
from segfit.training.plan.plan import Plan, make_plan
from star_peer import StarTraining, predict_stars, suppress

LIKELY = (0.3, 0.4, 0.5, 0.6, 0.7)
OVERLAPS = (0.3, 0.4, 0.5)
ALL = "all"

console = Console()
Counts = dict[str, InstanceCounts]


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--minutes", type=float, required=True, help="for each, with all its networks"
    )
    parser.add_argument("--seed", type=int, default=0)
    add_settings(parser, of="both plans")
    arguments = parse_arguments(parser, quick=f"--minutes {QUICK_MINUTES} {QUICK_PLAN}")
    folder = find_data(parser, arguments, "dsb2018")
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    data = open_labelled(folder)
    settings = {"boxes_share": 0, **parse_settings(arguments.settings)}
    path = open_build_folder(arguments) / "instance-peer.segfit"
    segfit.train(
        data,
        path,
        minutes=arguments.minutes,
        plan=settings,
        seed=arguments.seed,
        threads=arguments.threads,
        force=True,
        on_event=print_round,
    )
    segmenter = segfit.load(path, threads=arguments.threads)
    coarse = AdjustedSegmenter(segmenter, refine=False)
    methods = {
        "ours, without the regressor": count_all(data, lambda e: coarse(e.image).objects),
        "ours": count_all(data, lambda e: segmenter(e.image).objects),
    }
    plan, _ = make_plan(data.splits["train"], overrides={**settings, "minutes": arguments.minutes})
    training = StarTraining(data, plan, seed=arguments.seed, budget_seconds=60 * arguments.minutes)
    engine = Engine(training)
    network = engine.run(on_event=print_round, save=lambda state: None)
    choices = list(itertools.product(LIKELY, OVERLAPS))[: 1 if arguments.quick else None]
    choice, methods["the StarDist way"] = choose_star(network, plan, data, choices)
    figures: dict[str, Any] = {
        "minutes": arguments.minutes,
        "steps_of_the_peer": engine.step,
        "chosen_for_the_peer": choice,
        "threshold_of_ours": segmenter.card.threshold,
        "plan": plan.model_dump(mode="json"),
        "validation": {
            name: {kind: read(counts).to_dict() for kind, counts in by_kind.items()}
            for name, by_kind in methods.items()
        },
    }
    console.print(to_table(methods))
    console.print(write_result("instance-peer", run, figures, folder=arguments.results))


def choose_star(
    network: Classifier, plan: Plan, data: LabelledData, choices: Sequence[tuple[float, float]]
) -> tuple[dict[str, float], Counts]:
    """The thresholds of some with which the peer is best, and what it does with them."""
    stride = network.architecture.output_stride
    seen = {
        example.name: predict_stars(network, example.image, plan) for example in data.splits["val"]
    }
    found: list[tuple[float, dict[str, float], Counts]] = []
    for likely, overlap in choices:

        def segment(example: LabelledImage, likely: float, overlap: float) -> Int32Array:
            height, width = example.labels.shape
            working = plan.scaling.working_size(height, width)
            objects = suppress(
                *seen[example.name], working, stride=stride, likely=likely, overlap=overlap
            )
            resized = cv2.resize(objects, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
            return np.asarray(resized, np.int32)

        counts = count_all(data, lambda e, a=likely, b=overlap: segment(e, a, b))  # type: ignore[misc]
        choice = {"likely": likely, "overlap": overlap}
        found.append((read(counts[ALL]).mean_average_precision, choice, counts))
    _, choice, counts = max(found, key=lambda entry: entry[0])
    return choice, counts


def count_all(data: LabelledData, segment: Callable[[LabelledImage], Int32Array]) -> Counts:
    """Counts over the validation images, all of them and by kind."""
    classes = data.classes
    totals: Counts = {ALL: no_instances(len(classes))}
    for example in data.splits["val"]:
        assert example.objects is not None
        objects = segment(example)
        counts = count_instances(
            example.labels,
            example.objects,
            (objects > 0).astype(np.uint8),
            objects,
            class_count=len(classes),
            object_classes=classes.object_classes,
            background=classes.background,
        )
        for kind in (ALL, prefix_of(example.name)):
            totals[kind] = totals.get(kind, no_instances(len(classes))) + counts
    return totals


def read(counts: InstanceCounts) -> InstanceFigures:
    return InstanceFigures(counts, (1,))


def to_table(methods: dict[str, Counts]) -> Table:
    table = Table("images", "method")
    for title in (*(f"AP@{iou:g}" for iou in SHOWN_IOUS), "mean", "PQ", "found"):
        table.add_column(title, justify="right")
    for kind in next(iter(methods.values())):
        for name, by_kind in methods.items():
            figures = read(by_kind[kind])
            values = [figures.average_precision[iou] for iou in SHOWN_IOUS]
            values += [figures.mean_average_precision, figures.panoptic_quality]
            found = str(by_kind[kind].predicted[1])
            table.add_row(kind, name, *(f"{value:.3f}" for value in values), found)
    return table


if __name__ == "__main__":
    main()
