#!/usr/bin/env python3
"""How well a model tells objects apart, with and without its regression network.

    python benchmarks/instances.py nuclei dsb2018

On the validation images, in all and by kind: average precision TP / (TP + FP + FN) over
thresholds of the IoU, over all objects of the images together, as StarDist's
``matching_dataset`` counts them, and as the mean of the images' own; panoptic quality, the
aggregated Jaccard index and COCO's mask AP. The best round, the threshold and the temperature were
found on these images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import segfit
from accuracy import GROUPED, MAY_SHIP, find_worst
from images import draw_worst_cases
from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.cli.display.reports import render_report
from segfit.datasets import Dataset, open_labelled
from segfit.evaluation.instances import SHOWN_IOUS, InstanceFigures
from segfit.evaluation.regions import evaluate, prefix_of
from segfit.evaluation.report import Report
from segfit.metrics.figures import mean_of_known
from segfit.metrics.instances import count_instances
from segfit.result.method import Method
from segfit.segmenter import AdjustedSegmenter

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("model")
    parser.add_argument("set")
    arguments = parse_arguments(parser, quick="nuclei dsb2018")
    folder = find_data(parser, arguments, arguments.set)
    run = describe_run(seeds=[], threads=arguments.threads, data=[folder])
    segmenter = segfit.load(arguments.model, threads=arguments.threads)
    validation = open_labelled(folder).splits["val"]
    group_of = prefix_of if arguments.set in GROUPED else None
    methods: dict[str, Method] = {
        "without": AdjustedSegmenter(segmenter, refine=False),
        "with": segmenter,
    }
    reports = {
        name: evaluate(method, validation, group_of=group_of) for name, method in methods.items()
    }
    console.print(to_table(reports))
    console.print(render_report(reports["with"]))
    figures: dict[str, Any] = {
        "validation": {name: report.to_dict() for name, report in reports.items()},
        "mean_over_images": {
            name: average_images(method, validation) for name, method in methods.items()
        },
        "plan": segmenter.card.plan,
    }
    name = f"instances-{Path(arguments.model).stem}-{arguments.set}"
    console.print(write_result(name, run, figures, folder=arguments.results))
    if arguments.set in MAY_SHIP:
        for kind in [*reports["with"].groups] or [""]:
            rows = [row for row in reports["with"].rows if row.name.startswith(kind)]
            cases = find_worst(segmenter, validation, rows)
            path = arguments.results / "images" / f"{name}-worst-{kind or 'all'}.png"
            draw_worst_cases(cases, validation.classes, path)


def average_images(method: Method, validation: Dataset) -> dict[str, dict[str, float]]:
    """Mean over the images of a kind of their own average precisions, by kind and threshold."""
    of_kind: dict[str, list[dict[float, float]]] = {}
    for example in validation:
        assert example.objects is not None
        result = method(example.image)
        counts = count_instances(
            example.labels,
            example.objects,
            result.labels,
            result.objects,
            class_count=len(validation.classes),
            object_classes=validation.classes.object_classes,
            background=validation.classes.background,
        )
        figures = InstanceFigures(counts, validation.classes.object_classes)
        of_kind.setdefault(prefix_of(example.name), []).append(figures.average_precision)
    return {
        kind: {
            f"{iou:g}": mean_of_known(np.array([one[iou] for one in images])) for iou in images[0]
        }
        for kind, images in of_kind.items()
    }


def to_table(reports: dict[str, Report]) -> Table:
    """Instances of all images and of each kind, without and with the regression network."""
    table = Table("images", "regressor")
    for title in (*(f"AP@{iou:g}" for iou in SHOWN_IOUS), "mean", "PQ", "AJI", "COCO AP", "ms"):
        table.add_column(title, justify="right")
    for name, report in reports.items():
        groups = {key: group.instances for key, group in report.groups.items()}
        for kind, figures in {"all": report.instances, **groups}.items():
            if figures is None:
                continue
            values = [figures.average_precision[iou] for iou in SHOWN_IOUS]
            values += [
                figures.mean_average_precision,
                figures.panoptic_quality,
                figures.aggregated_jaccard,
            ]
            table.add_row(
                kind,
                name,
                *(f"{value:.3f}" for value in values),
                f"{figures.coco['ap']:.3f}" if figures.coco else "",
                f"{1000 * report.seconds_per_image:.0f}" if kind == "all" else "",
            )
    return table


if __name__ == "__main__":
    main()
