#!/usr/bin/env python3
"""A model with its regression network beside itself without.

    python benchmarks/refined.py face fasseg-frontal

On the validation images: IoU of every class, boundary F, how far the outlines are off, and how
many vertices are within one and two of their standard errors. The temperature of the errors was
found on these very images; to be fair, the shares are also taken with a temperature that was
found on the other half of the images.

``truth on the grid`` is the best that labels on the classifier's grid can be: the truth, resampled
to it by area and upsampled as scores are. The share of the way from the classifier's outlines to it
is what the regression network closes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

import segfit
from accuracy import GROUPED, MAY_SHIP, SETS, find_worst
from images import draw_worst_cases
from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.basics.arrays import Float64Array, UInt8Array
from segfit.classes import ClassTable
from segfit.classification.decision import Decision, decide_labels
from segfit.datasets import Dataset, open_labelled
from segfit.evaluation.regions import evaluate, prefix_of
from segfit.evaluation.report import Report
from segfit.formats import Content
from segfit.model.shipped import find_model
from segfit.partition import LabelGrid
from segfit.refinement.truth import measure_errors, read_truth
from segfit.result.scores import Scores
from segfit.result.segmentation import Segmentation
from segfit.segmenter import AdjustedSegmenter
from segfit.training.residuals import fit_temperature

console = Console()


@dataclass(frozen=True)
class TruthOnGrid:
    """Gives the truth back as the classifier's grid would show it; images come in order."""

    classes: ClassTable
    grid_shapes: list[tuple[int, int]]
    labels: list[UInt8Array]
    provides: frozenset[Content] = frozenset()

    def __call__(self, image: UInt8Array, /) -> Segmentation:
        """Segment the next image of the data set."""
        labels, (rows, columns) = self.labels.pop(0), self.grid_shapes.pop(0)
        planes = [(labels == index).astype(np.float32) for index in range(len(self.classes))]
        size = (columns, rows)
        cells = np.stack([cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in planes])
        shape = labels.shape[0], labels.shape[1]
        decided = decide_labels(Scores(cells, shape, shape), Decision())
        return Segmentation(image, LabelGrid(decided), self.classes)


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("model")
    parser.add_argument("set", choices=SETS)
    arguments = parse_arguments(parser, quick="face fasseg-frontal")
    folder = find_data(parser, arguments, arguments.set)
    run = describe_run(seeds=[], threads=arguments.threads, data=[folder])
    segmenter = segfit.load(arguments.model, threads=arguments.threads)
    validation = open_labelled(folder).splits["val"]
    figures, reports = compare(segmenter, validation, name=arguments.set)
    console.print(to_table(reports))
    console.print(figures["outlines"])
    console.print(figures["share_closed"])
    figures["model_bytes"] = find_model(arguments.model).stat().st_size
    name = f"refined-{Path(arguments.model).stem}-{arguments.set}"
    console.print(write_result(name, run, figures, folder=arguments.results))
    if arguments.set in MAY_SHIP:
        cases = find_worst(segmenter, validation, reports["with"].rows)
        path = arguments.results / "images" / f"{name}-worst.png"
        draw_worst_cases(cases, validation.classes, path)


def compare(
    segmenter: segfit.Segmenter, validation: Dataset, *, name: str
) -> tuple[dict[str, Any], dict[str, Report]]:
    """Reports without and with the regression network, and of the truth on the grid."""
    group_of = prefix_of if name in GROUPED else None
    examples = list(validation)
    coarse = AdjustedSegmenter(segmenter, refine=False)
    scores = [coarse(example.image).scores for example in examples]
    truth = TruthOnGrid(
        validation.classes,
        [s.logits.shape[1:] for s in scores if s is not None],
        [example.labels for example in examples],
    )
    reports = {
        "without": evaluate(coarse, validation, group_of=group_of),
        "with": evaluate(segmenter, validation, group_of=group_of),
        "truth on the grid": evaluate(truth, validation),
    }
    card = segmenter.card.regressor
    figures = {
        "validation": {key: report.to_dict() for key, report in reports.items()},
        "share_closed": find_shares_closed(reports),
        # A regression network that improves nothing is left out of a model.
        "outlines": measure_outlines(segmenter, validation) if card else None,
        "regressor": card.metrics if card else None,
        "plan": segmenter.card.plan,
    }
    return figures, reports


def find_shares_closed(reports: dict[str, Report]) -> dict[str, float]:
    """How much of the way from coarse outlines to the best on the grid, by figure."""

    def read(report: Report) -> dict[str, float]:
        boundary = {f"boundary_f@{px:g}": value for px, value in report.boundary_f.items()}
        return {"mean_iou": report.mean_iou, **boundary}

    coarse, refined, best = (read(reports[key]) for key in ("without", "with", "truth on the grid"))
    return {key: (refined[key] - coarse[key]) / (best[key] - coarse[key]) for key in coarse}


def measure_outlines(segmenter: segfit.Segmenter, validation: Dataset) -> dict[str, Any]:
    """How far outlines are off before and after, and whether their standard errors say so."""
    errors: dict[bool, list[Float64Array]] = {False: [], True: []}
    claims: list[Float64Array] = []
    for example in validation:
        truth = read_truth(example.labels, len(validation.classes))
        for refine in (False, True):
            result = segmenter(example.image, refine=refine)
            errors_px, claimed_px = measure_errors(result.partition, truth)
            errors[refine].append(np.abs(errors_px))
            if refine:
                claims.append(claimed_px)
    residuals = [e / c for e, c in zip(errors[True], claims, strict=True)]
    halves = [residuals[0::2], residuals[1::2]]
    crossed = np.concatenate(
        [np.concatenate(own) / fit_temperature(np.concatenate(other))
         for own, other in (halves, halves[::-1])]
    )  # fmt: skip
    as_shipped = np.concatenate(residuals)
    distances = {refine: np.concatenate(values) for refine, values in errors.items()}
    return {
        "vertices": len(as_shipped),
        **{
            f"{name}_{when}_px": float(figure(distances[refine]))
            for when, refine in (("before", False), ("after", True))
            for name, figure in (
                ("mean_error", np.mean),
                ("median_error", np.median),
                ("rms_error", lambda values: np.sqrt(np.mean(values**2))),
            )
        },
        **{f"within_{n}": float(np.mean(as_shipped < n)) for n in (1, 2)},
        **{f"within_{n}_other_half": float(np.mean(crossed < n)) for n in (1, 2)},
    }


def to_table(reports: dict[str, Report]) -> Table:
    names = next(iter(reports.values())).class_names
    table = Table("outlines", title="Validation images")
    for title in ("mean IoU", "F@1 px", "F@2 px", "ms", *names):
        table.add_column(title, justify="right")
    for key, report in reports.items():
        boundary_f = list(report.boundary_f.values())
        table.add_row(
            key,
            f"{report.mean_iou:.4f}",
            f"{boundary_f[0]:.4f}",
            f"{boundary_f[1]:.4f}",
            f"{1000 * report.seconds_per_image:.1f}",
            *(f"{iou:.3f}" for iou in report.iou),
        )
    return table


if __name__ == "__main__":
    main()
