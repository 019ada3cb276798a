#!/usr/bin/env python3
"""Measure a model that ships, or any other, on the validation part of a data set.

python benchmarks/shipped.py face fasseg-frontal
"""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

import segfit
from accuracy import GROUPED, MAY_SHIP, SETS, find_worst
from options import find_data, make_parser
from pictures import draw_worst_cases
from results import describe_run, write_result
from segfit.datasets import open_labelled
from segfit.evaluation import evaluate, prefix_of
from segfit.segmenter import find_model

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument("model")
    parser.add_argument("set", choices=SETS)
    arguments = parser.parse_args()
    folder = find_data(parser, arguments.data, arguments.set)
    run = describe_run(seeds=[], threads=arguments.threads, data=[folder])
    name = f"shipped-{Path(arguments.model).stem}-{arguments.set}"

    labelled = open_labelled(folder)
    segmenter = segfit.load(arguments.model, threads=arguments.threads)
    group_of = prefix_of if arguments.set in GROUPED else None
    report = evaluate(segmenter, labelled.parts["val"], group_of=group_of)
    console.print(report.to_table())
    if arguments.set in MAY_SHIP:
        cases = find_worst(segmenter, labelled.parts["val"], report)
        pictures: Path = arguments.results / "pictures"
        draw_worst_cases(cases, labelled.classes, pictures / f"{name}-worst.png")
    figures = {
        "model_bytes": find_model(arguments.model).stat().st_size,
        "plan": segmenter.card.plan,
        **report.to_dict(),
    }
    console.print(write_result(name, run, figures, folder=arguments.results))


if __name__ == "__main__":
    main()
