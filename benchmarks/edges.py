#!/usr/bin/env python3
"""Edges and regions on BSDS500's validation split, beside what people drew.

    python benchmarks/edges.py --strengths 49

Every detector by the same thinning, linking, hierarchy and matching. Times are of one image at a
time, linking and hierarchy included. Felzenszwalb's regions, by the best of some scales, are there
for comparison. Nothing was chosen on these images but, as the field does, the one strength (or
scale) that is best for all of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from options import find_data, make_parser, parse_arguments
from results import describe_run, write_result
from segfit.classical.felzenszwalb import Felzenszwalb
from segfit.cli.display.reports import render_report
from segfit.datasets.drawn import DrawnImages, open_drawn
from segfit.edges import DETECTORS
from segfit.evaluation.edges import evaluate_edges
from segfit.methods import LEARNED, open_edge_finder
from segfit.metrics.covering import compare_regions, count_common

SCALES = (100, 200, 300, 500, 800, 1200)

console = Console()


def main() -> None:
    parser = make_parser(__doc__)
    parser.add_argument(
        "--detectors", nargs="+", default=(LEARNED, *DETECTORS), help="(%(default)s)"
    )
    parser.add_argument(
        "--strengths", type=int, default=99, help="at which edges are cut (%(default)s)"
    )
    arguments = parse_arguments(parser, quick="--strengths 5 --detectors learned canny")
    strengths = np.arange(1, arguments.strengths + 1) / (arguments.strengths + 1)
    folder = find_data(parser, arguments, "bsds500")
    run = describe_run(seeds=[], threads=arguments.threads, data=[folder])
    images = open_drawn(folder, "val")
    figures: dict[str, Any] = {"validation": {}}
    for name in arguments.detectors:
        finder = open_edge_finder(name, threads=arguments.threads)
        finder(images[0].image)  # the first run is slow
        with console.status(name):
            report = evaluate_edges(finder, images, strengths=strengths)
        console.print(name, render_report(report))
        figures["validation"][name] = report.to_dict()
    figures["felzenszwalb"] = measure_felzenszwalb(images)
    console.print(figures["felzenszwalb"])
    console.print(write_result("edges", run, figures, folder=arguments.results))


def measure_felzenszwalb(images: DrawnImages) -> dict[str, float]:
    """Mean covering at the best scale for all images."""
    coverings = np.zeros((len(images), len(SCALES)))
    for row, drawn in enumerate(track(images, "felzenszwalb", total=len(images))):
        for column, scale in enumerate(SCALES):
            found = Felzenszwalb(scale=scale)(drawn.image)
            regions = found.objects.astype(np.int64) - 1
            tables = [count_common(regions, one.regions) for one in drawn.drawings]
            coverings[row, column] = compare_regions(tables).covering
    means = coverings.mean(axis=0)
    return {"scale": float(SCALES[int(means.argmax())]), "covering": float(means.max())}


if __name__ == "__main__":
    main()
