#!/usr/bin/env python3
"""A coarse classifier with the regression network, beside a classifier at full resolution.

    python benchmarks/outlines.py fasseg-frontal --minutes 6 --coarse-side 128

Both are trained on the same data for the same minutes in all: one as a classifier that looks at
pictures whose longer side is ``--coarse-side`` and a regressor on top, the other as a classifier
alone at the resolution of the plan. Measured on the validation pictures: mean IoU and boundary F of
both, and of the coarse classifier before its outlines were moved; how far the outlines are off; and
how many vertices are within one and two of their standard errors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import segfit
from accuracy import print_round
from options import find_data, make_parser, parse_settings
from results import REPOSITORY, describe_run, write_result
from segfit.datasets import LabelledData, open_labelled
from segfit.evaluation import Report, evaluate
from segfit.outlines import measure_errors, read_truth
from segfit.predict import AdjustedSegmenter

SETS = ("fasseg-frontal", "camvid", "dsb2018", "superalloy")

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--minutes", type=float, required=True, help="for each, all parts included")
    parser.add_argument("--coarse-side", type=int, required=True, help="pixels of the longer side")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
        help="a setting of the coarse model's plan, such as regressor_share=0.6",
    )  # fmt: skip
    arguments = parser.parse_args()

    folder = find_data(parser, arguments.data, arguments.set)
    run = describe_run(seeds=[arguments.seed], threads=arguments.threads, data=[folder])
    data = open_labelled(folder)
    scaling = {"kind": "frame", "long_side_px": arguments.coarse_side}
    coarse_plan = {"scaling": scaling, **parse_settings(arguments.settings)}
    build = REPOSITORY / "build" / "benchmarks"
    build.mkdir(parents=True, exist_ok=True)
    models: dict[str, tuple[Path, str, dict[str, Any]]] = {
        "refined": (build / f"outlines-{arguments.set}-coarse.segfit", "both", coarse_plan),
        "full": (build / f"outlines-{arguments.set}-full.segfit", "classifier", {}),
    }
    for path, part, plan in models.values():
        segfit.train(
            data,
            path,
            part=part,  # type: ignore[arg-type]
            plan=plan,
            minutes=arguments.minutes,
            seed=arguments.seed,
            threads=arguments.threads,
            force=True,
            on_event=print_round,
        )
    refined = segfit.load(models["refined"][0], threads=arguments.threads)
    full = segfit.load(models["full"][0], threads=arguments.threads)
    validation = data.parts["val"]
    reports = {
        "coarse": evaluate(AdjustedSegmenter(refined, refine=False), validation),
        "refined": evaluate(refined, validation),
        "full": evaluate(full, validation),
    }
    figures = {
        "validation": {name: report.to_dict() for name, report in reports.items()},
        "outlines": measure_outlines(refined, data),
        "regressor": refined.card.regressor.metrics if refined.card.regressor else None,
        "plans": {"refined": refined.card.plan, "full": full.card.plan},
    }
    console.print(to_table(reports))
    console.print(figures["outlines"])
    name = f"outlines-{arguments.set}-{arguments.coarse_side}"
    console.print(write_result(name, run, figures, folder=arguments.results))


def measure_outlines(segmenter: segfit.Segmenter, data: LabelledData) -> dict[str, float]:
    """How far refined outlines are off, and whether their standard errors say so."""
    within = {1: 0, 2: 0}
    vertices, total_px = 0, 0.0
    for example in data.parts["val"]:
        result = segmenter(example.picture)
        truth = read_truth(example.labels, len(data.classes))
        errors_px, claimed_px = measure_errors(result.partition, truth)
        vertices += len(errors_px)
        total_px += float(abs(errors_px).sum())
        for count in within:
            within[count] += int((abs(errors_px) <= count * claimed_px).sum())
    return {
        "vertices": vertices,
        "mean_error_px": total_px / max(1, vertices),
        **{f"within_{count}": hits / max(1, vertices) for count, hits in within.items()},
    }


def to_table(reports: dict[str, Report]) -> Table:
    table = Table("outlines of", title="Validation pictures")
    for title in ("mean IoU", "F@1 px", "F@2 px", "ms per picture"):
        table.add_column(title, justify="right")
    for name, report in reports.items():
        boundary_f = list(report.boundary_f.values())
        table.add_row(
            name,
            f"{report.mean_iou:.4f}",
            f"{boundary_f[0]:.4f}",
            f"{boundary_f[1]:.4f}",
            f"{1000 * report.seconds_per_picture:.1f}",
        )
    return table


if __name__ == "__main__":
    main()
